// A picture as it was ordered, in the browser: the same curves, bands, lanes, gaps and notes that the
// server draws, with the same titles, style, marker, scale and date format.

import uPlot from "../vendor/uplot/uPlot.esm.js";
import { lonely, withGaps } from "./gaps.js";
import { shade } from "./holes.js";
import { drawLanes, LANE } from "./lanes.js";
import { points } from "./plots-marks.js";
import { strftime, zoneLabels } from "./plots-strftime.js";
import { counted } from "./texts.js";

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const AXIS = 44;
const TITLE = 22;
const OWN = () => ({
  colours: [0, 1, 2, 3, 4, 5, 6, 7].map((i) => css(`--curve-${i}`)),
  grid: css("--line"),
  text: css("--muted"),
  ground: null,
});

const axisOf = (curve) => `unit ${curve.unit}`;

/** The colour names and grounds of a style; the page's own for `fieldstation`. */
export async function loadStyle(name) {
  if (name === "fieldstation") return OWN;
  const answer = await fetch(new URL("./plotstyles.json", import.meta.url));
  const found = (await answer.json())[name];
  return () => found ?? OWN();
}

/** One drawing in `box`. `look` has the options, `data` what the hub answered. */
export class Chart {
  constructor(box, look, style, data, { onSelect, onCursor, height }) {
    this.box = box;
    this.look = look;
    this.style = style();
    this.data = data;
    this.onCursor = onCursor;
    this.wanted = height;
    this.axes = [...new Set(data.curves.map(axisOf))].slice(0, 2);
    box.style.setProperty("background", this.style.ground ?? "");
    const tables = data.curves.map((one) => this.#table(one));
    const columns = tables.length ? uPlot.join(tables) : [[data.from, data.to]];
    this.uplot = new uPlot(this.#options(onSelect), columns, box);
    this.uplot.setScale("x", { min: data.from, max: data.to });
    this.#tell();
  }

  fit() {
    this.uplot.setSize({ width: this.box.clientWidth, height: this.#height() });
  }

  destroy() {
    this.uplot.destroy();
  }

  get range() {
    const { min, max } = this.uplot.scales.x;
    return [min, max];
  }

  /** The colour of the curve in place `i`. */
  colour(i) {
    return this.style.colours[i % this.style.colours.length];
  }

  #lanes() {
    return this.data.lanes.length * LANE;
  }

  #height() {
    const curves = this.wanted?.() ?? (this.box.clientWidth < 520 ? 300 : 400);
    if (this.wanted) return curves;
    return (this.data.curves.length ? curves : AXIS + 10) + this.#lanes();
  }

  #table(one) {
    const starts = one.start_s.map((at) => at + one.moved_s);
    const positive = (column) => (this.look.log ? column.map((v) => (v > 0 ? v : null)) : column);
    return withGaps(starts, [one.max, one.min, one.mean].map(positive), one.reach_s);
  }

  #options(onSelect) {
    const { curves } = this.data;
    const bands = curves.flatMap((one, i) => (one.earlier ? [] : [{ series: [3 * i + 1, 3 * i + 2], fill: `${this.colour(i)}38` }]));
    const scales = { x: { time: true, auto: false } };
    for (const axis of this.axes) {
      scales[axis] = this.look.log ? { distr: 3 } : { range: (u, min, max) => this.#below(spread(min, max)) };
    }
    return {
      width: this.box.clientWidth,
      height: this.#height(),
      series: [{}, ...curves.flatMap((one, i) => this.#series(one, i))],
      bands,
      scales,
      axes: [this.#timeAxis(), ...this.axes.map((axis, i) => this.#valueAxis(axis, i))],
      tzDate: (s) => uPlot.tzDate(new Date(s * 1000), this.data.zone),
      legend: { show: false },
      padding: this.look.tight ? [4, 4, 0, 0] : null,
      cursor: { drag: { x: !!onSelect, y: false, setScale: false, dist: 4 }, points: { size: 7 }, bind: { dblclick: () => null } },
      hooks: {
        setSelect: [(u) => select(u, onSelect)],
        setCursor: [() => this.#tell()],
        drawClear: [(u) => this.#behind(u)],
        draw: [(u) => this.#over(u)],
      },
    };
  }

  #series(one, i) {
    const colour = this.colour(i);
    const scale = this.axes.includes(axisOf(one)) ? axisOf(one) : this.axes.at(-1);
    const edge = { scale, width: 0, points: { show: false } };
    const lone = { filter: (u, at, show) => show || lonely(u.data[at]), size: 5, show: false, fill: colour };
    const marks = this.look.marker === "None" ? lone : points(this.look.marker, colour);
    return [edge, { ...edge }, { scale, stroke: colour, width: 1.75, dash: one.earlier ? [7, 5] : undefined, points: marks }];
  }

  // Curves leave the upper part of the plot to the lanes.
  #below([min, max]) {
    const share = Math.min(0.8, this.#lanes() / (this.#height() - AXIS));
    return [min, min + (max - min) / (1 - share)];
  }

  #axisLook() {
    const line = { stroke: this.style.grid ?? "transparent", width: 1 };
    const font = "12px system-ui, sans-serif";
    return { stroke: this.style.text, font, labelFont: font, labelSize: TITLE, grid: line, ticks: { ...line, size: 5 }, gap: 6 };
  }

  #timeAxis() {
    const { dateFormat, xlabel } = this.look;
    const { zone } = this.data;
    const values = dateFormat
      ? (u, at) => at.map((s) => strftime(dateFormat, s, zone))
      : (u, at, i, space, step) => zoneLabels(at, step, zone);
    return { ...this.#axisLook(), size: AXIS, space: dateFormat ? 110 : 76, values, label: xlabel || undefined };
  }

  #valueAxis(axis, place) {
    const units = this.data.curves.filter((one) => axisOf(one) === axis || (place === 1 && !this.axes.includes(axisOf(one))));
    const unit = [...new Set(units.map((one) => one.unit).filter(Boolean))].join(", ");
    const look = { ...this.#axisLook(), scale: axis, side: place === 0 ? 3 : 1, size: width };
    if (place) look.grid = { show: false };
    const values = (u, marks) => marks.map((mark) => (mark === null ? "" : counted(mark)));
    return { ...look, values, label: (place === 0 && this.look.ylabel) || unit || undefined };
  }

  #behind(u) {
    shade(u.ctx, this.data.gaps, (s) => u.valToPos(s, "x", true), u.bbox, devicePixelRatio, css);
  }

  #over(u) {
    drawLanes(u, this.data.lanes, this.data.lanes, css);
    const { ctx, bbox } = u;
    ctx.save();
    ctx.strokeStyle = this.style.text;
    ctx.fillStyle = this.style.text;
    ctx.font = `${12 * devicePixelRatio}px system-ui, sans-serif`;
    ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
    this.data.notes.forEach(({ at, text }) => {
      const x = u.valToPos(at, "x", true);
      if (x < bbox.left || x > bbox.left + bbox.width) return;
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      // Beside the line, on the side that has room for it.
      const gap = 4 * devicePixelRatio;
      const fits = x + gap + ctx.measureText(text).width <= bbox.left + bbox.width;
      ctx.textAlign = fits ? "left" : "right";
      ctx.fillText(text, fits ? x + gap : x - gap, bbox.top + (this.#lanes() + 14) * devicePixelRatio);
    });
    ctx.restore();
  }

  #tell() {
    if (!this.uplot) return;
    const { data, cursor } = this.uplot;
    const { idx } = cursor;
    const values = this.data.curves.map((one, i) => {
      const column = data[3 * i + 3] ?? [];
      let place = idx ?? column.length - 1;
      while (place >= 0 && (column[place] === undefined || (idx == null && column[place] === null))) place -= 1;
      return column[place] ?? null;
    });
    this.onCursor?.(idx == null ? null : data[0][idx], values);
  }
}

function select(u, onSelect) {
  if (u.select.width < 4 || !onSelect) return;
  const ends = [u.select.left, u.select.left + u.select.width].map((x) => u.posToVal(x, "x"));
  u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  onSelect(...ends);
}

function spread(min, max) {
  if (min === null || min === undefined) return [0, 1];
  const room = (max - min) * 0.08 || Math.abs(max) * 0.05 || 1;
  return [min - room, max + room];
}

function width(u, values, axisIdx, cycle) {
  const longest = (values ?? []).reduce((most, text) => Math.max(most, String(text ?? "").length), 0);
  return cycle > 1 ? u.axes[axisIdx]._size : Math.max(40, Math.min(140, 16 + longest * 7.2));
}
