// The page of one sensor: values that follow its posts; while it waits for the first one, it looks.

import { followCopies, followTabs } from "./copy.js";
import { follow } from "./live.js";
import { followMoments } from "./moments.js";
import { latestOf, showPosted } from "./posted.js";

const ASK_MS = 2000;
const page = document.getElementById("sensor");

function onReading(reading) {
  if (`${reading.gateway}/${reading.instrument}` !== page.dataset.instrument || !reading.at_ms) return;
  const note = document.getElementById("fresh");
  // Only the server knows how to lay out what a first post brings.
  if (!note) location.reload();
  else if (Date.parse(page.querySelector("time[data-ago]").dateTime) < reading.at_ms) {
    showPosted(page, reading);
    note.hidden = false;
  }
}

async function ask() {
  // A document without a number makes no live reading, so the page asks as well.
  try {
    if (await latestOf(page.dataset.api)) location.reload();
  } catch {
    // The next round asks again.
  }
}

followCopies();
followTabs(document.getElementById("snippets"));
followMoments();
follow(onReading);
if (page.dataset.waiting !== undefined) setInterval(ask, ASK_MS);
