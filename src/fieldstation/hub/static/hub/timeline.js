// One state day by day: a bar for each of the last seven days in the viewer's time zone, and how
// long each value held.

import { valueText } from "./format.js";
import { colourOf } from "./lanes.js";
import { make } from "./make.js";
import { hubNow } from "./state.js";
import { fetchStates, refreshed } from "./states.js";
import { svg } from "./svg.js";
import { gettext, locale } from "./texts.js";

const DAYS = 7;
// Steps of ten minutes: finer ones than the eye tells apart would show every late reading as a hole.
const POINTS = 1024;
const REFRESH = { everyMs: 300_000, atLeastMs: 5000 };
// Of the drawing, which is stretched to the width of its place.
const WIDTH = 2400;
const TALL = 26;
const weekday = new Intl.DateTimeFormat(locale, { weekday: "short", day: "numeric" });
const clock = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

/** Fills `section`; returns what to call with live values. */
export function timeline(section, facts) {
  const channel = facts.channels.find((one) => one.name === section.dataset.timeline);
  const said = section.querySelector("[data-said]");
  const load = async () => {
    const days = lastDays();
    try {
      const [states] = await fetchStates(
        facts.api, [channel.name], new Date(days.at(-1).from).toISOString(), POINTS,
      );
      const spans = states.value.map((value, i) => (
        { value, from: states.start_s[i] * 1000, to: states.end_s[i] * 1000 }
      ));
      said.textContent = spans.length ? "" : section.dataset.none;
      section.querySelector("[data-days]").replaceChildren(...(spans.length ? drawn(section, channel, days, spans) : []));
    } catch (error) {
      said.textContent = `${section.dataset.failed} ${error.message}`;
    }
  };
  return refreshed([channel.name], facts.states, load, REFRESH);
}

// Today first. A day has 23 or 25 hours when the clock changes.
function lastDays() {
  const now = new Date(hubNow());
  const midnight = (back) => new Date(now.getFullYear(), now.getMonth(), now.getDate() - back).getTime();
  return Array.from({ length: DAYS }, (_, back) => ({ from: midnight(back), to: midnight(back - 1) }));
}

function drawn(section, channel, days, spans) {
  const rows = days.map((day, i) => {
    const name = i ? weekday.format(day.from) : section.dataset.today;
    const held = cut(spans, day);
    const bar = svg("svg", { viewBox: `0 0 ${WIDTH} ${TALL}`, preserveAspectRatio: "none", "aria-hidden": "true" });
    for (const span of held) bar.append(piece(section, channel, day, span));
    return make("div", "day", make("span", "muted num", name), bar);
  });
  const hours = make("div", "day hours", make("span", ""), make("span", "muted num", ...["0", "6", "12", "18", "24"].map((h) => make("span", "", h))));
  hours.setAttribute("aria-hidden", "true");
  return [...rows, hours, totals(section, channel, days, spans)];
}

function cut(spans, { from, to }) {
  return spans.filter((span) => span.to > from && span.from < to)
    .map((span) => ({ ...span, from: Math.max(span.from, from), to: Math.min(span.to, to, hubNow()) }));
}

function piece(section, channel, day, span) {
  const x = (ms) => ((ms - day.from) / (day.to - day.from)) * WIDTH;
  const words = `${clock.format(span.from)} – ${clock.format(span.to)} ${text(section, channel, span.value)}`;
  const rect = svg("rect", { x: x(span.from), width: Math.max(2, x(span.to) - x(span.from)), y: 0, height: TALL }, svg("title", {}, words));
  rect.style.fill = `var(${colourOf(channel, span.value)})`;
  return rect;
}

function totals(section, channel, days, spans) {
  const sums = new Map();
  const add = (column, day) => {
    for (const span of cut(spans, day)) {
      const row = sums.get(span.value) ?? [0, 0];
      row[column] += Math.max(0, span.to - span.from);
      sums.set(span.value, row);
    }
  };
  add(0, days[0]);
  add(1, { from: days.at(-1).from, to: days[0].to });
  const { state, today, week } = section.dataset;
  const head = make("tr", "", ...[state, today, week].map((word) => {
    const cell = make("th", "", word);
    cell.scope = "col";
    return cell;
  }));
  const body = [...sums].sort((a, b) => b[1][1] - a[1][1]).map(([value, [short, long]]) => {
    const swatch = make("span", "swatch");
    swatch.style.background = `var(${colourOf(channel, value)})`;
    const name = make("th", "", swatch, text(section, channel, value));
    name.scope = "row";
    return make("tr", "", name, make("td", "num", hoursText(short)), make("td", "num", hoursText(long)));
  });
  return make("table", "totals", make("thead", "", head), make("tbody", "", ...body));
}

const text = (section, channel, value) => (value === null ? section.dataset.several : valueText(channel, value));

function hoursText(ms) {
  const minutes = Math.round(ms / 60_000);
  const [hour, minute] = [gettext("h"), gettext("min")];
  if (minutes < 1) return ms > 0 ? `< 1 ${minute}` : "–";
  return minutes < 60 ? `${minutes} ${minute}` : `${Math.floor(minutes / 60)} ${hour} ${minutes % 60} ${minute}`;
}
