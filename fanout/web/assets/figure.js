// The frame of a chart: heading, legend, drawing, the current values as a sentence, and the values as a table.

import { element, setText } from "./common.js";

function keyOf({ label, colour, dash }) {
  const sample = element("span", { class: `key ${dash ?? "block"}` });
  sample.style.color = colour;
  return element("li", {}, sample, label);
}

export class Figure {
  #keys = element("ul", { class: "keys" });
  #sentence = element("p", { class: "now" });
  #table = element("div");
  #details = element("details", {}, element("summary", {}, "Values as a table"), this.#table);
  #makeTable;
  #shownKeys = "";

  /** What is drawn. Readers who can't see it have the sentence and the table. */
  drawing = element("div", { class: "drawing", "aria-hidden": "true" });

  /** `makeTable` is called only while the table is open, and after each update then. */
  constructor({ id, title, wide, makeTable }) {
    this.#makeTable = makeTable;
    this.root = element("figure", { id, class: wide && "wide", "aria-labelledby": `${id}-title` },
      element("h3", { id: `${id}-title` }, title), this.#keys, this.drawing, this.#sentence, this.#details);
    this.#details.addEventListener("toggle", () => this.updateTable());
  }

  /** Puts something between the sentence and the table. */
  append(more) {
    this.#details.before(more);
  }

  say(text) {
    setText(this.#sentence, text);
  }

  /** Shows a legend: a list of {label, colour, dash?}. */
  setKeys(list) {
    const text = JSON.stringify(list);
    if (text !== this.#shownKeys) {
      this.#shownKeys = text;
      this.#keys.replaceChildren(...list.map(keyOf));
    }
  }

  updateTable() {
    if (!this.#details.open) {
      this.#table.replaceChildren();
      return;
    }
    const made = this.#makeTable();
    // The region keeps its focus and its place when only the table in it is new.
    const old = this.#table.firstElementChild;
    if (old) {
      old.replaceChildren(...made.childNodes);
    } else {
      this.#table.append(made);
    }
  }
}
