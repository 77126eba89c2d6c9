// The list of runs, newest first, and the choice of those to compare.

import { address, ask, byId, data, element, setText, VERDICTS } from "./common.js";
import { count, decimal, plural } from "./numbers.js";

let next = null;

function link(text, href, run) {
  return element("a", { href, "aria-label": `${text}: ${run.id}` }, text);
}

function actions(run) {
  const again = link("Use this configuration", address("/fanout/start", { run: run.id }), run);
  again.className = "again";
  if (run.problem) {
    return [again];
  }
  return [link("Report", address("/fanout/report", { run: run.id }), run), " ",
    link("CSV", address("/fanout/csv", { run: run.id }), run), " ", again];
}

/** What makes a run different from others of its scenario. */
function changes(run) {
  const coordinators = run.users > 1 ? [element("span", { class: "id" }, plural(run.users, "coordinator"))] : [];
  const set = Object.entries(run.changes).map(([key, value]) => element("code", { class: "set" }, `${key}: ${value}`));
  return [...coordinators, ...set];
}

function figures(run) {
  if (run.problem) {
    return [element("td", { colspan: "7", class: "left problem" }, run.problem)];
  }
  const numbers = [count(run.agents), count(run.questions), count(run.failed), decimal(run.mean_ms), decimal(run.p95_ms)];
  return [
    ...numbers.map((text) => element("td", {}, text)),
    element("td", { class: `left ${run.verdict ?? ""}` }, VERDICTS[run.verdict] ?? "–"),
    element("td", { class: "left" }, run.cause ?? "–"),
  ];
}

function row(run) {
  const box = element("input", { type: "checkbox", name: "run", value: run.id, "aria-label": run.id, disabled: run.problem !== null });
  return element("tr", { "data-run": run.id },
    element("td", { class: "left" }, element("label", { class: "tick" }, box)),
    element("th", { scope: "row", class: "left" }, run.name, element("span", { class: "id" }, run.id), ...changes(run)),
    element("td", { class: "left" }, run.when ?? "–"),
    ...figures(run),
    element("td", { class: "left actions-cell" }, ...actions(run)));
}

/** The selected runs, oldest first: the list begins with the newest. */
function selected() {
  return [...document.querySelectorAll("#rows input:checked")].map((box) => box.value).reverse();
}

function showSelection() {
  const number = selected().length;
  byId("compare-button").disabled = number < 2 || number > data.most;
  const words = ["Select two or more runs to compare them.", "One run is selected; select one more."];
  const many = number > data.most ? ` At most ${data.most} can be compared.` : "";
  setText(byId("selection"), words[number] ?? `${number} runs are selected.${many}`);
}

async function showMore() {
  byId("older").disabled = true;
  try {
    const { ok, body } = await ask(address("/fanout/runs.json", next ? { before: next } : {}));
    if (!ok) {
      throw new Error(body.message ?? "The runs can't be read.");
    }
    const isMore = next !== null;
    const rows = body.runs.map(row);
    byId("rows").append(...rows);
    next = body.next;
    byId("problem").textContent = "";
    byId("runs").hidden = !byId("rows").children.length;
    byId("empty").hidden = !byId("runs").hidden;
    if (isMore) {
      // The button may disappear, so the focus goes on to what it has shown.
      rows[0]?.querySelector("input:enabled, a")?.focus();
    }
  } catch (error) {
    byId("problem").textContent = error.message;
  }
  byId("loading").hidden = true;
  byId("older").disabled = false;
  byId("older").hidden = next === null;
}

byId("rows").addEventListener("change", showSelection);
byId("older").addEventListener("click", showMore);
byId("compare").addEventListener("submit", (event) => {
  event.preventDefault();
  location.assign(address("/fanout/compare", selected().map((id) => ["run", id])));
});
showSelection();
showMore();
