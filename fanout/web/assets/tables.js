// Tables from data, in a region that scrolls sideways.

import { element } from "./common.js";

function cell(tag, { text, left }, scope) {
  return element(tag, { scope, class: left && "left" }, text);
}

/** Header and rows are lists of {text, left}. The first cell of each row is its heading. */
export function table(label, header, rows) {
  const head = element("thead", {}, element("tr", {}, ...header.map((one) => cell("th", one, "col"))));
  const body = element("tbody", {}, ...rows.map((row) => element("tr", {},
    ...row.map((one, place) => (place ? cell("td", one) : cell("th", one, "row"))))));
  return element("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": label },
    element("table", {}, head, body));
}

/** The same from plain texts, all to the right except the row headings. */
export function plainTable(label, header, rows) {
  const cells = (row) => row.map((text, place) => ({ text, left: place === 0 }));
  return table(label, cells(header), rows.map(cells));
}
