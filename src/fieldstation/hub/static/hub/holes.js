// What is missing, over a plot: fetched from the API, shaded with its cause, named under the cursor.

import { causeText, groupOf, swatch } from "./causes.js";
import { ageText } from "./format.js";
import { make } from "./make.js";
import { gettext, interpolate, ngettext } from "./texts.js";
import { instant } from "./view.js";

// Of more holes than this only the first are drawn; the plot could not show them apart.
const MOST = 2000;
// A hole of a part of the instrument, as a strip at the foot of the plot.
const STRIP = 7;
const LISTED = 6;
const STRIPE = 6;

/** How long a hole lasted in seconds: up to the next reading, `everyS` apart where it has one. */
function secondsOf(hole, everyS) {
  const span = (Date.parse(hole.last) - Date.parse(hole.first)) / 1000;
  return hole.count > 1 ? (span * hole.count) / (hole.count - 1) : everyS;
}

/** How long a hole of several readings lasted, in words. */
export function holeLength(hole) {
  return ageText(Math.round(secondsOf(hole, 0)));
}

/** Holes of an instrument that reach into `from` to `to` (seconds), without those that were filled. */
export async function fetchHoles(api, from, to, everyS, signal) {
  const query = new URLSearchParams({ start: instant(from), end: instant(to), limit: MOST });
  const answer = await fetch(`${api}/holes?${query}`, { signal });
  if (!answer.ok) return [];
  const rows = (await answer.json()).holes.filter((hole) => hole.state !== "recovered");
  const holes = rows.map((hole) => ({
    cause: hole.cause,
    layout: hole.layout,
    from: Date.parse(hole.first) / 1000,
    to: Date.parse(hole.first) / 1000 + secondsOf(hole, everyS),
    open: hole.state === "open",
  }));
  return holes.filter((hole) => hole.to > from && hole.from < to);
}

/** The hole at `at` seconds; one of the whole instrument before one of a part. */
export function holeAt(holes, at) {
  const here = holes.filter((hole) => hole.from <= at && at < hole.to);
  return here.find((hole) => !hole.layout) ?? here[0] ?? null;
}

/** A hole in words: `gap: unplugged 3 h 12 min`. */
export function holeText(hole) {
  const part = hole.layout ? ` (${hole.layout})` : "";
  const length = ageText(Math.round(hole.to - hole.from));
  const said = hole.open ? interpolate(gettext("%(length)s so far"), { length }) : length;
  return `${gettext("gap")}${part}: ${causeText(hole.cause)} ${said}`;
}

/** Shades `holes` on a canvas: `x(seconds)` places them, `box` is the plot, `css(name)` a colour. */
export function shade(ctx, holes, x, box, ratio, css) {
  ctx.save();
  ctx.beginPath();
  ctx.rect(box.left, box.top, box.width, box.height);
  ctx.clip();
  for (const hole of holes) {
    const left = x(hole.from);
    const wide = Math.max(2 * ratio, x(hole.to) - left);
    const tall = hole.layout ? STRIP * ratio : box.height;
    const top = box.top + box.height - tall;
    const colour = css(`--gap-${groupOf(hole.cause)}`);
    ctx.fillStyle = colour;
    ctx.globalAlpha = hole.layout ? 0.55 : 0.16;
    ctx.fillRect(left, top, wide, tall);
    ctx.globalAlpha = 0.85;
    ctx.fillRect(left, box.top + box.height - STRIP * ratio, wide, hole.layout ? 0 : 3 * ratio);
    if (!hole.layout) stripes(ctx, left, top, wide, tall, ratio, colour);
  }
  ctx.restore();
}

// Stripes tell a hole from a coloured state also without colours.
function stripes(ctx, left, top, wide, tall, ratio, colour) {
  ctx.save();
  ctx.beginPath();
  ctx.rect(left, top, wide, tall);
  ctx.clip();
  ctx.beginPath();
  const step = STRIPE * ratio;
  const first = Math.floor((left - tall) / step) * step;
  for (let at = first; at < left + wide; at += step) {
    ctx.moveTo(at, top + tall);
    ctx.lineTo(at + tall, top);
  }
  ctx.strokeStyle = colour;
  ctx.lineWidth = ratio * 0.7;
  ctx.globalAlpha = 0.4;
  ctx.stroke();
  ctx.restore();
}

/** Lists the causes of `holes` in `list`, the longest first. */
export function listHoles(list, holes) {
  const causes = new Map();
  for (const { cause, from, to } of holes) {
    const known = causes.get(cause) ?? { n: 0, seconds: 0 };
    causes.set(cause, { n: known.n + 1, seconds: known.seconds + to - from });
  }
  const sorted = [...causes].sort((a, b) => b[1].seconds - a[1].seconds).slice(0, LISTED);
  list.replaceChildren(...sorted.map(([cause, { n, seconds }]) => {
    const times = n > 1 ? `, ${interpolate(ngettext("%(n)s time", "%(n)s times", n), { n })}` : "";
    return make("li", "", swatch(cause), `${gettext("gap")}: ${causeText(cause)} ${ageText(Math.round(seconds))}${times}`);
  }));
  list.hidden = !sorted.length;
}
