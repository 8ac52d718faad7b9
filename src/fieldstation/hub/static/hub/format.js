// Values, ages and moments in people's words; the server writes values alike (instruments/words.py).

const DIGITS = 6;
const STEPS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];

/** The value without its unit; a dash for none. `form` has kind, decimals and codes. */
export function valueText(form, value) {
  if (value === null || value === undefined || value === "") return "–";
  if (form.kind === "enum") return (form.codes[String(value)] ?? `unknown ${value}`).replaceAll("_", " ");
  if (form.kind === "flag") return value ? "on" : "off";
  if (typeof value !== "number") return String(value);
  if (form.kind === "number") {
    const whole = Math.trunc(Math.abs(value)).toString().length;
    const decimals = Math.min(form.decimals, Math.max(0, DIGITS - whole));
    return form.decimals ? value.toFixed(decimals) : String(Number(value.toPrecision(DIGITS)));
  }
  return String(Math.round(value * 100) / 100);
}

/** An age in at most two units: `12 s`, `3 min`, `2 h 5 min`, `4 d 3 h`. */
export function ageText(seconds) {
  const age = Math.max(0, Math.floor(seconds));
  const at = STEPS.findIndex(([size]) => age >= size);
  if (at < 0) return "0 s";
  const [size, word] = STEPS[at];
  const text = `${Math.floor(age / size)} ${word}`;
  if (at >= 2) return text;
  const [smaller, smallerWord] = STEPS[at + 1];
  const rest = Math.floor((age % size) / smaller);
  return rest ? `${text} ${rest} ${smallerWord}` : text;
}

const DAY = { year: "numeric", month: "short", day: "numeric" };
const CLOCK = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
const moment = new Intl.DateTimeFormat(undefined, { ...DAY, ...CLOCK });

/** A moment in the viewer's own time zone, to the second. */
export function momentText(ms) {
  return moment.format(new Date(ms));
}
