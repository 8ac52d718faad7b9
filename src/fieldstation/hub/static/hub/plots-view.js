// A figure on a page: fetches what it shows, draws it, names its curves and puts them in numbers.

import { meanText, momentText, valueText } from "./format.js";
import { listHoles } from "./holes.js";
import { make } from "./make.js";
import { Chart, loadStyle } from "./plots-chart.js";
import { zoneMoment } from "./plots-strftime.js";
import { counted, gettext, interpolate, ngettext } from "./texts.js";

const AGAIN_MS = 30_000;

/** The options of drawing that a figure's attributes hold. */
export function lookOf({ dataset }) {
  return {
    style: dataset.style,
    xlabel: dataset.xlabel,
    ylabel: dataset.ylabel,
    dateFormat: dataset.dateFormat,
    marker: dataset.marker,
    log: "log" in dataset,
    tight: "tight" in dataset,
  };
}

/** The options of drawing in the query of a picture. */
export function lookIn(query) {
  const text = (name, usual = "") => query.get(name) ?? usual;
  return {
    style: text("style", "fieldstation"),
    xlabel: text("xlabel"),
    ylabel: text("ylabel"),
    dateFormat: text("date_format"),
    marker: text("marker", "None"),
    log: query.has("logarithmic_scale"),
    tight: query.has("tight_layout"),
  };
}

export class View {
  /** `address()` gives where the data is fetched; `onSelect(from, to)` is told of a drag. */
  constructor(figure, look, address, { onSelect, onData, height } = {}) {
    this.figure = figure;
    this.look = look;
    this.address = address;
    this.options = { onSelect, height, onCursor: (at, values) => this.#read(at, values) };
    this.onData = onData;
    this.style = loadStyle(look.style);
    const box = this.#part("plot");
    new ResizeObserver(() => this.chart?.fit()).observe(box);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw());
  }

  #part(name) {
    return this.figure.querySelector(`[data-${name}]`);
  }

  /** Fetches and draws. */
  async load() {
    this.fetching?.abort();
    this.fetching = new AbortController();
    const box = this.#part("plot");
    box.classList.add("busy");
    try {
      const answer = await fetch(this.address(), { signal: this.fetching.signal });
      const data = await answer.json();
      if (!answer.ok) throw new Error(data.detail);
      this.data = data;
      this.drawStyle = await this.style;
      this.#draw();
      this.say("");
      this.onData?.(data);
    } catch (error) {
      if (error.name !== "AbortError") this.say(interpolate(gettext("The plot could not be fetched: %(error)s"), { error: error.message }));
    } finally {
      box.classList.remove("busy");
    }
  }

  /** Loads again every half minute while the page is looked at. */
  follow(wanted) {
    setInterval(() => { if (wanted() && !document.hidden) this.load(); }, AGAIN_MS);
  }

  say(problem) {
    this.#part("problem").textContent = problem;
    this.#part("problem").hidden = !problem;
  }

  #draw() {
    if (!this.data) return;
    this.chart?.destroy();
    this.chart = null;
    this.#chips();
    this.chart = new Chart(this.#part("plot"), this.look, this.drawStyle, this.data, this.options);
    this.#colourChips();
    listHoles(this.#part("gaps"), this.data.gaps);
    const n = this.data.curves.reduce((sum, one) => sum + one.figures.n, 0);
    const states = this.data.lanes.length;
    const some = interpolate(ngettext("%(n)s reading", "%(n)s readings", n), { n: counted(n) });
    const words = n || states ? some : gettext("There are no readings in this range");
    this.#part("status").textContent = interpolate(gettext("%(words)s. Times in %(zone)s."), { words, zone: this.data.zone });
  }

  #chips() {
    this.chips = this.data.curves.map((one) => {
      const reading = make("span", "reading");
      const swatch = make("span", "swatch");
      const label = make("bdi", "", one.label);
      return { swatch, reading, item: make("li", "", swatch, label, reading) };
    });
    this.moment = make("li", "moment");
    this.#part("readout").replaceChildren(...this.chips.map((chip) => chip.item), this.moment);
  }

  #colourChips() {
    this.chips.forEach(({ swatch }, i) => swatch.style.setProperty("background", this.chart.colour(i)));
  }

  #read(at, values) {
    this.moment.textContent = at === null ? "" : zoneMoment(at, this.data.zone);
    values.forEach((value, i) => {
      const one = this.data.curves[i];
      const unit = one.unit && value !== null ? ` ${one.unit}` : "";
      this.chips[i].reading.textContent = meanText(one, value) + unit;
    });
  }
}

const cell = (text) => make("td", "num", text);

/** Writes the figures of every curve into the table of `section`. */
export function showFigures(section, data) {
  const rows = data.curves.map((one) => {
    const { n, min, mean, max, last, completeness } = one.figures;
    const value = (number, text = valueText) => text(one, number) + (one.unit && number !== null ? ` ${one.unit}` : "");
    const name = make("th", "", make("bdi", "", one.label));
    name.scope = "row";
    const lastCell = cell(value(last));
    if (one.last_s) lastCell.title = momentText(one.last_s * 1000);
    const whole = completeness === null ? gettext("unknown") : `${counted(Math.floor(completeness * 1000) / 10)} %`;
    return make("tr", "", name, cell(counted(n)), cell(value(min)), cell(value(mean, meanText)), cell(value(max)), lastCell, cell(whole));
  });
  section.querySelector("tbody").replaceChildren(...rows);
  section.hidden = !rows.length;
}
