// Time from left to right, size from bottom to top, and as colour how many there were: what the
// histogram showed over the range of the plot.

import { momentText } from "./format.js";
import { frame, withUnit } from "./frame.js";
import { reach } from "./gaps.js";
import { shade } from "./holes.js";
import { everyNth, short } from "./svg.js";
import { gettext, interpolate } from "./texts.js";
import { timeLabels } from "./timeaxis.js";
import { instant } from "./view.js";

const HEIGHT = 240;
const EDGE = { left: 46, right: 14, top: 10, bottom: 36 };
// A column of the map is this many pixels wide.
const COLUMN = 4;
// New readings move the map this little; the plot tells of the range far more often.
const AGAIN_S = 30;
const SHADES = 5;
const HOUR_S = 3600;
const DAY_S = 24 * HOUR_S;
const STEPS_S = [60, 300, 900, HOUR_S, DAY_S / 8, DAY_S / 4, DAY_S / 2, DAY_S, 7 * DAY_S, 28 * DAY_S];
const LABEL = 56;

export class SizeMap {
  constructor(figure, picture, facts) {
    this.picture = picture;
    this.api = facts.api;
    this.everyS = facts.everyS;
    Object.assign(this, frame(figure, withUnit(interpolate(gettext("%(title)s by size in %(edgeUnit)s over time"), picture), picture.unit)));
    this.canvas = document.createElement("canvas");
    this.canvas.setAttribute("role", "img");
    this.box.append(this.canvas);
    this.asked = null;
    this.answer = null;
    this.holes = [];
  }

  /** What is missing over the range. */
  gaps(holes) {
    this.holes = holes;
    this.draw();
  }

  /** Shows another range, in seconds. */
  async over(from, to) {
    const near = (a, b) => Math.abs(a - b) < AGAIN_S;
    if (this.asked && near(this.asked[0], from) && near(this.asked[1], to)) return;
    const asked = [from, to];
    this.asked = asked;
    const columns = Math.min(512, Math.max(16, Math.floor(this.box.clientWidth / COLUMN)));
    const query = new URLSearchParams({
      channels: this.picture.channels.join(","), start: instant(from), end: instant(to), points: columns,
    });
    const answer = await fetch(`${this.api}/buckets?${query}`);
    // A later range has been asked for meanwhile, or the plot tells what is wrong.
    if (this.asked !== asked || !answer.ok) return;
    this.answer = await answer.json();
    this.draw();
  }

  draw() {
    if (!this.answer) return;
    const width = Math.max(240, this.box.clientWidth);
    const ratio = devicePixelRatio;
    Object.assign(this.canvas, { width: width * ratio, height: HEIGHT * ratio });
    Object.assign(this.canvas.style, { width: `${width}px`, height: `${HEIGHT}px` });
    const ctx = this.canvas.getContext("2d");
    ctx.scale(ratio, ratio);
    const range = levels(this.answer.channels);
    this.#shade(ctx, width);
    if (range) this.#cells(ctx, width, range);
    this.#scale(ctx, width);
    const [from, to] = this.asked.map((s) => momentText(s * 1000));
    this.#legend(range);
    this.canvas.setAttribute("aria-label", `${this.words.textContent}, ${from} – ${to}`);
  }

  #cells(ctx, width, [low, high]) {
    const shades = Array.from({ length: SHADES }, (_, i) => rgb(`--heat-${i}`));
    const x = this.#across(width);
    const tall = (HEIGHT - EDGE.top - EDGE.bottom) / this.answer.channels.length;
    const scale = Math.log10(high / low) || 1;
    this.answer.channels.forEach((bin, i) => {
      const top = HEIGHT - EDGE.bottom - (i + 1) * tall;
      const longest = reach(bin.start_s, this.answer.span_s, this.everyS);
      bin.start_s.forEach((start, k) => {
        const next = bin.start_s[k + 1] - start <= longest ? bin.start_s[k + 1] : start + this.answer.span_s;
        const share = bin.mean[k] > 0 ? Math.max(0.06, Math.log10(bin.mean[k] / low) / scale) : 0;
        const [left, right] = [x(start), x(next)];
        ctx.fillStyle = mixed(shades, Math.min(1, share));
        ctx.fillRect(left, top, right - left + 0.3, tall + 0.3);
      });
    });
  }

  #shade(ctx, width) {
    const [inner, tall] = [width - EDGE.left - EDGE.right, HEIGHT - EDGE.top - EDGE.bottom];
    const box = { left: EDGE.left, top: EDGE.top, width: inner, height: tall };
    const whole = this.holes.filter((hole) => !hole.layout);
    shade(ctx, whole, this.#across(width), box, 1, colour);
  }

  #legend(range) {
    const ramp = document.createElement("span");
    ramp.className = "ramp";
    const words = range ? [`${short(range[0])} `, ramp, ` ${short(range[1])}`] : [gettext("Nothing counted.")];
    this.words.replaceChildren(...words);
  }

  /** Where a moment in seconds lies. */
  #across(width) {
    const [from, to] = this.asked;
    const inner = width - EDGE.left - EDGE.right;
    return (s) => EDGE.left + Math.min(1, Math.max(0, (s - from) / (to - from))) * inner;
  }

  #times(ctx, width) {
    const [from, to] = this.asked;
    const most = (width - EDGE.left - EDGE.right) / LABEL;
    const step = STEPS_S.find((one) => (to - from) / one <= most) ?? 360 * DAY_S;
    // Marks stand at round hours and days of the viewer's own time zone.
    const zone = new Date(to * 1000).getTimezoneOffset() * 60;
    const first = Math.ceil((from - zone) / step) * step + zone;
    const instants = [];
    for (let at = first; at <= to; at += step) instants.push(at);
    const x = this.#across(width);
    ctx.textAlign = "center";
    timeLabels(instants, step).forEach((words, i) => {
      words.split("\n").forEach((word, row) => {
        ctx.fillText(word, x(instants[i]), HEIGHT - EDGE.bottom + 11 + row * 15);
      });
    });
  }

  #scale(ctx, width) {
    const { edges } = this.picture;
    const tall = (HEIGHT - EDGE.top - EDGE.bottom) / (edges.length - 1);
    ctx.font = "12px system-ui, sans-serif";
    ctx.fillStyle = getComputedStyle(this.words).color;
    ctx.textAlign = "right";
    ctx.textBaseline = "middle";
    const nth = everyNth(edges.length, HEIGHT - EDGE.top - EDGE.bottom, 18);
    edges.forEach((edge, i) => {
      if (i % nth === 0) ctx.fillText(edge, EDGE.left - 6, HEIGHT - EDGE.bottom - i * tall);
    });
    this.#times(ctx, width);
  }
}

// Smallest and largest positive mean, at most four powers of ten apart.
function levels(channels) {
  let [low, high] = [Infinity, 0];
  for (const { mean } of channels) {
    for (const value of mean) {
      if (value > 0) [low, high] = [Math.min(low, value), Math.max(high, value)];
    }
  }
  return high ? [Math.max(low, high / 1e4), high] : null;
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function rgb(name) {
  const text = colour(name);
  return [1, 3, 5].map((at) => Number.parseInt(text.slice(at, at + 2), 16));
}

function mixed(shades, share) {
  const place = share * (shades.length - 1);
  const at = Math.min(Math.floor(place), shades.length - 2);
  const parts = shades[at].map((a, i) => Math.round(a + (shades[at + 1][i] - a) * (place - at)));
  return `rgb(${parts})`;
}
