// The dashboard: cards that follow their instruments.

import { follow } from "./live.js";
import { drawSparkline } from "./sparkline.js";
import { showAge, showReading } from "./state.js";

const CURVES_AGAIN_MS = 300_000;

const cards = new Map();
for (const card of document.querySelectorAll(".card")) cards.set(card.dataset.instrument, card);
const summary = document.getElementById("summary");

function tick() {
  const counts = { fresh: 0, late: 0, lost: 0 };
  for (const card of cards.values()) counts[showAge(card)] += 1;
  const words = Object.entries(counts).filter(([, n]) => n).map(([state, n]) => `${n} ${state}`);
  const text = words.join(", ");
  if (summary && summary.textContent !== text) summary.textContent = text;
}

function curves() {
  for (const svg of document.querySelectorAll("svg.spark")) drawSparkline(svg);
}

follow((reading) => {
  const card = cards.get(`${reading.gateway}/${reading.instrument}`);
  if (card) showReading(card, reading);
  // An instrument that the page does not know yet: the server knows how to draw it.
  else if (reading.at_ms) location.reload();
});
tick();
setInterval(tick, 1000);
curves();
setInterval(curves, CURVES_AGAIN_MS);
