// One day of one instrument: the account, and every hole with its cause and its time.

import { causeMeaning, causeText, swatch } from "./causes.js";
import { dayText, percent, stateText } from "./calendar.js";
import { holeLength } from "./holes.js";
import { make } from "./make.js";

const DAY_MS = 86_400_000;
const clock = new Intl.DateTimeFormat(undefined, {
  timeZone: "UTC", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
});
const withDay = new Intl.DateTimeFormat(undefined, {
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
    list.append(make("li", "problem", `The holes could not be fetched: ${data.detail}`));
    return;
  }
  list.append(...data.holes.map((hole) => holeItem(hole, start, end)));
  if (data.next) list.append(make("li", "muted", "There are more; the API lists them all."));
}

function account(row) {
  const parts = [["stored", row.stored], ["missing", row.missed], ["refused", row.refused],
    ["on the way", row.in_transit]].filter(([word, n]) => n || word === "stored");
  const list = make("dl", "account");
  const add = (word, n, mark) => {
    list.append(make("div", "", make("dt", "", word), make("dd", "num", mark, n)));
  };
  add("due", row.due === null ? "unknown" : row.due.toLocaleString(), "");
  parts.forEach(([word, n], i) => add(word, n.toLocaleString(), i ? "+ " : "= "));
  return list;
}

function sentence(row) {
  const share = row.completeness === null ? "" : `${percent(row.completeness)} %: `;
  const later = row.recovered ? ` ${row.recovered.toLocaleString()} came later after all.` : "";
  return `${share}${stateText(row.state)}.${later}`;
}

function holeItem(hole, start, end) {
  const [first, last] = [Date.parse(hole.first), Date.parse(hole.last)];
  const when = (ms) => (ms < start || ms >= end ? withDay : clock).format(ms);
  const times = first === last ? when(first) : `${when(first)} – ${when(last)}`;
  const still = hole.state === "open" ? ", still growing" : "";
  const what = hole.layout ? ` of ${hole.layout}` : "";
  const count = `${hole.count.toLocaleString()} ${hole.count === 1 ? "reading" : "readings"}${what}`;
  const meaning = causeMeaning(hole.cause);
  const why = make("span", "", make("strong", "", causeText(hole.cause)), meaning ? `: ${meaning}` : "");
  const state = hole.state === "recovered" ? "came after all" : `${count}${still}`;
  const length = first === last ? "" : ` (${holeLength(hole)})`;
  return make("li", "", swatch(hole.cause), make("span", "num", `${times}${length}`), why, make("span", "muted num", state));
}

function toPlot(facts, row, start, end) {
  const name = row.instrument.split("/").map(encodeURIComponent).join("/");
  const link = make("a", "", "Show this day in the plot");
  const query = new URLSearchParams({ from: new Date(start).toISOString(), to: new Date(end).toISOString() });
  link.href = `/instruments/${facts.gateway}/${name}?${query}`;
  return make("p", "", link);
}
