// Moments that the server wrote in UTC, in the viewer's words: ages that count on, or local time.

import { agoText, momentText } from "./format.js";
import { hubNow } from "./state.js";

const AGAIN_MS = 1000;

/** Rewrites every <time> of the page, and keeps ages (`data-ago`) up to date. */
export function followMoments() {
  const times = [...document.querySelectorAll("time[datetime]")].map((node) => {
    const ms = Date.parse(node.dateTime);
    node.title = momentText(ms);
    if (node.dataset.ago === undefined) node.textContent = momentText(ms);
    return { node, ms };
  });
  const ages = times.filter(({ node }) => node.dataset.ago !== undefined);
  const tick = () => {
    // Read anew each time: a live reading may have moved it.
    for (const { node } of ages) node.textContent = agoText((hubNow() - Date.parse(node.dateTime)) / 1000);
  };
  tick();
  setInterval(tick, AGAIN_MS);
}
