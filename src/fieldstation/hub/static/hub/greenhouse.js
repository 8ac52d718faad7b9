// Draws the range that the page's form asked for: one value for each instant, or whole documents.

import uPlot from "../vendor/uplot/uPlot.esm.js";

const COLOURS = ["#1b6ac9", "#c2571a", "#1d8348", "#8e44ad", "#b03a5b", "#4d5a66", "#7a6a00", "#00798c"];
const HEIGHT = 380;
const box = document.getElementById("graph");
const state = document.getElementById("graph-state");
const two = (number) => String(number).padStart(2, "0");

/** A moment by a strftime pattern, UTC. */
function written(pattern, seconds) {
  const at = new Date(seconds * 1000);
  const parts = {
    Y: at.getUTCFullYear(), m: two(at.getUTCMonth() + 1), d: two(at.getUTCDate()),
    H: two(at.getUTCHours()), M: two(at.getUTCMinutes()), S: two(at.getUTCSeconds()),
    y: two(at.getUTCFullYear() % 100), j: "", "%": "%",
    b: at.toLocaleString("en", { month: "short", timeZone: "UTC" }),
    B: at.toLocaleString("en", { month: "long", timeZone: "UTC" }),
    a: at.toLocaleString("en", { weekday: "short", timeZone: "UTC" }),
    A: at.toLocaleString("en", { weekday: "long", timeZone: "UTC" }),
  };
  return pattern.replace(/%([a-zA-Z%])/g, (whole, letter) => parts[letter] ?? whole);
}

/** The numbers of a value or document, by name. */
function numbers(value, name, found = Object.create(null)) {
  if (value !== null && typeof value === "object" && !Array.isArray(value)) {
    if ("value" in value) numbers(value.value, name, found);
    else for (const [key, each] of Object.entries(value)) numbers(each, name ? `${name}.${key}` : key, found);
  } else if (value !== null && value !== "" && typeof value !== "boolean" && Number.isFinite(Number(value))) {
    found[name] = Number(value);
  }
  return found;
}

function columns(answer, label) {
  const single = "parameter" in answer && "data" in answer;
  const rows = Object.entries(single ? answer.data : answer).map(([time, value]) => [
    Date.parse(`${time.replace(" ", "T")}Z`) / 1000,
    numbers(value, single ? label : ""),
  ]);
  const names = [...new Set(rows.flatMap(([, row]) => Object.keys(row)))].slice(0, COLOURS.length);
  return { names, data: [rows.map(([at]) => at), ...names.map((name) => rows.map(([, row]) => row[name] ?? null))] };
}

function draw({ names, data }) {
  const { xlabel, ylabel, dates, marker } = box.dataset;
  const ink = getComputedStyle(box).color;
  const axis = { stroke: ink, grid: { stroke: "#8884" }, ticks: { stroke: "#8886" } };
  const times = dates ? { values: (_, splits) => splits.map((at) => written(dates, at)) } : {};
  const log = "log" in box.dataset;
  const shown = log ? [data[0], ...data.slice(1).map((column) => column.map((v) => (v > 0 ? v : null)))] : data;
  const options = {
    width: box.clientWidth, height: HEIGHT, tzDate: (at) => uPlot.tzDate(new Date(at * 1000), "UTC"),
    scales: { y: { distr: log ? 3 : 1 } },
    axes: [{ ...axis, ...times, label: xlabel || undefined }, { ...axis, label: ylabel || undefined, size: 70 }],
    series: [{}, ...names.map((label, place) => ({
      label, stroke: COLOURS[place], width: 2, spanGaps: true,
      points: { show: marker !== "None" || data[0].length < 2, size: marker === "," ? 2 : 6 },
    }))],
  };
  const plot = new uPlot(options, shown, box);
  new ResizeObserver(() => plot.setSize({ width: box.clientWidth, height: HEIGHT })).observe(box);
}

try {
  const response = await fetch(box.dataset.source);
  if (!response.ok) throw new Error(String(response.status));
  const found = columns(await response.json(), box.dataset.label);
  if (found.names.length) draw(found);
  else state.textContent = box.dataset.none;
} catch {
  state.textContent = box.dataset.failed;
}
