// The list of scenarios: radio buttons in groups, with a filter.

import { byId, element, setText } from "./common.js";

/** The group of a scenario that isn't in the list: that of an earlier run. */
export const OWN_GROUP = "own";

const HEADINGS = {
  [OWN_GROUP]: "An earlier run",
  "": "Standard scenarios",
  headline: "The published runs in full",
  arrivals: "Questions that arrive by a schedule",
  coordinators: "What coordinators do themselves",
  faults: "Fault injection",
  handshake: "The cost of a handshake",
};

function heading(group) {
  return HEADINGS[group] ?? group.charAt(0).toUpperCase() + group.slice(1);
}

/** The question is the description of the button, so that its name stays short. */
function choice(scenario, isPicked) {
  const id = `scenario-${scenario.file}`;
  const radio = element("input", { type: "radio", name: "scenario", id, value: scenario.file, checked: isPicked,
    "aria-labelledby": `${id}-name`, "aria-describedby": `${id}-question` });
  const text = element("span", {}, element("span", { class: "name", id: `${id}-name` }, scenario.name),
    element("span", { class: "asks", id: `${id}-question` }, scenario.question));
  return element("label", { class: "choice" }, radio, text);
}

function groupsOf(scenarios) {
  const groups = new Map([[OWN_GROUP, []], ["", []]]);
  for (const scenario of scenarios) {
    groups.set(scenario.group, [...(groups.get(scenario.group) ?? []), scenario]);
  }
  return [...groups].filter(([, members]) => members.length);
}

/** Hides what doesn't match. The picked one always stays, because the arrow keys start from it. */
function filter(rows, groups) {
  const words = byId("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const { row, text } of rows) {
    const matches = words.every((word) => text.includes(word));
    shown += matches ? 1 : 0;
    row.hidden = !matches && !row.querySelector("input").checked;
  }
  for (const group of groups) {
    group.hidden = ![...group.querySelectorAll("label")].some((row) => !row.hidden);
  }
  setText(byId("shown"), words.length ? `${shown} of ${rows.length} scenarios match` : `${rows.length} scenarios`);
}

/** Scrolls the list alone, not the page. */
function reveal(row) {
  const list = byId("choices");
  if (row) {
    list.scrollTop = row.offsetTop - list.clientHeight / 3;
  }
}

/** Fills the list. `picked` is a file, and `onPick` gets the file of each scenario that is picked. */
export function fillPicker(scenarios, picked, onPick) {
  const rows = [];
  const groups = groupsOf(scenarios).map(([group, members]) => {
    const box = element("fieldset", { class: "scenario-group" }, element("legend", {}, heading(group)));
    for (const scenario of members) {
      const row = choice(scenario, scenario.file === picked);
      rows.push({ row, text: `${scenario.file} ${scenario.question} ${heading(group)}`.toLowerCase() });
      box.append(row);
    }
    return box;
  });
  byId("choices").append(...groups);
  byId("choices").addEventListener("change", (event) => onPick(event.target.value));
  byId("filter").addEventListener("input", () => filter(rows, groups));
  byId("filter").addEventListener("keydown", (event) => {
    // Enter would start a run.
    if (event.key === "Enter") {
      event.preventDefault();
    }
  });
  filter(rows, groups);
  reveal(byId("choices").querySelector("input:checked")?.closest("label"));
}
