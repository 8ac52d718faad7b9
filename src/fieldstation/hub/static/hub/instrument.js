// The page of one instrument: live values, and a plot whose view is the page's address.

import { changes } from "./changes.js";
import { STEPS } from "./format.js";
import { fetchHoles, listHoles } from "./holes.js";
import { Lamps } from "./lamps.js";
import { isState } from "./lanes.js";
import { follow } from "./live.js";
import { bindKeys, bindTouch } from "./moves.js";
import { Picker, closeMenusOutside } from "./picker.js";
import { Pictures } from "./pictures.js";
import { Plot, axisOf } from "./plot.js";
import { Readout } from "./readout.js";
import { drawSparkline } from "./sparkline.js";
import { hubNow, showAge, showReading } from "./state.js";
import { counted, decimal, gettext, interpolate, ngettext } from "./texts.js";
import { timeline } from "./timeline.js";
import { instant, over, queryOf, spanOf, viewOf } from "./view.js";

const LIVE_AGAIN_MS = 2000;
const CURVES_AGAIN_MS = 300_000;
const POINTS = { least: 200, most: 2048 };

const page = document.getElementById("instrument");
const facts = JSON.parse(document.getElementById("plot-facts").textContent);
const byName = new Map(facts.channels.map((channel) => [channel.name, channel]));
const at = (id) => document.getElementById(id);

const pictures = new Pictures(at("pictures"), facts);
const lamps = new Lamps(page);
const sections = [
  ...[...page.querySelectorAll("[data-timeline]")].map((section) => timeline(section, facts)),
  ...(at("changes") ? [changes(at("changes"), facts)] : []),
];

let view = null;
let plot = null;
let readout = null;
let picker = null;
let fetching = null;
let drawnAt = 0;
let spanShown = 0;

function say(problem) {
  at("plot-problem").textContent = problem;
  at("plot-problem").hidden = !problem;
}

/** Shows a view and, unless it came from the history, puts it there. */
function open(wanted, { push = true } = {}) {
  const sameChannels = view && String(view.channels) === String(wanted.channels);
  view = wanted;
  if (push) history.pushState(null, "", queryOf(view));
  say("");
  if (!sameChannels || !plot) build();
  picker.mark(view.channels);
  for (const button of at("ranges").children) {
    button.setAttribute("aria-pressed", String(button.dataset.range === view.range));
  }
  load();
}

function build() {
  plot?.destroy();
  const channels = view.channels.map((name) => byName.get(name));
  readout = new Readout(at("readout"), channels, (name) => toggle(name, false));
  plot = null;
  if (!channels.length) return;
  plot = new Plot(at("plot"), channels, go, (x, values, hole) => readout.show(x, values, hole));
  bindTouch(plot.uplot.over, () => plot.range, (from, to) => plot.scaleTo(from, to), go);
}

async function load() {
  const [from, to] = spanOf(view, facts, hubNow() / 1000);
  const shown = plot;
  link(from, to);
  pictures.over(from, to);
  if (!shown) {
    at("plot-status").textContent = gettext("Choose a channel to draw.");
    return;
  }
  fetching?.abort();
  fetching = new AbortController();
  drawnAt = Date.now();
  at("plot").classList.add("busy");
  try {
    const { signal } = fetching;
    const [buckets, states, holes] = await Promise.all([
      ask("buckets", shown.measured, from, to, signal), ask("states", shown.states, from, to, signal),
      fetchHoles(facts.api, from, to, facts.everyS, signal),
    ]);
    if (shown !== plot) return;
    spanShown = buckets?.span_s ?? (to - from) / points();
    plot.show(buckets, states, from, to, facts.everyS);
    plot.shadeHoles(holes);
    pictures.gaps(holes);
    listHoles(at("plot-gaps"), holes);
    at("plot-status").textContent = described(buckets, states);
  } catch (error) {
    if (error.name !== "AbortError") say(interpolate(gettext("The plot could not be fetched: %(error)s"), { error: error.message }));
  } finally {
    at("plot").classList.remove("busy");
  }
}

function points() {
  return Math.min(Math.max(Math.round(at("plot").clientWidth), POINTS.least), POINTS.most);
}

/** The API's answer about some channels over a range; null when there are no channels. */
async function ask(what, channels, from, to, signal) {
  if (!channels.length) return null;
  const query = new URLSearchParams({
    channels: channels.map((channel) => channel.name).join(","),
    start: instant(from),
    end: instant(to),
    points: points(),
  });
  const answer = await fetch(`${facts.api}/${what}?${query}`, { signal });
  const data = await answer.json();
  if (!answer.ok) throw new Error(data.detail);
  return data;
}

