// One uPlot for a list of channels: mean as a line inside a band from minimum to maximum, two axes by
// unit, gaps as gaps; states as lanes above the curves.

import uPlot from "../vendor/uplot/uPlot.esm.js";
import { lonely, reach, withGaps } from "./gaps.js";
import { holeAt, shade } from "./holes.js";
import { drawLanes, isState, LANE, stateAt } from "./lanes.js";
import { language } from "./texts.js";
import { timeLabels } from "./timeaxis.js";

const CURVES = 8;
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** The axis a measured channel belongs to: its unit. */
export function axisOf(channel) {
  return `unit ${channel.unit}`;
}

/** The number of the colour of the channel in place `place`. */
export function curveOf(place) {
  return place % CURVES;
}

const AXIS = 44;

/**
 * A plot in `box`. `onSelect(from, to)` is called after a drag; `onCursor(x, values, hole)` on a
 * move, and with the newest place while the pointer is elsewhere.
 */
export class Plot {
  constructor(box, channels, onSelect, onCursor) {
    this.box = box;
    this.channels = channels;
    this.measured = channels.filter((channel) => !isState(channel));
    this.states = channels.filter(isState);
    this.axes = [...new Set(this.measured.map(axisOf))];
    this.onSelect = onSelect;
    this.onCursor = onCursor;
    this.curves = new Map();
    this.spans = new Map();
    this.holes = [];
    const series = channels.flatMap((channel, place) => this.#series(channel, place));
    this.uplot = new uPlot(this.#options(series), [[]], box);
  }

  /**
   * Draws answers of the API over `from` to `to` (seconds): `buckets` for the measured channels,
   * `states` for the others, each null when there are none of these. `every`: interval of readings.
   */
  show(buckets, states, from, to, every) {
    const tables = (buckets?.channels ?? []).map((one) => {
      const longest = reach(one.start_s, buckets.span_s, every);
      return withGaps(one.start_s, [one.max, one.min, one.mean], longest);
    });
    this.spans = new Map((states?.channels ?? []).map((one) => [one.channel, one]));
    this.uplot.setData(tables.length ? uPlot.join(tables) : [[from, to]], false);
    this.scaleTo(from, to);
    this.#tell();
  }

  /** Shades what is missing (`fetchHoles`). */
  shadeHoles(holes) {
    this.holes = holes;
    this.uplot.redraw(false);
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
    const curves = this.box.clientWidth < 520 ? 300 : 380;
    return (this.measured.length ? curves : AXIS + 10) + this.#lanes();
  }

  #lanes() {
    return this.states.length * LANE;
  }

  #series(channel, place) {
    if (isState(channel)) return [];
    const stroke = css(`--curve-${curveOf(place)}`);
    const scale = axisOf(channel);
    const at = 1 + 3 * this.curves.size;
    const lone = { filter: (u, i, show) => show || lonely(u.data[i]), size: 5, show: false };
    const line = { scale, stroke, width: 1.75, points: { ...lone, fill: stroke } };
    this.curves.set(channel.name, { max: at, min: at + 1, mean: at + 2, stroke });
    const edge = { scale, width: 0, points: { show: false } };
    return [edge, { ...edge }, line];
  }

  #options(series) {
    const bands = [...this.curves.values()]
      .map((curve) => ({ series: [curve.max, curve.min], fill: `${curve.stroke}4d` }));
    const scales = { x: { time: true, auto: false } };
    for (const axis of this.axes) scales[axis] = { range: (u, min, max) => this.#below(spread(min, max)) };
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
      hooks: {
        setSelect: [(u) => this.#selected(u)],
        setCursor: [() => this.#tell()],
        drawClear: [(u) => this.#drawHoles(u)],
        draw: [(u) => this.#drawLanes(u)],
      },
    };
  }

  // Curves leave the upper part of the plot to the lanes.
  #below([min, max]) {
    const share = this.#lanes() / (this.#height() - AXIS);
    return [min, min + (max - min) / (1 - share)];
  }

  #drawLanes(u) {
    drawLanes(u, this.states, this.states.map((one) => this.spans.get(one.name)), css);
  }

  #drawHoles(u) {
    shade(u.ctx, this.holes, (s) => u.valToPos(s, "x", true), u.bbox, devicePixelRatio, css);
  }

  #timeAxis() {
    return { ...this.#look(), size: AXIS, space: 76, values: (u, at, i, space, step) => timeLabels(at, step) };
  }

  #valueAxis(axis, place) {
    const { unit } = this.measured.find((one) => axisOf(one) === axis);
    const look = { ...this.#look(), scale: axis, side: place === 0 ? 3 : 1, size: width };
    const lanes = this.#lanes();
    const filter = (u, marks) => marks.map((v) => (u.valToPos(v, axis) < lanes ? null : v));
    look.grid = { ...look.grid, filter, show: place === 0 };
    look.ticks = { ...look.ticks, filter };
    return { ...look, filter, values: (u, values, i, space, incr) => measured(values, incr, unit) };
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
    const { data, cursor } = this.uplot;
    const pointed = cursor.left >= 0;
    const moment = pointed ? this.uplot.posToVal(cursor.left, "x") : null;
    const values = this.channels.map((channel) => {
      if (isState(channel)) return { text: stateAt(channel, this.spans.get(channel.name), moment) };
      const curve = this.curves.get(channel.name);
      const place = this.#filled(data[curve.mean], cursor.idx);
      const at = (column) => (column === undefined || place < 0 ? null : data[column][place] ?? null);
      return { mean: at(curve.mean), min: at(curve.min), max: at(curve.max) };
    });
    const newest = data[0][cursor.idx ?? data[0].length - 1] ?? null;
    const hole = pointed ? holeAt(this.holes, moment) : null;
    this.onCursor(this.measured.length && !hole ? newest : moment, values, hole);
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
  const form = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  const texts = values.map((v) => (v === null ? "" : v.toLocaleString(language, form)));
  const top = texts.findLastIndex((text) => text);
  if (unit && top >= 0) texts[top] += ` ${unit}`;
  return texts;
}

function width(u, values, axisIdx, cycle) {
  const longest = (values ?? []).reduce((most, text) => Math.max(most, String(text ?? "").length), 0);
  return cycle > 1 ? u.axes[axisIdx]._size : Math.max(44, Math.min(140, 18 + longest * 7.2));
}
