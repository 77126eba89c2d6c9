// The head of the live page: what runs, its state in words, and after the end its result.

import { address, byId, element, isActive, setText, VERDICTS } from "./common.js";
import { plural } from "./numbers.js";

const STATES = {
  idle: "no run",
  starting: "starting",
  running: "running",
  ending: "ending: waiting for questions in flight",
  ended: "ended",
};
const CUT_SHORT = "ended: stopped before its planned end";
const WITHOUT_RUN = {
  idle: ["No run yet", "A run that is started shows here what happens in it."],
  starting: ["Starting", "The agents and the coordinators are being started."],
};

function limit(value) {
  return value === null ? "unlimited" : value;
}

function setup(run) {
  const { max_connections: most, max_keepalive_connections: kept, keepalive_expiry_s: expiry } = run.limits;
  const clients = run.clients === null ? "a new client for each question" : plural(run.clients, "client");
  return [
    plural(run.agents, "agent"),
    plural(run.users, "coordinator"),
    `topology ${run.topology} (${clients})`,
    `connections at most ${limit(most)}, kept alive ${limit(kept)}, for ${expiry === null ? "an unlimited time" : `${expiry} s`}`,
    run.threads === null ? "" : plural(run.threads, "executor thread"),
    `ends ${run.until}`,
  ].filter(Boolean).join(" · ");
}

function showChanges(changes) {
  const place = byId("changes");
  const shown = JSON.stringify(changes);
  if (place.dataset.shown !== shown) {
    place.dataset.shown = shown;
    const codes = Object.entries(changes).flatMap(([key, value]) => [" ", element("code", {}, `${key}: ${value}`)]);
    place.replaceChildren("Changed:", ...codes);
    place.hidden = !codes.length;
  }
}

export function showRun({ state, run, message }) {
  byId("idle").hidden = run !== null;
  byId("start-link").hidden = isActive(state);
  byId("cancel").hidden = state !== "starting";
  const [heading, words] = WITHOUT_RUN[state] ?? WITHOUT_RUN.idle;
  setText(byId("idle-heading"), message ? "The run could not start" : heading);
  setText(byId("idle-words"), words);
  byId("run").hidden = run === null;
  byId("message").hidden = !message;
  setText(byId("message"), message ?? "");
  if (run) {
    setText(byId("scenario"), run.name);
    setText(byId("question"), run.question);
    setText(byId("state"), state === "ended" && run.is_cut_short ? CUT_SHORT : STATES[state]);
    byId("state").dataset.state = state;
    setText(byId("setup"), setup(run));
    showChanges(run.changes);
    document.title = `${run.name}: ${state} · fanout`;
  }
}

function links(run) {
  const made = [];
  const add = (text, href, kind, target) => made.push(element("a", { class: `button ${kind}`, href, target }, text), " ");
  if (run.id && run.against) {
    add(`Compare with ${run.against.label}`, address("/fanout/compare", [["run", run.against.id], ["run", run.id]]), "primary");
  }
  if (run.id) {
    add("Open the report", address("/fanout/report", { run: run.id }), "", "_blank");
    add("Download questions.csv", address("/fanout/csv", { run: run.id }), "");
    add("Run it again", address("/fanout/start", { run: run.id }), "");
  }
  add("All runs", address("/fanout/runs"), "");
  return made;
}

/** The verdict of a result, for the heading and the announcement. */
export function verdictOf({ verdict }) {
  return (VERDICTS[verdict] ?? "ended").replace(/[a-z]/, (letter) => letter.toUpperCase());
}

export function showResult({ run, result = null }) {
  const place = byId("result");
  place.hidden = !run || !result;
  const shown = JSON.stringify([run?.id, run?.against, result]);
  if (place.hidden || place.dataset.shown === shown) {
    return;
  }
  place.dataset.shown = shown;
  place.classList.toggle("passed", result.verdict === "passed");
  place.classList.toggle("failed", result.verdict === "failed");
  setText(byId("verdict"), verdictOf(result));
  byId("cause").hidden = !result.cause;
  setText(byId("cause"), `Cause: ${result.cause}`);
  byId("result-lines").replaceChildren(...result.lines.map((line) => element("li", {}, line)));
  byId("next").replaceChildren(...links(run));
}
