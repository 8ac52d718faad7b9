// What changed lately: the newest changes of all states of an instrument, newest first; those of
// one moment stand together.

import { momentText, valueText } from "./format.js";
import { make } from "./make.js";
import { hubNow } from "./state.js";
import { fetchStates, refreshed } from "./states.js";
import { locale } from "./texts.js";

const MOST = 20;
const VALUES = 400_000;
const POINTS = 4096;
// How far back is looked, in days, until there are enough.
const BACK = [1, 7, 30];
const REFRESH = { everyMs: 300_000, atLeastMs: 5000 };
const CLOCK = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
const today = new Intl.DateTimeFormat(locale, CLOCK);
const before = new Intl.DateTimeFormat(locale, { month: "short", day: "numeric", ...CLOCK });

/** Fills `section`; returns what to call with live values. */
export function changes(section, facts) {
  const known = new Map(facts.channels.filter((one) => Object.hasOwn(facts.states, one.name)).map((one) => [one.name, one]));
  const names = [...known.keys()];
  const [list, said] = [section.querySelector("[data-list]"), section.querySelector("[data-said]")];
  const load = async () => {
    try {
      const found = await newest(facts, names);
      list.replaceChildren(...moments(found).map((one) => item(one, known, section.dataset)));
      said.textContent = found.length ? "" : section.dataset.none;
    } catch (error) {
      said.textContent = `${section.dataset.failed} ${error.message}`;
    }
  };
  return refreshed(names, facts.states, load, REFRESH);
}

async function newest(facts, names) {
  let found = [];
  const points = Math.min(POINTS, Math.floor(VALUES / names.length));
  for (const days of BACK) {
    const columns = await fetchStates(facts.api, names, `-${days}d`, points);
    found = columns.flatMap(changesOf).sort((a, b) => b.at - a.at);
    if (found.length >= MOST || hubNow() - days * 86_400_000 < facts.firstMs) break;
  }
  return found.slice(0, MOST);
}

/** The changes of one channel; a span of several short values is one change at its end. */
export function changesOf({ channel, start_s: starts, end_s: ends, value: values }) {
  const found = [];
  values.forEach((value, i) => {
    const last = i === values.length - 1;
    if (value === null && last) found.push({ channel, at: starts[i], value, several: true });
    if (!i || value === null || value === values[i - 1]) return;
    found.push({
      channel, at: starts[i], value, before: values[i - 1], several: values[i - 1] === null, gap: starts[i] > ends[i - 1],
    });
  });
  return found;
}

function moments(found) {
  const by = new Map();
  for (const one of found) by.set(one.at, [...(by.get(one.at) ?? []), one]);
  return [...by].map(([at, all]) => ({ at: at * 1000, all }));
}

function item({ at, all }, known, words) {
  const when = new Date(at);
  const sameDay = when.toDateString() === new Date(hubNow()).toDateString();
  const time = make("time", "muted num", (sameDay ? today : before).format(when));
  time.dateTime = when.toISOString();
  time.title = momentText(at);
  const lines = all.map((one) => {
    const channel = known.get(one.channel);
    const text = (value) => valueText(channel, value);
    const from = channel.kind === "enum" && !one.several ? [make("span", "muted", text(one.before)), " → "] : [];
    const after = one.value === null ? [] : [make("strong", "", text(one.value))];
    const why = [one.several && words.several, one.gap && words.gap].filter(Boolean).join(", ");
    return make("li", "", make("bdi", "", channel.label), ": ", ...from, ...after, why ? make("span", "muted", ` (${why})`) : "");
  });
  return make("li", "", time, make("ul", "", ...lines));
}
