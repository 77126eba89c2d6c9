// The figures of a run so far.

import { byId, element, setText } from "./common.js";
import { count, duration, ms } from "./numbers.js";

function reuse({ opened, reused }) {
  return `${count(opened)} opened, ${count(reused)} reused`;
}

/** Each tile: its id, its title, its value and a note. */
function tiles({ run, totals }) {
  const { ok, failed, abandoned, planned } = totals;
  const shown = [
    ["elapsed", "Elapsed", duration(run.elapsed_s), ""],
    ["answered", "Answered", count(ok), planned === null ? "" : `of ${count(planned)} planned`],
    ["failed", "Failed", count(failed), abandoned ? `and ${count(abandoned)} abandoned` : ""],
    ["mean", "Mean", ms(totals.mean_ms), "adapter latency"],
    ["p95", "p95", ms(totals.p95_ms), "adapter latency"],
    ["in-flight", "In flight", count(totals.in_flight), ""],
    ["open", "Connections open", count(totals.open), reuse(totals)],
  ];
  if (run.has_arrivals) {
    shown.push(["late", "Late", count(totals.late), `${count(totals.due)} due, ${count(totals.started)} started`]);
  }
  return shown;
}

function createTile(id, title) {
  return element("div", { id: `tile-${id}` }, element("dt", {}, title),
    element("dd", { class: "value", id }), element("dd", { class: "note", id: `${id}-note` }));
}

export function showTotals(live) {
  const shown = tiles(live);
  const ids = shown.map(([id]) => id).join();
  const list = byId("totals");
  if (list.dataset.tiles !== ids) {
    list.dataset.tiles = ids;
    list.replaceChildren(...shown.map(([id, title]) => createTile(id, title)));
  }
  for (const [id, , value, note] of shown) {
    setText(byId(id), value);
    setText(byId(`${id}-note`), note);
  }
  byId("tile-failed").classList.toggle("is-bad", live.totals.failed > 0);
  showProgress(live.totals);
}

function showProgress({ ok, failed, abandoned, planned }) {
  const progress = byId("progress");
  progress.hidden = planned === null;
  progress.max = planned || 1;
  progress.value = Math.min(ok + failed + abandoned, progress.max);
}
