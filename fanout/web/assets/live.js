// The live page: asks the server for what is new, twice a second, and shows it.

import { showAdvice } from "./advice.js";
import { createCharts } from "./charts.js";
import { address, ask, byId, data, element, isActive, setText } from "./common.js";
import { showResult, showRun, verdictOf } from "./run.js";
import { emptySeries, merged } from "./series.js";
import { showTotals } from "./totals.js";

const EVERY_MS = 500;
const SLOWLY_MS = 2000; // While nothing runs, and after many errors.
const MANY_ERRORS = 10;
const GIVE_UP_MS = 10000;
const STOP_BUTTONS = [byId("cancel"), byId("stop")]; // While agents start, and in a run.

const known = { since: "", view: "all", state: null, series: emptySeries(), heat: emptySeries() };
let errors = 0;
let timer = 0;
let isAsking = false;
let showCharts = null;

function forget() {
  Object.assign(known, { since: "", series: emptySeries(), heat: emptySeries() });
}

/** Whether the answer continues what is known. Otherwise the next request asks for everything. */
function remember(live) {
  if (!live.run) {
    forget();
    return true;
  }
  const series = merged(known.series, live.series);
  const heat = merged(known.heat, live.heat);
  if (live.view !== known.view || !series || !heat) {
    if (!live.views.some(({ key }) => key === known.view)) {
      known.view = "all";
    }
    forget();
    return false;
  }
  Object.assign(known, { since: live.since, series, heat });
  return true;
}

function showViews({ views }) {
  const select = byId("view");
  byId("view-label").hidden = views.length < 2;
  const shown = JSON.stringify(views);
  if (select.dataset.shown !== shown) {
    select.dataset.shown = shown;
    select.replaceChildren(...views.map(({ key, label }) => element("option", { value: key }, label)));
  }
  select.value = known.view;
}

function showStop(state) {
  byId("stop").hidden = !["starting", "running"].includes(state);
  for (const button of state === known.state ? [] : STOP_BUTTONS) {
    button.disabled = false;
    setText(button, "Stop");
  }
}

function announce({ state, result, message }) {
  if (known.state !== null && known.state !== state) {
    const words = {
      starting: "The run is starting.",
      running: "The run has begun.",
      ending: "The run is ending.",
      ended: `The run has ended. ${result ? verdictOf(result) : ""}`,
    };
    setText(byId("announcement"), message ?? words[state] ?? "");
  }
}

function showAdviceOf({ advice, run, state }) {
  showAdvice(byId("advice"), advice?.items ?? [], run.id);
  const nothing = isActive(state) ? "Nothing stands out yet." : "Nothing stands out.";
  const judged = advice?.about ? `Judged by ${advice.about}.` : "";
  setText(byId("advice-about"), advice ? `${advice.items.length ? "" : nothing} ${judged}`.trim() : "Nothing is known yet.");
}

function show(live) {
  announce(live);
  showStop(live.state);
  known.state = live.state;
  showRun(live);
  showResult(live);
  if (live.run) {
    showViews(live);
    showTotals(live);
    showAdviceOf(live);
    // Made only now, because a chart takes its size from the page.
    showCharts ??= createCharts(byId("charts"), data.phases);
    const isGoing = isActive(live.state);
    showCharts({ series: known.series, heat: known.heat, run: live.run, isGoing, isWhole: known.view === "all" });
  }
}

function delay(state) {
  const isIdle = state !== undefined && !isActive(state);
  return isIdle || errors >= MANY_ERRORS ? SLOWLY_MS : EVERY_MS;
}

async function latest() {
  const url = address("/fanout/live.json", { view: known.view, since: known.since });
  try {
    const { ok, body } = await ask(url, { signal: AbortSignal.timeout(GIVE_UP_MS) });
    return ok ? body : null;
  } catch {
    return null;
  }
}

async function poll() {
  clearTimeout(timer);
  if (isAsking || document.hidden) {
    return;
  }
  isAsking = true;
  const live = await latest();
  isAsking = false;
  errors = live ? 0 : errors + 1;
  setText(byId("connection"), live ? "" : "No answer from Locust; trying again.");
  // Set before anything is shown, so that an error there is seen in the console and doesn't end the polling.
  timer = setTimeout(poll, delay(live?.state));
  if (live && remember(live)) {
    show(live);
  }
}

async function stop({ currentTarget: button }) {
  button.disabled = true;
  setText(button, "Stopping…");
  try {
    await ask(address("/stop"), { method: "POST" });
  } catch (error) {
    button.disabled = false;
    setText(button, "Stop");
    setText(byId("connection"), error.message);
  }
}

for (const button of STOP_BUTTONS) {
  button.addEventListener("click", stop);
}
byId("view").addEventListener("change", () => {
  known.view = byId("view").value;
  forget();
  poll();
});
document.addEventListener("visibilitychange", poll);
poll();
