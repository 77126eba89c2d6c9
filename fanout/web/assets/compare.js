// The comparison of runs, of which the first is the baseline.

import { showAdvice } from "./advice.js";
import { address, ask, byId, element } from "./common.js";
import { table } from "./tables.js";

const runs = new URLSearchParams(location.search).getAll("run").map((id) => ["run", id]);

function showVerdicts({ verdicts, passed }) {
  const place = byId("verdict");
  place.hidden = !verdicts.length;
  if (passed !== null) {
    place.classList.add(passed ? "passed" : "failed");
    place.append(element("p", { class: "word" }, passed ? "✓ Passed" : "✗ Failed"));
  }
  place.append(...verdicts.map((text, number) => element("p", { class: number === 0 && "first" }, text)));
}

function showLinks({ labels, runs: ids }) {
  byId("links").append(element("a",
    { class: "button", href: address("/fanout/report", runs), target: "_blank" }, "Open the whole report"));
  ids.forEach((id, place) => byId("links").append(" ",
    element("a", { class: "button quiet", href: address("/fanout/csv", { run: id }) }, `questions.csv of ${labels[place]}`)));
}

function showDiffering({ differing, labels }) {
  if (!differing.length) {
    byId("differing").append(element("p", {}, "The settings are the same: the runs are repeats of each other."));
    return;
  }
  const cells = (texts) => texts.map((text) => ({ text, left: true }));
  byId("differing").append(table("Table of the settings that differ", cells(["setting", ...labels]),
    differing.map(({ key, values }) => cells([key, ...values]))));
}

function showTables({ tables }) {
  for (const { title, header, rows, legend } of tables) {
    byId("tables").append(element("section", {},
      title ? element("h2", {}, title) : null,
      table(title || "Table of the runs", header, rows),
      legend ? element("p", { class: "soft" }, legend) : null));
  }
}

function showNotes({ notes }) {
  byId("notes-section").hidden = !notes.length;
  byId("notes").append(...notes.map((note) => element("li", {}, note)));
}

function show(comparison) {
  showVerdicts(comparison);
  showLinks(comparison);
  showDiffering(comparison);
  byId("advice-section").hidden = !comparison.advice.length;
  showAdvice(byId("advice"), comparison.advice, null);
  showTables(comparison);
  showNotes(comparison);
  byId("comparison").hidden = false;
}

async function load() {
  const { ok, body } = await ask(address("/fanout/compare.json", runs));
  if (!ok) {
    throw new Error(body.message ?? "The runs can't be compared.");
  }
  show(body);
}

try {
  await load();
} catch (error) {
  byId("problem").textContent = error.message;
}
byId("loading").hidden = true;
