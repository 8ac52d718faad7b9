// The page of one gateway: its calendar, one day of it in detail, its events.

import { Calendar } from "./calendar.js";
import { momentText } from "./format.js";
import { make } from "./make.js";
import { followMoments } from "./moments.js";
import { showDay } from "./day.js";
import { gettext } from "./texts.js";

const AGAIN_MS = 60_000;
// What stations tell; the words of a newer one are shown as they come.
const EVENTS = {
  started: gettext("started"),
  stopped: gettext("stopped"),
  clock_jump: gettext("clock jump"),
  clock_drift: gettext("clock drift"),
  disk_full: gettext("disk full"),
  journal_set_aside: gettext("journal set aside"),
  restored: gettext("restored"),
  salvaged: gettext("salvaged"),
  swapped: gettext("swapped"),
};

const facts = JSON.parse(document.getElementById("gateway-facts").textContent);
const at = (id) => document.getElementById(id);

const calendar = new Calendar({
  box: at("calendar"),
  legend: at("calendar-legend"),
  summary: at("calendar-summary"),
  problem: at("calendar-problem"),
  earlier: at("earlier"),
  later: at("later"),
}, facts.api, (row) => showDay(at("day"), facts, row));

async function events() {
  const answer = await fetch(`${facts.api}/events`);
  if (!answer.ok) return;
  const rows = (await answer.json()).events.map((event) => {
    const time = make("time", "num", momentText(Date.parse(event.at)));
    time.dateTime = event.at;
    const what = make("span", "what", Object.hasOwn(EVENTS, event.what) ? EVENTS[event.what] : event.what.replaceAll("_", " "));
    return make("li", "", time, what, make("bdi", "", event.text));
  });
  at("events").replaceChildren(...(rows.length ? rows : [make("li", "muted", gettext("None."))]));
}

followMoments();
calendar.load();
events();
setInterval(() => {
  if (document.hidden) return;
  calendar.load();
  events();
}, AGAIN_MS);
