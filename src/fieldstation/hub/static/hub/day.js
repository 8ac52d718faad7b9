// One day of one instrument: the account, and every hole with its cause and its time.

import { causeMeaning, causeText, swatch } from "./causes.js";
import { dayText, percent, stateText } from "./calendar.js";
import { holeLength } from "./holes.js";
import { make } from "./make.js";
import { counted, gettext, interpolate, locale, ngettext } from "./texts.js";

const DAY_MS = 86_400_000;
const clock = new Intl.DateTimeFormat(locale, {
  timeZone: "UTC", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
});
const withDay = new Intl.DateTimeFormat(locale, {
  timeZone: "UTC", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23",
});

/** Shows `row` of the calendar in `box` and moves the focus there. */
export async function showDay(box, facts, row) {
  const [start, end] = [Date.parse(row.day), Date.parse(row.day) + DAY_MS];
  const title = make("h3", "", make("bdi", "", row.instrument), `, ${dayText(row.day)} (UTC)`);
  const list = make("ul", "holes");
  box.replaceChildren(title, account(row), make("p", "", sentence(row)), list, toPlot(facts, row, start, end));
  box.hidden = false;
  box.focus();
  const query = new URLSearchParams({
    start: new Date(start).toISOString(), end: new Date(end).toISOString(), instrument: row.instrument,
  });
  const answer = await fetch(`${facts.api}/holes?${query}`);
  const data = await answer.json();
  if (!answer.ok) {
    list.append(make("li", "problem", interpolate(gettext("The holes could not be fetched: %(error)s"), { error: data.detail })));
    return;
  }
  list.append(...data.holes.map((hole) => holeItem(hole, start, end)));
  if (data.next) list.append(make("li", "muted", gettext("There are more; the API lists them all.")));
}

function account(row) {
  const others = [[gettext("missing"), row.missed], [gettext("refused"), row.refused], [gettext("on the way"), row.in_transit]];
  const parts = [[gettext("stored"), row.stored], ...others.filter(([, n]) => n)];
  const list = make("dl", "account");
  const add = (word, n, mark) => {
    list.append(make("div", "", make("dt", "", word), make("dd", "num", mark, n)));
  };
  add(gettext("due"), row.due === null ? gettext("unknown") : counted(row.due), "");
  parts.forEach(([word, n], i) => add(word, counted(n), i ? "+ " : "= "));
  return list;
}

function sentence(row) {
  const share = row.completeness === null ? "" : `${percent(row.completeness)} %: `;
  const later = row.recovered ? ` ${interpolate(gettext("%(n)s came later after all."), { n: counted(row.recovered) })}` : "";
  return `${share}${interpolate(gettext("%(sentence)s."), { sentence: stateText(row.state) })}${later}`;
}

function holeItem(hole, start, end) {
  const [first, last] = [Date.parse(hole.first), Date.parse(hole.last)];
  const when = (ms) => (ms < start || ms >= end ? withDay : clock).format(ms);
  const times = first === last ? when(first) : `${when(first)} – ${when(last)}`;
  const still = hole.state === "open" ? `, ${gettext("still growing")}` : "";
  const what = hole.layout ? ` (${hole.layout})` : "";
  const n = counted(hole.count);
  const count = interpolate(ngettext("%(n)s reading", "%(n)s readings", hole.count), { n }) + what;
  const meaning = causeMeaning(hole.cause);
  const why = make("span", "", make("strong", "", causeText(hole.cause)), meaning ? `: ${meaning}` : "");
  const state = hole.state === "recovered" ? gettext("came after all") : `${count}${still}`;
  const length = first === last ? "" : ` (${holeLength(hole)})`;
  return make("li", "", swatch(hole.cause), make("span", "num", `${times}${length}`), why, make("span", "muted num", state));
}

function toPlot(facts, row, start, end) {
  const name = row.instrument.split("/").map(encodeURIComponent).join("/");
  const link = make("a", "", gettext("Show this day in the plot"));
  const query = new URLSearchParams({ from: new Date(start).toISOString(), to: new Date(end).toISOString() });
  link.href = `/instruments/${facts.gateway}/${name}?${query}`;
  return make("p", "", link);
}
