// A dashboard for a screen on a wall: no tools, full screen, keeps the screen awake, loads again by
// itself, and comes back after the hub or the network was away.

import { make } from "./make.js";
import { makeTile } from "./plots-tiles.js";
import { gettext, locale } from "./texts.js";

const ASK_MS = 15_000;
const CLOCK_MS = 1000;

const at = (id) => document.getElementById(id);
const board = at("board");
let lock = null;
let away = false;

for (const tile of JSON.parse(at("board-facts").textContent).tiles) {
  const item = makeTile(tile);
  for (const button of item.querySelectorAll("header button")) button.remove();
  board.append(item);
  item.view.load();
}
if (!board.children.length) board.append(make("li", "", gettext("There is no plot on this dashboard yet.")));

const loadAll = () => { for (const item of board.children) item.view?.load(); };

/** The browser gives the lock up whenever the page is hidden; it is taken anew when it is back. */
async function stayAwake() {
  if (!navigator.wakeLock || document.hidden || lock) return;
  try {
    lock = await navigator.wakeLock.request("screen");
    at("awake").textContent = gettext("The screen stays on.");
    lock.addEventListener("release", () => { lock = null; at("awake").textContent = ""; });
  } catch {
    at("awake").textContent = gettext("This browser lets the screen go dark.");
  }
}

/** Loads everything again; after the hub was away, with the page of the newest release. */
async function ask() {
  try {
    const answer = await fetch("/healthz", { cache: "no-store" });
    if (!answer.ok) throw new Error(answer.statusText);
    if (away) { location.reload(); return; }
    loadAll();
  } catch {
    away = true;
    at("link-state").textContent = gettext("No line to the hub; trying again");
    at("link-state").hidden = false;
  }
}

const clock = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });
setInterval(() => { at("clock").textContent = clock.format(new Date()); }, CLOCK_MS);
setInterval(ask, ASK_MS);
addEventListener("online", ask);
document.addEventListener("visibilitychange", () => { if (!document.hidden) { stayAwake(); ask(); } });
if (document.documentElement.requestFullscreen) {
  at("full").hidden = false;
  at("full").addEventListener("click", () => { document.documentElement.requestFullscreen(); stayAwake(); });
}
stayAwake();
