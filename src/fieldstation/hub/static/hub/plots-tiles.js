// Tiles of a dashboard: each one saved plot, drawn from its query.

import { lookIn, View } from "./plots-view.js";

/** Makes the element of a tile and draws into it; returns it with its `View` as `.view`. */
export function makeTile(tile) {
  const item = document.getElementById("tile").content.firstElementChild.cloneNode(true);
  item.dataset.plot = tile.plot;
  size(item, tile);
  const link = item.querySelector("h2 a");
  link.href = `/plots?${tile.query}`;
  link.firstElementChild.textContent = tile.name;
  const figure = item.querySelector("figure");
  const box = figure.querySelector("[data-plot]");
  const height = () => Math.max(80, box.clientHeight);
  item.view = new View(figure, lookIn(new URLSearchParams(tile.query)), () => `/plots/data.json?${tile.query}`, { height });
  return item;
}

/** Gives a tile its columns and rows. */
export function size(item, { wide, tall }) {
  item.dataset.wide = wide;
  item.dataset.tall = tall;
  item.className = item.className.replace(/ ?(wide|tall)-\d/g, "");
  item.classList.add(`wide-${wide}`, `tall-${tall}`);
}

/** The arrangement that the page shows now. */
export function arrangement(board) {
  return [...board.children].map(({ dataset }) => ({ plot: dataset.plot, wide: Number(dataset.wide), tall: Number(dataset.tall) }));
}
