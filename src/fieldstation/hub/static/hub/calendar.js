// Completeness as a table: an instrument in each row, a UTC day in each column, the share of readings
// that arrived as number and colour. Arrow keys move, Enter opens the day.

import { causeText, swatch } from "./causes.js";
import { make } from "./make.js";
import { counted, gettext, interpolate, locale, ngettext } from "./texts.js";

const DAY_MS = 86_400_000;
const COLUMN = 40;
const LABEL = 170;
const MOST_DAYS = 31;
const STATES = {
  complete: gettext("complete"),
  gaps: gettext("readings are missing"),
  in_transit: gettext("the rest is on its way"),
  not_heard: gettext("the rest waits at a station that is silent"),
  wrong: gettext("does not add up"),
  unknown: gettext("the station told nothing of what was due"),
};
const MARKS = { in_transit: "↑", not_heard: "?", wrong: "!" };
const date = (options) => new Intl.DateTimeFormat(locale, { timeZone: "UTC", ...options });
const dayNumber = date({ day: "numeric" });
const month = date({ month: "short" });
const wholeDay = date({ weekday: "short", day: "numeric", month: "long", year: "numeric" });

/** A day (`2026-05-28`) in words. */
export const dayText = (day) => wholeDay.format(Date.parse(day));

/** The word of a state. */
export const stateText = (state) => STATES[state] ?? state;

/** The share in whole percent; 100 only when nothing is missing. */
export function percent(share) {
  return share === null ? "–" : String(Math.floor(share * 100 + 1e-9));
}

// On a narrow screen names stand above their days (gateways.css).
const narrow = matchMedia("(max-width: 700px)");

const isMuch = (row) => row.completeness < 0.95;
const iso = (ms) => new Date(ms).toISOString().slice(0, 10);

/** Draws into `parts`; `onDay(row)` is told of the day that was chosen. */
export class Calendar {
  constructor(parts, api, onDay) {
    Object.assign(this, { parts, api, onDay });
    this.back = 0;
    this.chosen = null;
    this.answer = null;
    parts.earlier.addEventListener("click", () => this.#turn(1));
    parts.later.addEventListener("click", () => this.#turn(-1));
    parts.box.addEventListener("keydown", (event) => this.#key(event));
    parts.box.addEventListener("click", (event) => this.#choose(event.target.closest("button")));
    let fits = this.#fits();
    new ResizeObserver(() => {
      if (this.#fits() === fits) return;
      fits = this.#fits();
      this.load();
    }).observe(parts.box);
  }

  /** Fetches the days in view and draws them. */
  async load() {
    const days = this.#days();
    const query = new URLSearchParams({ start_day: days[0], end_day: days.at(-1) });
    const wanted = String(query);
    this.wanted = wanted;
    try {
      const rows = await this.#rows(query);
      if (this.wanted !== wanted) return;
      this.parts.problem.hidden = true;
      this.#draw(days, rows);
    } catch (error) {
      this.parts.problem.textContent = interpolate(gettext("The calendar could not be fetched: %(error)s"), { error: error.message });
      this.parts.problem.hidden = false;
    }
  }

  async #rows(query) {
    const rows = [];
    for (let next = ""; next !== null;) {
      query.set("cursor", next);
      const answer = await fetch(`${this.api}/calendar?${query}`);
      const page = await answer.json();
      if (!answer.ok) throw new Error(page.detail);
      rows.push(...page.rows);
      next = page.next;
    }
    return rows;
  }

  #fits() {
    const width = this.parts.box.clientWidth;
    const label = narrow.matches ? 0 : LABEL;
    return Math.min(MOST_DAYS, Math.max(7, Math.floor((width - label) / COLUMN)));
  }

  #days() {
    const fits = this.#fits();
    const last = Date.now() - this.back * fits * DAY_MS;
    return Array.from({ length: fits }, (_, i) => iso(last - (fits - 1 - i) * DAY_MS));
  }

  #turn(steps) {
    this.back = Math.max(0, this.back + steps);
    this.load();
  }

  #draw(days, rows) {
    const { box } = this.parts;
    const focused = box.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    this.byKey = new Map(rows.map((row) => [`${row.instrument} ${row.day}`, row]));
    const names = [...new Set(rows.map((row) => row.instrument))].sort();
    this.parts.later.disabled = this.back === 0;
    this.#summary(rows);
    this.#legend(rows);
    if (!names.length) {
      box.replaceChildren(make("p", "muted", gettext("Nothing is known of these days.")));
      return;
    }
    const table = make("table", "calendar");
    table.style.setProperty("--days", days.length);
    table.setAttribute("role", "grid");
    table.setAttribute("aria-label", gettext("Completeness by instrument and day (UTC)"));
    table.append(head(days), ...names.map((name) => this.#row(name, days)));
    box.replaceChildren(table);
    const buttons = [...box.querySelectorAll("button")];
    const stop = buttons.find((one) => one.dataset.key === (focused ?? this.chosen)) ?? buttons.at(-1);
    if (stop) stop.tabIndex = 0;
    if (focused) stop?.focus();
  }

  #row(name, days) {
    const label = make("th", "", make("bdi", "", name));
    label.setAttribute("role", "rowheader");
    return make("tbody", "", line(label, ...days.map((day) => this.#cell(name, day))));
  }

  #cell(name, day) {
    const row = this.byKey.get(`${name} ${day}`);
    const cell = make("td", "");
    cell.setAttribute("role", "gridcell");
    if (!row) return cell;
    const button = make("button", "", percent(row.completeness), MARKS[row.state] ?? "");
    button.type = "button";
    button.tabIndex = -1;
    button.dataset.key = `${name} ${day}`;
    button.dataset.state = row.state;
    if (row.state === "gaps") button.dataset.much = String(isMuch(row));
    button.setAttribute("aria-label", spoken(row));
    button.setAttribute("aria-pressed", String(button.dataset.key === this.chosen));
    button.title = spoken(row);
    cell.append(button);
    return cell;
  }

  #choose(button) {
    if (!button) return;
    this.chosen = button.dataset.key;
    for (const one of this.parts.box.querySelectorAll("button")) {
      one.setAttribute("aria-pressed", String(one === button));
      one.tabIndex = one === button ? 0 : -1;
    }
    this.onDay(this.byKey.get(this.chosen));
  }

  #key(event) {
    const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    const from = event.target.closest("button");
    if (!steps || !from) return;
    event.preventDefault();
    const lines = [...this.parts.box.querySelectorAll("tbody tr")].map((line) => [...line.cells]);
    let down = lines.findIndex((cells) => cells.includes(from.parentElement));
    let across = lines[down].indexOf(from.parentElement);
    let next = null;
    while (!next && lines[down + steps[0]]?.[across + steps[1]]) {
      [down, across] = [down + steps[0], across + steps[1]];
      next = lines[down][across].querySelector("button");
    }
    if (!next) return;
    from.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  }

  #summary(rows) {
    const total = (name) => rows.reduce((sum, row) => sum + row[name], 0);
    const wrong = rows.filter((row) => row.adds_up === false).length;
    const words = [];
    const add = (text, n) => words.push(interpolate(text, { n: counted(n) }));
    const [stored, missed, refused, coming] = ["stored", "missed", "refused", "in_transit"].map(total);
    add(ngettext("%(n)s reading stored", "%(n)s readings stored", stored), stored);
    if (missed) add(gettext("%(n)s missing"), missed);
    if (refused) add(gettext("%(n)s refused by the hub"), refused);
    if (coming) add(gettext("%(n)s not here yet"), coming);
    if (wrong) add(ngettext("%(n)s day does not add up: please report it", "%(n)s days do not add up: please report it", wrong), wrong);
    else words.push(gettext("every known day adds up"));
    const text = interpolate(gettext("%(account)s. Days are UTC."), { account: words.join(", ") });
    this.parts.summary.textContent = rows.length ? text : "";
  }

