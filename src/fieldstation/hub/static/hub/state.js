// What a card or page shows of one instrument: newest values, age, and the word on its badge.

import { agoText, valueText } from "./format.js";

// The viewer's clock may be wrong; ages are counted on the hub's.
const ahead = Number(document.documentElement.dataset.nowMs ?? Date.now()) - Date.now();

/** The hub's clock in milliseconds since 1970. */
export function hubNow() {
  return Date.now() + ahead;
}

/** Writes the values of a live reading into `box` and remembers its time. */
export function showReading(box, reading) {
  box.dataset.atMs = String(reading.at_ms);
  showValues(box, reading);
  showAge(box);
}

/** Writes the values of a live reading into `box`. */
export function showValues(box, reading) {
  for (const cell of box.querySelectorAll("[data-channel][data-form]")) {
    const value = reading.values[cell.dataset.channel];
    const text = valueText(JSON.parse(cell.dataset.form), value);
    cell.toggleAttribute("data-none", value === null || value === undefined);
    const words = cell.firstElementChild;
    if (words.textContent === text) continue;
    words.textContent = text;
    cell.classList.remove("changed");
    requestAnimationFrame(() => cell.classList.add("changed"));
  }
}

/** Writes the age and the badge of `box`; returns the state. */
export function showAge(box) {
  const at = Number(box.dataset.atMs);
  const age = (hubNow() - at) / 1000;
  const state = stateAt(box.dataset, age);
  const badge = box.querySelector("[data-badge]");
  if (badge.dataset.state !== state) {
    badge.dataset.state = state;
    badge.textContent = badge.dataset[state];
  }
  if (at) box.querySelector("[data-age]").textContent = agoText(age);
  return state;
}

function stateAt(limits, age) {
  if (age >= Number(limits.lostS)) return "lost";
  return age >= Number(limits.lateS) ? "late" : "fresh";
}
