// Times on an axis in a given time zone: by a strftime pattern, or by what fits the distance of marks.

import { locale } from "./texts.js";

const two = (number) => String(number).padStart(2, "0");
const formats = new Map();

function format(zone, options) {
  const key = zone + JSON.stringify(options);
  if (!formats.has(key)) formats.set(key, new Intl.DateTimeFormat(locale, { ...options, timeZone: zone }));
  return formats.get(key);
}

const CLOCK = { year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric", hourCycle: "h23" };

function parts(seconds, zone) {
  const key = `parts ${zone}`;
  if (!formats.has(key)) formats.set(key, new Intl.DateTimeFormat("en-US-u-ca-gregory-nu-latn", { ...CLOCK, timeZone: zone }));
  const found = {};
  for (const { type, value } of formats.get(key).formatToParts(seconds * 1000)) found[type] = Number(value);
  return found;
}

const word = (seconds, zone, options) => format(zone, options).format(seconds * 1000);

const SIGNS = {
  Y: (p) => String(p.year),
  y: (p) => two(p.year % 100),
  m: (p) => two(p.month),
  d: (p) => two(p.day),
  e: (p) => String(p.day).padStart(2, " "),
  H: (p) => two(p.hour),
  I: (p) => two(p.hour % 12 || 12),
  M: (p) => two(p.minute),
  S: (p) => two(p.second),
  p: (p) => (p.hour < 12 ? "AM" : "PM"),
  j: (p) => String((Date.UTC(p.year, p.month - 1, p.day) - Date.UTC(p.year, 0, 1)) / 86400000 + 1).padStart(3, "0"),
  b: (p, s, zone) => word(s, zone, { month: "short" }),
  B: (p, s, zone) => word(s, zone, { month: "long" }),
  a: (p, s, zone) => word(s, zone, { weekday: "short" }),
  A: (p, s, zone) => word(s, zone, { weekday: "long" }),
  F: (p) => `${p.year}-${two(p.month)}-${two(p.day)}`,
  T: (p) => `${two(p.hour)}:${two(p.minute)}:${two(p.second)}`,
  R: (p) => `${two(p.hour)}:${two(p.minute)}`,
  f: (p, s) => String(Math.floor((s % 1) * 1e6)).padStart(6, "0"),
  Z: (p, s, zone) => zone,
  "%": () => "%",
};

/** The instant `seconds` (since 1970) in `zone` by a strftime pattern; unknown signs stay as they are. */
export function strftime(pattern, seconds, zone) {
  const known = parts(seconds, zone);
  return pattern.replace(/%-?(.)/gs, (whole, sign) => {
    if (!Object.hasOwn(SIGNS, sign)) return whole;
    const text = SIGNS[sign](known, seconds, zone);
    return whole[1] === "-" ? text.replace(/^[0 ]+(?=.)/, "") : text;
  });
}

const DAY_S = 86400;

/** Labels for marks `step` seconds apart; the larger part of the time where it changes. */
export function zoneLabels(instants, step, zone) {
  const [fine, large] = patterns(step);
  let above = "";
  return instants.map((at) => {
    const wide = large && strftime(large, at, zone);
    const changed = wide && wide !== above;
    above = wide;
    return changed ? `${strftime(fine, at, zone)}\n${wide}` : strftime(fine, at, zone);
  });
}

function patterns(step) {
  if (step < 60) return ["%H:%M:%S", "%-d %b"];
  if (step < DAY_S) return ["%H:%M", "%-d %b"];
  if (step < 28 * DAY_S) return ["%-d %b", "%Y"];
  return step < 360 * DAY_S ? ["%b", "%Y"] : ["%Y", ""];
}

/** The moment in full, for a readout or a table. */
export const zoneMoment = (seconds, zone) => strftime("%F %T", seconds, zone);

/** The moment as a field of type datetime-local takes it. */
export const zoneField = (seconds, zone) => strftime("%FT%T", seconds, zone);
