// The stream of new readings. The browser reconnects by itself after a broken line and names the
// last event it saw; after a refusal (the hub restarts) this module opens the stream anew.

import { gettext } from "./texts.js";

const AGAIN_MS = 4000;

/** Calls `onReading({gateway, instrument, at_ms, values})` for every new state of an instrument. */
export function follow(onReading) {
  const note = document.getElementById("link-state");
  const source = new EventSource("/events");
  source.addEventListener("reading", (event) => {
    const reading = JSON.parse(event.data);
    // A channel may be called "constructor", which every other object has by itself.
    Object.setPrototypeOf(reading.values, null);
    onReading(reading);
  });
  source.addEventListener("open", () => { note.hidden = true; });
  source.addEventListener("error", () => {
    note.textContent = gettext("No line to the hub; trying again");
    note.hidden = false;
    if (source.readyState === EventSource.CLOSED) setTimeout(() => follow(onReading), AGAIN_MS);
  });
  addEventListener("pagehide", () => source.close(), { once: true });
  // A page that the browser kept and shows again is stale, and its stream is closed.
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); }, { once: true });
}
