// What every picture has: a heading, a box to draw in, and words below it.

/** Fills `figure`; returns its box and its words. */
export function frame(figure, title) {
  const heading = document.createElement("h2");
  const box = document.createElement("div");
  const words = document.createElement("figcaption");
  heading.textContent = title;
  words.className = "muted";
  figure.append(heading, box, words);
  return { box, words };
}

/** The unit in brackets behind a title, if there is one. */
export function withUnit(title, unit) {
  return unit ? `${title} (${unit})` : title;
}
