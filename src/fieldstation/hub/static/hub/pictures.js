// The pictures at the top of an instrument's page. Which ones there are, the server read off the
// channel table; here each is made and told of new values and of the range of the plot.

import { Bars } from "./bars.js";
import { Flow } from "./flow.js";
import { Histogram } from "./histogram.js";
import { SizeMap } from "./sizemap.js";

const FORMS = { bars: [Bars], histogram: [Histogram, SizeMap], flow: [Flow] };

/** All pictures of the page in `box`; `facts` are those of the page. */
export class Pictures {
  constructor(box, facts) {
    this.values = { ...facts.values };
    this.all = facts.pictures.flatMap((picture) => FORMS[picture.form].map((Form) => {
      const figure = document.createElement("figure");
      figure.className = "panel picture";
      figure.dataset.form = Form.name.toLowerCase();
      box.append(figure);
      return new Form(figure, picture, facts);
    }));
    this.draw();
    new ResizeObserver(() => this.draw()).observe(box);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  /** New values, by channel. */
  show(values) {
    this.values = { ...this.values, ...values };
    this.draw();
  }

  /** The range of the plot in seconds. */
  over(from, to) {
    for (const one of this.all) one.over?.(from, to);
  }

  /** What is missing over that range. */
  gaps(holes) {
    for (const one of this.all) one.gaps?.(holes);
  }

  draw() {
    for (const one of this.all) one.draw(this.values);
  }
}
