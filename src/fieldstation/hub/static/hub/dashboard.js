// The dashboard: cards that follow their instruments.

import { follow } from "./live.js";
import { drawSparkline } from "./sparkline.js";
import { showAge, showReading } from "./state.js";
import { gettext, interpolate } from "./texts.js";

const CURVES_AGAIN_MS = 300_000;
const CURVES_LOOK_MS = 30_000;

const cards = new Map();
for (const card of document.querySelectorAll(".card")) cards.set(card.dataset.instrument, card);
// How many instruments are in each state.
const SUMS = { fresh: gettext("%(n)s fresh"), late: gettext("%(n)s late"), lost: gettext("%(n)s lost") };
const summary = document.getElementById("summary");

function tick() {
  const counts = { fresh: 0, late: 0, lost: 0 };
  for (const card of cards.values()) counts[showAge(card)] += 1;
  const words = Object.entries(counts).filter(([, n]) => n).map(([state, n]) => interpolate(SUMS[state], { n }));
  const text = words.join(", ");
  if (summary && summary.textContent !== text) summary.textContent = text;
}

// Only what is in sight is fetched: with fifty instruments most of the page is below.
const near = new Set();
const drawnAt = new Map();
function curves() {
  const due = [...near].filter((svg) => Date.now() - (drawnAt.get(svg) ?? 0) >= CURVES_AGAIN_MS);
  for (const svg of due) {
    drawnAt.set(svg, Date.now());
    drawSparkline(svg);
  }
}
const sight = new IntersectionObserver((changes) => {
  for (const { target, isIntersecting } of changes) isIntersecting ? near.add(target) : near.delete(target);
  curves();
});

follow((reading) => {
  const card = cards.get(`${reading.gateway}/${reading.instrument}`);
  if (card) showReading(card, reading);
  // An instrument that the page does not know yet: the server knows how to draw it.
  else if (reading.at_ms) location.reload();
});
tick();
setInterval(tick, 1000);
for (const svg of document.querySelectorAll("svg.spark")) sight.observe(svg);
setInterval(curves, CURVES_LOOK_MS);
