// Why readings are missing, in words; which colour a cause has, by who or what has to do with it.

import { gettext } from "./texts.js";

const CAUSES = {
  unplugged: ["port", gettext("unplugged"), gettext("the port was not there, or vanished")],
  busy: ["port", gettext("busy"), gettext("another program had the port")],
  denied: ["port", gettext("denied"), gettext("the station's user may not open the port")],
  silent: ["talk", gettext("silent"), gettext("the instrument gave no reply")],
  garbled: ["talk", gettext("garbled"), gettext("replies could not be understood")],
  refused: ["talk", gettext("refused"), gettext("the instrument said no")],
  wrong_unit: ["talk", gettext("wrong unit"), gettext("another unit than the configured one answered")],
  overrun: ["station", gettext("overrun"), gettext("the readings before took too long")],
  clock: ["station", gettext("clock"), gettext("the clock was set forward over it")],
  stopped: ["station", gettext("stopped"), gettext("the station was not running")],
  defect: ["station", gettext("defect"), gettext("a fault of the program")],
  store: ["store", gettext("store"), gettext("the journal could not take it")],
  disk_full: ["store", gettext("disk full"), gettext("the station's disk was full")],
  damaged: ["store", gettext("damaged"), gettext("it was kept, and the file was damaged later")],
  overwritten: ["store", gettext("overwritten"), gettext("the instrument's own memory was full before it was asked")],
};

/** The group of a cause: port, talk, station or store; `other` for a word of a newer station. */
export const groupOf = (cause) => CAUSES[cause]?.[0] ?? "other";

/** A cause as one or two words. */
export const causeText = (cause) => CAUSES[cause]?.[1] ?? cause.replaceAll("_", " ");

/** A cause as the end of a sentence; empty for an unknown one. */
export const causeMeaning = (cause) => CAUSES[cause]?.[2] ?? "";

/** A small square in the colour of the cause. */
export function swatch(cause) {
  const node = document.createElement("span");
  node.className = `gap-swatch gap-${groupOf(cause)}`;
  return node;
}
