// The row above the plot: which channels are drawn, and their values under the cursor.

import { swatch } from "./causes.js";
import { meanText, momentText, valueText } from "./format.js";
import { holeText } from "./holes.js";
import { isState } from "./lanes.js";
import { curveOf } from "./plot.js";
import { gettext, interpolate } from "./texts.js";

/** Writes chips for `channels` into `list`; `onRemove(name)` is told of a click on a cross. */
export class Readout {
  constructor(list, channels, onRemove) {
    this.channels = channels;
    this.cells = channels.map((channel, place) => chip(channel, place, onRemove));
    this.moment = document.createElement("li");
    this.moment.className = "moment";
    this.gap = document.createElement("li");
    this.gap.className = "gap";
    this.gap.hidden = true;
    list.replaceChildren(...this.cells.map((cell) => cell.item), this.moment, this.gap);
  }

  /**
   * Shows the moment `x` (seconds, or null), for each channel its state, or mean and spread, and the
   * hole that the moment lies in, if any.
   */
  show(x, values, hole) {
    this.gap.hidden = !hole;
    if (hole) this.gap.replaceChildren(swatch(hole.cause), holeText(hole));
    this.moment.textContent = x === null ? "" : momentText(x * 1000);
    values.forEach(({ text, mean, min, max }, i) => {
      if (text !== undefined) {
        this.cells[i].reading.textContent = text;
        return;
      }
      const channel = this.channels[i];
      const unit = channel.unit && mean !== null ? ` ${channel.unit}` : "";
      this.cells[i].reading.textContent = meanText(channel, mean) + unit;
      const wide = min !== null && min !== max;
      const edges = wide ? `${valueText(channel, min)} … ${valueText(channel, max)}` : "";
      this.cells[i].spread.textContent = edges;
    });
  }
}

function chip(channel, place, onRemove) {
  const item = document.createElement("li");
  const swatch = span(isState(channel) ? "swatch on-states" : `swatch on-curve-${curveOf(place)}`);
  const label = document.createElement("bdi");
  label.textContent = channel.label;
  const [reading, spread] = [span("reading"), span("spread")];
  const cross = document.createElement("button");
  cross.type = "button";
  cross.textContent = "×";
  cross.setAttribute("aria-label", interpolate(gettext("Remove %(label)s"), channel));
  cross.addEventListener("click", () => onRemove(channel.name));
  item.append(swatch, label, reading, spread, cross);
  return { item, reading, spread };
}

function span(name) {
  const node = document.createElement("span");
  node.className = name;
  return node;
}
