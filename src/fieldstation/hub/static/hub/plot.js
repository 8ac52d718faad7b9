// One uPlot for a list of channels: mean as a line inside a band from minimum to maximum, states as
// steps, two axes by unit, gaps as gaps.

import uPlot from "../vendor/uplot/uPlot.esm.js";
import { valueText } from "./format.js";
import { lonely, reach, withGaps } from "./gaps.js";
import { timeLabels } from "./timeaxis.js";

const CURVES = 8;
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** The axis a channel belongs to: its unit; every enumeration has its own. */
export function axisOf(channel) {
  if (channel.kind === "enum") return `code ${channel.name}`;
  return channel.kind === "flag" ? "flag" : `unit ${channel.unit}`;
}

/** The number of the colour of the channel in place `place`. */
export function curveOf(place) {
  return place % CURVES;
}

const isStep = (channel) => channel.kind === "enum" || channel.kind === "flag";

/**
 * A plot in `box`. `onSelect(from, to)` is called after a drag; `onCursor(x, values)` on a move, and
 * with the newest place while the pointer is elsewhere.
 */
export class Plot {
  constructor(box, channels, onSelect, onCursor) {
    this.box = box;
    this.channels = channels;
    this.axes = [...new Set(channels.map(axisOf))];
    this.onSelect = onSelect;
    this.onCursor = onCursor;
    this.lanes = [];
    const series = channels.flatMap((channel, place) => this.#series(channel, place));
    this.uplot = new uPlot(this.#options(series), [[]], box);
  }

  /** Draws the answer of the API over `from` to `to` (seconds). `every`: interval of readings. */
  show(answer, from, to, every) {
    const tables = this.channels.map((channel, place) => {
      const bucket = answer.channels[place];
      const step = isStep(channel);
      const columns = step ? [bucket.last] : [bucket.max, bucket.min, bucket.mean];
      return withGaps(bucket.start_s, columns, reach(bucket.start_s, answer.span_s, every));
    });
    this.uplot.setData(uPlot.join(tables), false);
    this.scaleTo(from, to);
    this.#tell();
  }

  /** Moves the range of time without new data. */
  scaleTo(from, to) {
    this.uplot.setScale("x", { min: from, max: to });
  }

  /** The range of time shown now. */
  get range() {
    const { min, max } = this.uplot.scales.x;
    return [min, max];
  }

  fit() {
    this.uplot.setSize({ width: this.box.clientWidth, height: this.#height() });
  }

  destroy() {
    this.uplot.destroy();
  }

  #height() {
    return this.box.clientWidth < 520 ? 300 : 380;
  }

  #series(channel, place) {
    const stroke = css(`--curve-${curveOf(place)}`);
    const scale = axisOf(channel);
    const at = 1 + this.lanes.reduce((total, lane) => total + lane.width, 0);
    const lone = { filter: (u, i, show) => show || lonely(u.data[i]), size: 5, show: false };
    const line = { scale, stroke, width: 1.75, points: { ...lone, fill: stroke } };
    if (isStep(channel)) {
      this.lanes.push({ channel, width: 1, mean: at });
      return [{ ...line, paths: uPlot.paths.stepped({ align: 1 }) }];
    }
    this.lanes.push({ channel, width: 3, max: at, min: at + 1, mean: at + 2, stroke });
    const edge = { scale, width: 0, points: { show: false } };
    return [edge, { ...edge }, line];
  }

  #options(series) {
    const bands = this.lanes.filter((lane) => lane.width === 3)
      .map((lane) => ({ series: [lane.max, lane.min], fill: `${lane.stroke}4d` }));
    const scales = { x: { time: true, auto: false } };
    for (const axis of this.axes) scales[axis] = this.#scale(axis);
    return {
      width: this.box.clientWidth,
      height: this.#height(),
      series: [{}, ...series],
      bands,
      scales,
      axes: [this.#timeAxis(), ...this.axes.map((axis, i) => this.#valueAxis(axis, i))],
      legend: { show: false },
      cursor: {
        drag: { x: true, y: false, setScale: false, dist: 4 },
        points: { size: 7 },
        bind: { dblclick: () => null },
      },
      hooks: { setSelect: [(u) => this.#selected(u)], setCursor: [() => this.#tell()] },
    };
  }

  #scale(axis) {
    if (axis === "flag") return { range: [-0.1, 1.1] };
    if (axis.startsWith("code")) return { range: (u, min, max) => [(min ?? 0) - 0.5, (max ?? 1) + 0.5] };
    return { range: (u, min, max) => spread(min, max) };
  }

  #timeAxis() {
    return { ...this.#look(), size: 44, space: 76, values: (u, at, i, space, step) => timeLabels(at, step) };
  }

  #valueAxis(axis, place) {
    const channel = this.channels.find((one) => axisOf(one) === axis);
    const look = { ...this.#look(), scale: axis, side: place === 0 ? 3 : 1, size: width };
    if (place > 0) look.grid = { show: false };
    if (isStep(channel)) {
      const whole = (values) => values.map((v) => (Number.isInteger(v) ? valueText(channel, v) : ""));
      return { ...look, incrs: [1, 2, 5, 10], values: (u, values) => whole(values) };
    }
    return { ...look, values: (u, values, i, space, incr) => measured(values, incr, channel.unit) };
  }

  #look() {
    const line = { stroke: css("--line"), width: 1 };
    const font = "12px system-ui, sans-serif";
    return { stroke: css("--muted"), font, grid: line, ticks: { ...line, size: 5 }, gap: 6 };
  }

  #selected(u) {
    if (u.select.width < 4) return;
    const from = u.posToVal(u.select.left, "x");
    const to = u.posToVal(u.select.left + u.select.width, "x");
    u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.onSelect(from, to);
  }

  #tell() {
    const data = this.uplot.data;
    const idx = this.uplot.cursor.idx;
    const values = this.lanes.map((lane) => {
      const place = this.#filled(data[lane.mean], idx);
      const at = (column) => (column === undefined || place < 0 ? null : data[column][place] ?? null);
      return { mean: at(lane.mean), min: at(lane.min), max: at(lane.max) };
    });
    this.onCursor(data[0][idx ?? data[0].length - 1] ?? null, values);
  }

  /** The place at or before `idx` where the column says something; without `idx` its last value. */
  #filled(column, idx) {
    if (!column) return -1;
    const pointed = idx !== null && idx !== undefined;
    let place = pointed ? idx : column.length - 1;
    while (place >= 0 && (column[place] === undefined || (!pointed && column[place] === null))) place -= 1;
    return place;
  }
}

// Room above and below; a flat curve gets a range of its own so that it lies in the middle.
function spread(min, max) {
  if (min === null || min === undefined) return [0, 1];
  const room = (max - min) * 0.08 || Math.abs(max) * 0.05 || 1;
  return [min - room, max + room];
}

// The unit stands at the topmost number of its axis alone.
function measured(values, incr, unit) {
  const digits = Math.max(0, Math.ceil(-Math.log10(incr) - 1e-9));
  const texts = values.map((v) => v.toLocaleString(undefined, { minimumFractionDigits: digits, maximumFractionDigits: digits }));
  if (unit && texts.length) texts[texts.length - 1] += ` ${unit}`;
  return texts;
}

function width(u, values, axisIdx, cycle) {
  const longest = (values ?? []).reduce((most, text) => Math.max(most, String(text ?? "").length), 0);
  return cycle > 1 ? u.axes[axisIdx]._size : Math.max(44, Math.min(140, 18 + longest * 7.2));
}
