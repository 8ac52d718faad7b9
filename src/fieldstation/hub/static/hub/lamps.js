// Flags as lamps: lit or not by the newest values, and how many of each group are.

/** Keeps the lamps of `page` as the newest values say. */
export class Lamps {
  constructor(page) {
    this.groups = [...page.querySelectorAll(".lamps")].map((group) => ({
      lamps: [...group.querySelectorAll("[data-lamp]")], count: group.querySelector("[data-lit-of]"),
    }));
    this.count();
  }

  /** New values, by channel. The words beside the lamps are written with all other values. */
  show(values) {
    for (const lamp of this.groups.flatMap((group) => group.lamps)) {
      const value = values[lamp.dataset.lamp];
      if (value !== undefined) lamp.dataset.lit = value === null ? "" : value ? "on" : "off";
    }
    this.count();
  }

  count() {
    for (const { lamps, count } of this.groups) {
      const lit = lamps.filter((lamp) => lamp.dataset.lit === "on");
      const words = count.dataset.litWords.replace("[lit]", lit.length).replace("[all]", count.dataset.litOf);
      if (count.textContent !== words) count.textContent = words;
      count.dataset.urgent = String(lit.some((lamp) => lamp.dataset.level));
    }
  }
}