  #legend(rows) {
    const items = Object.keys(STATES).filter((state) => rows.some((row) => row.state === state))
      .flatMap((state) => (state === "gaps" ? gapItems(rows) : [legendItem(state, stateText(state))]));
    const causes = new Map();
    for (const row of rows) {
      for (const [cause, n] of Object.entries(row.holes)) causes.set(cause, (causes.get(cause) ?? 0) + n);
    }
    const missing = [...causes].sort((a, b) => b[1] - a[1]);
    items.push(...missing.map(([cause, n]) => (
      make("li", "", swatch(cause), `${causeText(cause)} ${counted(n)}`))));
    this.parts.legend.replaceChildren(...items);
  }
}

function legendItem(state, words, much = false) {
  const cell = make("span", "cell", MARKS[state] ?? (state === "unknown" ? "–" : "%"));
  cell.dataset.state = state;
  cell.dataset.much = String(much);
  return make("li", "", cell, words);
}

function gapItems(rows) {
  const gaps = rows.filter((row) => row.state === "gaps");
  const items = [];
  if (!gaps.every(isMuch)) items.push(legendItem("gaps", gettext("up to 5 % are missing")));
  if (gaps.some(isMuch)) items.push(legendItem("gaps", gettext("more than 5 % are missing"), true));
  return items;
}

function head(days) {
  const cells = days.map((day, i) => {
    const at = Date.parse(day);
    const first = i === 0 || dayNumber.format(at) === "1";
    const cell = make("th", "num", dayNumber.format(at), make("span", "month", first ? month.format(at) : ""));
    cell.setAttribute("role", "columnheader");
    cell.title = dayText(day);
    return cell;
  });
  return make("thead", "", line(make("td", ""), ...cells));
}

// The rows of a narrow screen are laid out as grids; only their role says that they are rows.
function line(...cells) {
  const row = make("tr", "", ...cells);
  row.setAttribute("role", "row");
  return row;
}

function spoken(row) {
  const share = row.completeness === null ? "" : ` ${percent(row.completeness)} %,`;
  const holes = Object.entries(row.holes).map(([cause, n]) => `${causeText(cause)} ${counted(n)}`);
  const why = holes.length ? `: ${holes.join(", ")}` : "";
  return `${row.instrument}, ${dayText(row.day)}:${share} ${stateText(row.state)}${why}`;
}
