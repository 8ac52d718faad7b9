// Like channels side by side, such as the cells of a battery: one bar each, the lowest and the
// highest marked and named.

import { valueText } from "./format.js";
import { frame, withUnit } from "./frame.js";
import { everyNth, marks, short, svg } from "./svg.js";
import { gettext, interpolate } from "./texts.js";

const HEIGHT = 190;
const EDGE = { left: 46, right: 6, top: 22, bottom: 22 };

export class Bars {
  constructor(figure, picture) {
    this.picture = picture;
    Object.assign(this, frame(figure, withUnit(picture.title, picture.unit)));
  }

  draw(values) {
    const bars = this.picture.channels
      .map((name, i) => ({ number: this.picture.numbers[i], value: values[name] ?? null }));
    const known = bars.filter((bar) => bar.value !== null);
    if (!known.length) {
      this.box.replaceChildren();
      this.words.textContent = gettext("No values yet.");
      return;
    }
    const low = known.reduce((a, b) => (b.value < a.value ? b : a));
    const high = known.reduce((a, b) => (b.value > a.value ? b : a));
    this.words.textContent = this.#described(low, high);
    this.box.replaceChildren(this.#chart(bars, low, high));
  }

  #described(low, high) {
    const { unit } = this.picture;
    const text = (value) => `${valueText(this.picture, value)} ${unit}`.trim();
    if (low.value === high.value) return interpolate(gettext("all %(value)s"), { value: text(low.value) });
    const apart = valueText(this.picture, high.value - low.value);
    return interpolate(gettext("lowest %(low)s in %(first)s, highest %(high)s in %(last)s, %(apart)s apart"), {
      low: text(low.value), first: low.number, high: text(high.value), last: high.number, apart: `${apart} ${unit}`.trim(),
    });
  }

  #chart(bars, low, high) {
    const width = Math.max(200, this.box.clientWidth);
    const inner = width - EDGE.left - EDGE.right;
    const lines = scaleFor(low.value, high.value);
    const [bottom, top] = [lines[0], lines.at(-1)];
    const y = (v) => HEIGHT - EDGE.bottom - ((v - bottom) / (top - bottom)) * (HEIGHT - EDGE.top - EDGE.bottom);
    const each = inner / bars.length;
    const chart = svg("svg", { width, height: HEIGHT, role: "img", "aria-label": this.words.textContent });
    for (const line of lines) chart.append(...gridLine(line, y(line), width));
    const nth = everyNth(bars.length, inner, 24);
    bars.forEach((bar, i) => {
      const x = EDGE.left + i * each;
      const middle = x + each / 2;
      if (i % nth === 0) chart.append(svg("text", { x: middle, y: HEIGHT - 6, class: "mark" }, String(bar.number)));
      if (bar.value === null) return;
      const unlike = low.value !== high.value;
      const extreme = unlike && (bar === low ? "low" : bar === high && "high");
      const tall = Math.max(2, y(bottom) - y(bar.value));
      const room = Math.min(each * 0.18, 6);
      const name = `bar ${extreme || ""}`.trim();
      const box = { x: x + room, width: Math.max(1, each - 2 * room), y: y(bottom) - tall, height: tall };
      chart.append(svg("rect", { ...box, rx: Math.min(3, each / 5), class: name }));
      if (extreme) {
        const words = valueText(this.picture, bar.value);
        const at = Math.min(Math.max(middle, EDGE.left + 22), width - 24);
        chart.append(svg("text", { x: at, y: y(bar.value) - 5, class: `mark ${extreme}` }, words));
      }
    });
    return chart;
  }
}

// From zero where that still shows the differences, else from below the lowest.
function scaleFor(low, high) {
  const spread = high - low;
  if (low >= 0 && (spread > high * 0.4 || high === 0)) return marks(0, high || 1, 4);
  const room = spread * 0.35 || Math.abs(high) * 0.02 || 1;
  return marks(low - room, high + room * 0.3, 4);
}

function gridLine(value, y, width) {
  return [
    svg("line", { x1: EDGE.left, x2: width - EDGE.right, y1: y, y2: y, class: "rule" }),
    svg("text", { x: EDGE.left - 6, y: y + 4, class: "scale" }, short(value)),
  ];
}
