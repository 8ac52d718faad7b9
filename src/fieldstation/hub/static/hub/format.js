// Values, ages and moments in people's words; the server writes values alike (instruments/words.py).

import { decimal, gettext, interpolate, locale } from "./texts.js";

const [DIGITS, TELLING] = [6, 4];
/** Units of time with their length in seconds, the longest first. */
export const STEPS = [[86400, gettext("d")], [3600, gettext("h")], [60, gettext("min")], [1, gettext("s")]];

/** The value without its unit; a dash for none. `form` has kind, codes, and the decimals to show. */
export function valueText(form, value) {
  if (value === null || value === undefined || value === "") return "–";
  if (form.kind === "enum") return codeText(form.codes, String(value)).replaceAll("_", " ");
  if (form.kind === "flag") return value ? gettext("on") : gettext("off");
  if (typeof value !== "number") return String(value);
  if (form.kind === "number") return decimal(numberText(form.decimals, value));
  return decimal(String(Math.round(value * 100) / 100));
}

function numberText(shown, value) {
  if (!shown) return String(Number(value.toPrecision(DIGITS)));
  const whole = Math.trunc(Math.abs(value)).toString().length;
  const most = value ? Math.max(1, TELLING - whole) : TELLING - 2;
  const decimals = Math.min(shown, most, Math.max(0, DIGITS - whole));
  // Zero has no sign: -0.001 is written as 0.00.
  return (Number(value.toFixed(decimals)) + 0).toFixed(decimals);
}

// A code may be a word such as "constructor", which every object has by itself.
function codeText(codes, value) {
  return Object.hasOwn(codes, value) ? codes[value] : interpolate(gettext("unknown %(value)s"), { value });
}

/** A mean of values: where nobody said how many decimals they have, no more than tell something. */
export function meanText(form, value) {
  if (form.kind !== "number" || form.decimals || typeof value !== "number") return valueText(form, value);
  const whole = Math.trunc(Math.abs(value)).toString().length;
  return valueText(form, Number(value.toPrecision(Math.max(4, whole + 1))));
}

/** An age in at most two units: `12 s`, `3 min`, `2 h 5 min`, `4 d 3 h`. */
export function ageText(seconds) {
  const age = Math.max(0, Math.floor(seconds));
  const at = STEPS.findIndex(([size]) => age >= size);
  if (at < 0) return `0 ${STEPS.at(-1)[1]}`;
  const [size, word] = STEPS[at];
  const text = `${Math.floor(age / size)} ${word}`;
  if (at >= 2) return text;
  const [smaller, smallerWord] = STEPS[at + 1];
  const rest = Math.floor((age % size) / smaller);
  return rest ? `${text} ${rest} ${smallerWord}` : text;
}

/** How long ago that was. */
export function agoText(seconds) {
  return interpolate(gettext("%(age)s ago"), { age: ageText(seconds) });
}

const DAY = { year: "numeric", month: "short", day: "numeric" };
const CLOCK = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
const moment = new Intl.DateTimeFormat(locale, { ...DAY, ...CLOCK });

/** A moment in the viewer's own time zone, to the second. */
export function momentText(ms) {
  return moment.format(new Date(ms));
}
