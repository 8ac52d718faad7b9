// How many of each size: one column for each bin, its edges below, the height in powers of ten.

import { frame, withUnit } from "./frame.js";
import { everyNth, short, svg } from "./svg.js";
import { gettext, interpolate } from "./texts.js";

const HEIGHT = 220;
const EDGE = { left: 46, right: 14, top: 10, bottom: 38 };

export class Histogram {
  constructor(figure, picture) {
    this.picture = picture;
    Object.assign(this, frame(figure, withUnit(interpolate(gettext("%(title)s by size"), picture), picture.unit)));
  }

  draw(values) {
    const { channels, edges, edgeUnit, unit } = this.picture;
    const bins = channels.map((name) => values[name] ?? null);
    const most = bins.reduce((best, value, i) => (value > (bins[best] ?? 0) ? i : best), 0);
    const some = bins[most] > 0;
    this.words.textContent = some
      ? interpolate(gettext("most at %(from)s to %(to)s: %(value)s"), {
        from: edges[most], to: `${edges[most + 1]} ${edgeUnit}`.trim(), value: `${short(bins[most])} ${unit}`.trim(),
      })
      : gettext("Nothing counted.");
    this.box.replaceChildren(this.#chart(bins));
  }

  #chart(bins) {
    const { edges, edgeUnit } = this.picture;
    const width = Math.max(240, this.box.clientWidth);
    const inner = width - EDGE.left - EDGE.right;
    const floor = HEIGHT - EDGE.bottom;
    const [bottom, top] = decades(bins);
    const y = (power) => floor - ((power - bottom) / (top - bottom)) * (floor - EDGE.top);
    const each = inner / bins.length;
    const chart = svg("svg", { width, height: HEIGHT, role: "img", "aria-label": this.words.textContent });
    for (let power = bottom; power <= top; power += 1) {
      chart.append(
        svg("line", { x1: EDGE.left, x2: width - EDGE.right, y1: y(power), y2: y(power), class: "rule" }),
        svg("text", { x: EDGE.left - 6, y: y(power) + 4, class: "scale" }, short(10 ** power)),
      );
    }
    bins.forEach((value, i) => {
      if (!(value > 0)) return;
      const tall = Math.max(2, floor - y(Math.log10(value)));
      const box = { x: EDGE.left + i * each + 1, width: Math.max(1, each - 2), y: floor - tall, height: tall };
      const words = `${edges[i]} – ${edges[i + 1]} ${edgeUnit}: ${short(value)}`;
      chart.append(svg("rect", { ...box, rx: 2, class: "bar strong" }, svg("title", {}, words)));
    });
    const nth = everyNth(edges.length, inner, 34);
    edges.forEach((edge, i) => {
      if (i % nth) return;
      chart.append(svg("text", { x: EDGE.left + i * each, y: floor + 16, class: "mark" }, edge));
    });
    const middle = EDGE.left + inner / 2;
    chart.append(svg("text", { x: middle, y: HEIGHT - 4, class: "mark" }, interpolate(gettext("size in %(unit)s"), { unit: edgeUnit })));
    return chart;
  }
}

// Whole powers of ten below the smallest and above the largest, at least two and at most six apart.
function decades(bins) {
  const powers = bins.filter((value) => value > 0).map(Math.log10);
  if (!powers.length) return [-1, 1];
  const top = Math.ceil(Math.max(...powers) + 1e-9);
  const bottom = Math.floor(Math.min(...powers) - 1e-9);
  return [Math.max(Math.min(bottom, top - 2), top - 6), top];
}
