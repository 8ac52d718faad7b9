// The list of sensors: values and ages that follow what is posted.

import { follow } from "./live.js";
import { followMoments } from "./moments.js";
import { showPosted } from "./posted.js";

const cards = new Map();
for (const card of document.querySelectorAll(".card")) cards.set(card.dataset.instrument, card);

follow((reading) => {
  const card = cards.get(`${reading.gateway}/${reading.instrument}`);
  if (!card || !reading.at_ms) return;
  // A first post brings values that only the server knows how to lay out.
  if (!card.querySelector("time")) location.reload();
  else showPosted(card, reading);
});
followMoments();
