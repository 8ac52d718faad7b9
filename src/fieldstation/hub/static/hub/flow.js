// Where energy comes from and where it goes, now: sun, grid, load and battery around the instrument,
// an arrow on each line that carries power.

import { frame } from "./frame.js";
import { svg } from "./svg.js";
import { counted, gettext } from "./texts.js";

const WIDTH = 400;
// Places of the sides around the middle; two sides alone stand on one line.
const CROSS = {
  height: 236, middle: [200, 118], solar: [54, 62], load: [346, 62], grid: [54, 174], battery: [346, 174],
};
const LINE = { height: 124, middle: [200, 70], solar: [54, 70], battery: [346, 70] };
const NAMES = { solar: gettext("Sun"), load: gettext("Load"), grid: gettext("Grid"), battery: gettext("Battery") };
const ICONS = {
  solar: "M0-6a6 6 0 1 0 .1 0ZM0-12v3M0 9v3M-12 0h3M9 0h3M-8.5-8.5l2.1 2.1M6.4 6.4l2.1 2.1M-8.5 8.5l2.1-2.1M6.4-6.4l2.1-2.1",
  load: "M-10 1 0-9 10 1M-7-2v11H7V-2M-2 9V3h4v6",
  grid: "M-6 11 0-11 6 11M-9-4H9M-7 2H7M-4.5 4 4.5 10M4.5 4-4.5 10",
  battery: "M-11-6H8v12h-19ZM8-2.5h3v5H8M-7-2.5v5M-3-2.5v5M1-2.5v5",
};
// Less than this, in watts, is nothing.
const LEAST_W = 1;

export class Flow {
  constructor(figure, picture) {
    this.picture = picture;
    this.plan = picture.sides.every(({ side }) => side in LINE) ? LINE : CROSS;
    Object.assign(this, frame(figure, gettext("Energy now")));
  }

  draw(values) {
    const sides = this.picture.sides.map((side) => ({ ...side, ...state(side, values) }));
    this.words.textContent = sides.map((side) => `${NAMES[side.side]} ${side.text}${side.way}`).join(" · ");
    const drawing = svg("svg", {
      viewBox: `0 0 ${WIDTH} ${this.plan.height}`, role: "img", "aria-label": this.words.textContent, class: "flow",
    });
    const { middle } = this.plan;
    for (const side of sides) drawing.append(line(side, this.plan[side.side], middle));
    drawing.append(svg("circle", { cx: middle[0], cy: middle[1], r: 9, class: "node" }));
    for (const side of sides) drawing.append(place(side, this.plan[side.side], middle));
    this.box.replaceChildren(drawing);
  }
}

// What a side does: its watts, positive towards the instrument, and these in words.
function state(side, values) {
  const watts = power(side, values);
  if (watts === null) {
    const volts = values[side.voltage[0]];
    if (typeof volts !== "number") return { watts, text: "–", way: "" };
    return { watts, text: `${Math.round(volts)} V`, way: volts > 0 ? "" : `, ${gettext("none")}` };
  }
  const shown = Math.abs(Math.round(watts));
  const text = `${counted(shown)} W`;
  const inward = side.side === "load" || side.side === "battery" ? -watts : watts;
  if (Math.abs(watts) < LEAST_W) return { watts: 0, text, way: "" };
  const word = watts > 0 ? gettext("charging") : gettext("discharging");
  return { watts: inward, text, way: side.side === "battery" ? `, ${word}` : "" };
}

function power(side, values) {
  const told = side.power.map((name) => values[name]).filter((value) => typeof value === "number");
  if (told.length) return told.reduce((a, b) => a + b, 0);
  const [volts, amperes] = side.factors.map((name) => values[name]);
  return typeof volts === "number" && typeof amperes === "number" ? volts * amperes : null;
}

const way = (watts) => (watts ? (watts > 0 ? "in" : "out") : "none");

function line({ side, watts }, [x, y], [toX, toY]) {
  const name = `wire ${watts ? `live ${side}` : ""} ${watts === null ? "unknown" : ""}`.trim();
  const wire = svg("line", { x1: x, y1: y, x2: toX, y2: toY, class: name });
  const group = svg("g", { "data-side": side, "data-way": way(watts) }, wire);
  if (!watts) return group;
  const turn = (Math.atan2(toY - y, toX - x) * 180) / Math.PI + (watts > 0 ? 0 : 180);
  const at = `translate(${x + (toX - x) * 0.6} ${y + (toY - y) * 0.6}) rotate(${turn})`;
  group.append(svg("path", { d: "M-8-7 8 0-8 7Z", transform: at, class: `arrow ${side}` }));
  return group;
}

function place({ side, text }, [x, y], middle) {
  const words = [
    svg("circle", { r: 38, class: `place ${side}` }),
    svg("path", { d: ICONS[side], class: "icon", transform: "translate(0 -9)" }),
    svg("text", { y: 17, class: "watts" }, text),
    svg("text", { y: y > middle[1] ? 56 : -46, class: "side" }, NAMES[side]),
  ];
  return svg("g", { transform: `translate(${x} ${y})`, class: "at" }, ...words);
}
