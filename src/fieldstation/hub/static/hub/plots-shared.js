// The page of a share link: the picture as it was ordered, and its numbers.

import { lookOf, showFigures, View } from "./plots-view.js";

const figure = document.getElementById("drawn");
const figures = document.querySelector("[data-figures]");
const view = new View(figure, lookOf(figure), () => `${figure.dataset.api}data.json`, {
  onData: (data) => showFigures(figures, data),
});
view.follow(() => true);
view.load();
