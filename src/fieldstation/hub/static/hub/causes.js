// Why readings are missing, in words; which colour a cause has, by who or what has to do with it.

const CAUSES = {
  unplugged: ["port", "the port was not there, or vanished"],
  busy: ["port", "another program had the port"],
  denied: ["port", "the station's user may not open the port"],
  silent: ["talk", "the instrument gave no reply"],
  garbled: ["talk", "replies could not be understood"],
  refused: ["talk", "the instrument said no"],
  wrong_unit: ["talk", "another unit than the configured one answered"],
  overrun: ["station", "the readings before took too long"],
  clock: ["station", "the clock was set forward over it"],
  stopped: ["station", "the station was not running"],
  defect: ["station", "a fault of the program"],
  store: ["store", "the journal could not take it"],
  disk_full: ["store", "the station's disk was full"],
  damaged: ["store", "it was kept, and the file was damaged later"],
  overwritten: ["store", "the instrument's own memory was full before it was asked"],
};

/** The group of a cause: port, talk, station or store; `other` for a word of a newer station. */
export const groupOf = (cause) => CAUSES[cause]?.[0] ?? "other";

/** A cause as one or two words. */
export const causeText = (cause) => cause.replaceAll("_", " ");

/** A cause as the end of a sentence; empty for an unknown one. */
export const causeMeaning = (cause) => CAUSES[cause]?.[1] ?? "";

/** A small square in the colour of the cause. */
export function swatch(cause) {
  const node = document.createElement("span");
  node.className = `gap-swatch gap-${groupOf(cause)}`;
  return node;
}