function described(buckets, states) {
  const drawn = (buckets?.channels ?? []).flatMap((one) => one.n);
  const told = (states?.channels ?? []).map((one) => one.n);
  const values = [...drawn, ...told].reduce((a, b) => a + b, 0);
  if (!values) return gettext("There are no readings in this range. A longer one may hold some.");
  const words = interpolate(ngettext("%(n)s value", "%(n)s values", values), { n: counted(values) });
  if (!buckets) return words;
  return `${words}, ${interpolate(gettext("one point for every %(span)s"), { span: spanText(buckets.span_s) })}`;
}

function spanText(seconds) {
  const [size, word] = STEPS.find(([s]) => seconds % s === 0) ?? STEPS.at(-1);
  return `${decimal(String(seconds / size))} ${word}`;
}

function link(from, to) {
  const query = new URLSearchParams({
    channels: view.channels.join(","), start: instant(from), end: instant(to), units: "true",
  });
  at("csv").href = `${facts.api}/export.csv?${query}`;
}

function go(from, to) {
  open(over(view, from, to));
}

function zoomOut() {
  const [from, to] = spanOf(view, facts, hubNow() / 1000);
  go(from - (to - from) / 2, to + (to - from) / 2);
}

function toggle(name, wanted) {
  const names = view.channels.filter((one) => one !== name);
  const next = wanted ? [...names, name] : names;
  const axes = new Set(next.map((one) => byName.get(one)).filter((one) => !isState(one)).map(axisOf));
  if (wanted && axes.size > 2) {
    picker.mark(view.channels);
    const unit = byName.get(name).unit || gettext("this kind of value");
    say(interpolate(gettext("There is room for two units only. Remove the channels of one of them, then add %(unit)s."), { unit }));
    return;
  }
  open({ ...view, channels: next });
}

function bindControls() {
  picker = new Picker(at("picker"), facts.channels, toggle);
  closeMenusOutside();
  at("ranges").addEventListener("click", (event) => {
    const { range } = event.target.dataset;
    if (range) open({ channels: view.channels, range });
  });
  at("zoom-out").addEventListener("click", zoomOut);
  at("plot").addEventListener("dblclick", zoomOut);
  at("custom").addEventListener("toggle", fillCustom);
  at("custom-form").addEventListener("submit", showCustom);
  const home = () => open({ channels: view.channels, range: "24h" });
  bindKeys(at("plot"), () => plot?.range ?? spanOf(view, facts, hubNow() / 1000), go, home);
  for (const button of page.querySelectorAll("[data-plot]")) {
    button.addEventListener("click", () => showFromTable(button.dataset.plot));
  }
  addEventListener("popstate", () => open(viewOf(location.href, facts), { push: false }));
  new ResizeObserver(() => plot?.fit()).observe(at("plot"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { build(); load(); });
}

function showFromTable(name) {
  if (!view.channels.includes(name)) toggle(name, true);
  at("plot-title").scrollIntoView({ block: "start" });
}

function fillCustom() {
  const local = (s) => {
    const date = new Date(s * 1000);
    return new Date(date - date.getTimezoneOffset() * 60000).toISOString().slice(0, 19);
  };
  const [from, to] = spanOf(view, facts, hubNow() / 1000);
  at("from").value = local(from);
  at("to").value = local(to);
}

function showCustom(event) {
  event.preventDefault();
  const [from, to] = ["from", "to"].map((id) => new Date(at(id).value).getTime() / 1000);
  if (!(from < to)) {
    say(gettext("The first instant has to lie before the second."));
    return;
  }
  at("custom").open = false;
  open({ channels: view.channels, from, to });
}

follow((reading) => {
  if (`${reading.gateway}/${reading.instrument}` !== page.dataset.instrument) return;
  showReading(page, reading);
  pictures.show(reading.values);
  lamps.show(reading.values);
  for (const show of sections) show(reading.values);
  const wait = Math.max(LIVE_AGAIN_MS, spanShown * 500);
  if (view?.range && Date.now() - drawnAt >= wait && !document.hidden) load();
});
function curves() {
  for (const svg of page.querySelectorAll("svg.spark")) drawSparkline(svg);
}

curves();
setInterval(curves, CURVES_AGAIN_MS);
showAge(page);
setInterval(() => showAge(page), 1000);
if (at("plot")) {
  bindControls();
  open(viewOf(location.href, facts), { push: false });
}
