// The page where pictures are ordered: the form, the drawing, its numbers, days and notes.

import { make } from "./make.js";
import { valueText } from "./format.js";
import { bindKeys, bindTouch } from "./moves.js";
import { closeMenusOutside } from "./picker.js";
import { lookOf, showFigures, View } from "./plots-view.js";
import { zoneField, zoneMoment } from "./plots-strftime.js";
import { counted, decimal, gettext, interpolate } from "./texts.js";
import { instant } from "./view.js";

const at = (id) => document.getElementById(id);
const figure = at("drawn");
const token = () => document.querySelector("[name=csrfmiddlewaretoken]").value;
let view = null;

/** The query of the page with another range. */
function ranged(from, to) {
  const query = new URLSearchParams(location.search);
  query.set("start", instant(from));
  query.set("end", instant(to));
  return query;
}

/** Shows another range: the address, the form, the links and the drawing follow. */
function go(from, to) {
  history.pushState(null, "", `?${ranged(from, to)}`);
  follow();
}

function follow() {
  const query = new URLSearchParams(location.search);
  at("start").value = query.get("start") ?? at("start").dataset.usual;
  at("end").value = query.get("end") ?? at("end").dataset.usual;
  for (const link of document.querySelectorAll('a[href^="/plots/picture."]')) link.search = location.search;
  for (const field of document.querySelectorAll('[name="query"]')) field.value = location.search.slice(1);
  if (!at("days").hidden) showDays();
  view.load();
}

async function send(address, fields) {
  const answer = await fetch(address, { method: "POST", body: new URLSearchParams({ csrfmiddlewaretoken: token(), ...fields }) });
  const data = await answer.json();
  if (!answer.ok) throw new Error(data.detail);
  return data;
}

function showNotes(data) {
  const items = data.notes.map((note) => {
    const item = make("li", "", make("time", "num", zoneMoment(note.at, data.zone)), " ", make("bdi", "", note.text), " ", make("span", "muted", note.who));
    if (!note.removable) return item;
    const cross = make("button", "quiet", "×");
    cross.type = "button";
    cross.setAttribute("aria-label", interpolate(gettext("Remove the note %(text)s"), note));
    cross.addEventListener("click", async () => {
      try {
        await send(`/plots/notes/${note.id}/remove`, {});
        view.load();
      } catch (error) {
        view.say(error.message);
      }
    });
    item.append(cross);
    return item;
  });
  at("notes").replaceChildren(...items);
  at("notes").hidden = !items.length;
}

function places() {
  const named = new URLSearchParams(location.search).getAll("curve");
  return [...new Set(named.map((curve) => curve.slice(0, curve.lastIndexOf(":"))))];
}

function bindNotes() {
  at("note-place").replaceChildren(...places().map((place) => new Option(place.slice(place.indexOf("/") + 1), place)));
  at("annotate").addEventListener("toggle", () => {
    if (!view.data || at("note-at").value) return;
    const [from, to] = view.chart.range;
    at("note-at").value = zoneField((from + to) / 2, view.data.zone);
  });
  const form = at("annotate-form");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const place = at("note-place").value;
    const cut = place.indexOf("/");
    const problem = form.querySelector(".problem");
    try {
      await send(form.action, { gateway: place.slice(0, cut), instrument: place.slice(cut + 1), at: at("note-at").value, text: at("note-text").value });
      problem.hidden = true;
      at("note-text").value = "";
      at("annotate").open = false;
      view.load();
    } catch (error) {
      problem.textContent = error.message;
      problem.hidden = false;
    }
  });
}

async function showDays() {
  const box = at("days");
  const answer = await fetch(`/plots/days.json${location.search}`);
  const data = await answer.json();
  box.hidden = false;
  at("show-days").setAttribute("aria-expanded", "true");
  if (!answer.ok) {
    box.replaceChildren(make("p", "problem", data.detail));
    return;
  }
  box.replaceChildren(...data.curves.map((curve) => dayTable(curve, data.zone)));
}

function dayTable(curve, zone) {
  const head = [
    gettext("Day"), gettext("Hours"), gettext("Readings"), gettext("Least"), gettext("Mean"), gettext("Most"),
    gettext("Change"), gettext("Total"), gettext("Complete"),
  ];
  const titles = make("tr", "", ...head.map((word) => { const cell = make("th", "", word); cell.scope = "col"; return cell; }));
  const value = (number, unit = curve.unit) => (number === null ? "–" : `${valueText(curve, number)} ${unit}`.trim());
  const rows = curve.days.map((day) => {
    const name = make("th", "num", day.day);
    name.scope = "row";
    const whole = day.completeness === null ? gettext("unknown") : `${counted(Math.floor(day.completeness * 1000) / 10)} %`;
    const cells = [decimal(String(day.hours)), counted(day.n), value(day.min), value(day.mean), value(day.max), value(day.change), value(day.total, curve.total_unit), whole];
    return make("tr", "", name, ...cells.map((text) => make("td", "num", text)));
  });
  const table = make("table", "listing", make("caption", "", make("bdi", "", curve.label), ` · ${interpolate(gettext("days of %(zone)s"), { zone })}`), make("thead", "", titles), make("tbody", "", ...rows));
  const box = make("div", "scroll", table);
  box.tabIndex = 0;
  box.setAttribute("role", "region");
  box.setAttribute("aria-label", curve.label);
  return box;
}

function hideDays() {
  at("days").hidden = true;
  at("show-days").setAttribute("aria-expanded", "false");
}

function bindForm() {
  const form = at("order");
  // What stands at its default need not stand in the address.
  form.addEventListener("formdata", ({ formData }) => {
    for (const field of form.querySelectorAll("[data-usual]")) {
      if (formData.get(field.name) === field.dataset.usual) formData.delete(field.name);
    }
  });
  at("find").addEventListener("input", () => {
    const wanted = at("find").value.trim().toLowerCase();
    for (const group of at("choose").querySelectorAll("details")) {
      const inGroup = group.querySelector("summary").textContent.toLowerCase().includes(wanted);
      let some = false;
      for (const choice of group.querySelectorAll(".choice")) {
        choice.hidden = !(inGroup || choice.textContent.toLowerCase().includes(wanted));
        some ||= !choice.hidden;
      }
      group.hidden = !some;
      if (wanted && some) group.open = true;
    }
  });
}

function bindDrawing() {
  view = new View(figure, lookOf(figure), () => `/plots/data.json${location.search}`, {
    onSelect: go,
    onData: (data) => { showFigures(document.querySelector("[data-figures]"), data); showNotes(data); touch(); },
  });
  const box = figure.querySelector("[data-plot]");
  bindKeys(box, () => view.chart.range, go, () => history.back());
  addEventListener("popstate", follow);
  at("show-days").addEventListener("click", () => (at("days").hidden ? showDays() : hideDays()));
  bindNotes();
  closeMenusOutside();
  view.follow(() => !new URLSearchParams(location.search).has("end"));
  view.load();
}

function touch() {
  const chart = view.chart;
  bindTouch(chart.uplot.over, () => chart.range, (from, to) => chart.uplot.setScale("x", { min: from, max: to }), go);
}

bindForm();
if (figure) bindDrawing();
