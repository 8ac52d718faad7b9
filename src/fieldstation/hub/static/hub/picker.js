// The list of channels to choose from, by quantity, with a search.

/** Fills `details` with a checkbox for each channel; `onToggle(name, wanted)` is told of a change. */
export class Picker {
  constructor(details, channels, onToggle) {
    this.boxes = new Map();
    const choices = details.querySelector("#choices");
    for (const [quantity, group] of groups(channels)) {
      const set = document.createElement("fieldset");
      const legend = document.createElement("legend");
      legend.textContent = quantity;
      set.append(legend, ...group.map((channel) => this.#choice(channel, onToggle)));
      choices.append(set);
    }
    const search = details.querySelector("#search");
    search.addEventListener("input", () => this.#filter(details, search.value.trim().toLowerCase()));
    details.addEventListener("toggle", () => { if (details.open) search.focus(); });
  }

  /** Ticks exactly the channels with these names. */
  mark(names) {
    for (const [name, { input }] of this.boxes) input.checked = names.includes(name);
  }

  #choice(channel, onToggle) {
    const label = document.createElement("label");
    label.className = "choice";
    const input = document.createElement("input");
    input.type = "checkbox";
    input.addEventListener("change", () => onToggle(channel.name, input.checked));
    const words = document.createElement("bdi");
    words.textContent = channel.label;
    const unit = document.createElement("bdi");
    unit.className = "unit";
    unit.textContent = channel.unit;
    label.append(input, words, unit);
    const text = `${channel.label} ${channel.name} ${channel.unit}`.toLowerCase();
    this.boxes.set(channel.name, { input, label, text });
    return label;
  }

  #filter(details, wanted) {
    for (const { label, text } of this.boxes.values()) label.hidden = !text.includes(wanted);
    for (const set of details.querySelectorAll("fieldset")) {
      set.hidden = !set.querySelector("label:not([hidden])");
    }
    details.querySelector("#no-choice").hidden = !!details.querySelector("fieldset:not([hidden])");
  }
}

function groups(channels) {
  const found = new Map();
  for (const channel of channels) {
    if (!found.has(channel.quantity)) found.set(channel.quantity, []);
    found.get(channel.quantity).push(channel);
  }
  return [...found].sort(([a], [b]) => a.localeCompare(b));
}

/** Closes open menus when something else is clicked, or with Escape. */
export function closeMenusOutside() {
  const open = () => document.querySelectorAll("details.menu[open]");
  addEventListener("pointerdown", (event) => {
    for (const menu of open()) if (!menu.contains(event.target)) menu.open = false;
  });
  addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of open()) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });
}
