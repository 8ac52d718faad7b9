// Small words for drawing: SVG elements, and marks of an axis.

import { decimal } from "./texts.js";

const SVG = "http://www.w3.org/2000/svg";

/** An SVG element with attributes and, behind them, children or text. */
export function svg(name, attributes = {}, ...inside) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...inside);
  return node;
}

/** About `count` round numbers that cover `low` to `high`, both ends included. */
export function marks(low, high, count) {
  const rough = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= rough);
  const first = Math.floor(low / step + 1e-9);
  const last = Math.ceil(high / step - 1e-9);
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toFixed(digits)));
}

/** Every how many of `count` words fit when each needs `each` pixels of `width`. */
export function everyNth(count, width, each) {
  return Math.max(1, Math.ceil((count * each) / width));
}

/** A number in few digits, however small. */
export function short(value) {
  return decimal(String(Number(value.toPrecision(3))));
}
