// What a sensor's post changes on a page.

import { showValues } from "./state.js";

/** Writes the values of a reading into `place`, and its time. */
export function showPosted(place, reading) {
  const time = place.querySelector("time[data-ago]");
  if (time) time.dateTime = new Date(reading.at_ms).toISOString();
  showValues(place, reading);
}

/** The sensor's latest document, null while there is none. Rejects while there is no line. */
export async function latestOf(api) {
  const answer = await fetch(api);
  if (answer.status === 204) return null;
  if (!answer.ok) throw new Error(answer.statusText);
  return answer.json();
}
