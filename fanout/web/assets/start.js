// The start page: picks a scenario, changes its settings, starts the run.

import { address, ask, byId, data, element, isActive, setText } from "./common.js";
import { fillPicker, OWN_GROUP } from "./picker.js";
import { clearProblems, showProblems } from "./problems.js";
import { otherSettings, Settings } from "./settings.js";

const PICK_AFTER_MS = 150; // The arrow keys run through the list faster than scenarios should be read.

const drafts = new Map(); // The changes of each scenario, so that they are back when it is picked again.
let picked = null;
let wanted = data.picked.file;
let timer = 0;

function noteChanges(number) {
  const words = { 0: "Nothing is changed: the scenario runs as it is.", 1: "1 setting is changed." };
  setText(byId("launch-note"), words[number] ?? `${number} settings are changed.`);
}

const settings = new Settings(data.fields, noteChanges);

/** The run to compare with is one of the scenario that the page was opened with. */
function isCompared() {
  return data.against !== null && picked.file === data.picked.file;
}

function draft() {
  return { set: settings.changes(), other: byId("other").value };
}

function show(scenario, changes, other) {
  picked = scenario;
  setText(byId("picked-name"), scenario.name);
  setText(byId("picked-question"), scenario.question);
  setText(byId("picked-file"), scenario.file);
  setText(byId("whole"), scenario.whole);
  settings.fill(scenario.values, changes);
  if (other !== undefined) {
    byId("other").value = other;
    byId("other").dispatchEvent(new Event("input"));
  }
  byId("shaped").hidden = !scenario.has_shape;
  byId("against").hidden = !isCompared();
  for (const group of document.querySelectorAll("fieldset.load")) {
    group.disabled = scenario.has_shape;
  }
  if (scenario.problems.length) {
    showProblems("This scenario can't be run as it is.", scenario.problems);
  } else {
    clearProblems();
  }
}

function setPicking(isPicking, text) {
  for (const place of [byId("settings"), byId("more")]) {
    place.inert = isPicking; // What is typed now would be lost.
    place.setAttribute("aria-busy", isPicking);
  }
  byId("launch").disabled = isPicking;
  setText(byId("picking"), text);
}

/** The scenario in a file. That of a run is not in the server's list, but in the page. */
async function read(file) {
  if (file === data.picked.file) {
    return data.picked;
  }
  const { ok, body } = await ask(address("/fanout/scenario.json", { file }));
  if (!ok) {
    throw new Error(body.message ?? `${file} can't be read.`);
  }
  return body;
}

async function load(file) {
  try {
    const scenario = await read(file);
    if (file !== wanted) {
      return; // Another one has been picked since.
    }
    const kept = drafts.get(file);
    show(scenario, kept?.set ?? {}, kept?.other);
    setPicking(false, "");
  } catch (error) {
    if (file === wanted) {
      setPicking(false, "");
      byId("launch").disabled = true;
      showProblems(error.message, []);
    }
  }
}

function pick(file) {
  if (picked) {
    drafts.set(picked.file, draft());
    picked = null;
  }
  wanted = file;
  setPicking(true, "Reading the scenario…");
  clearTimeout(timer);
  timer = setTimeout(load, PICK_AFTER_MS, file);
}

function fields() {
  const sent = new URLSearchParams({ scenario: picked.file });
  for (const name of ["user_count", "spawn_rate", "run_time"]) {
    if (!byId(name).matches(":disabled")) {
      sent.append(name, byId(name).value.trim());
    }
  }
  // A scenario with a shape decides itself when it ends.
  sent.append("until", picked.has_shape ? "round" : document.querySelector("input[name=until]:checked").value);
  for (const [key, value] of [...Object.entries(settings.changes()), ...otherSettings()]) {
    sent.append("setting", `${key}=${value}`);
  }
  if (isCompared()) {
    sent.append("against", data.against.id);
  }
  return sent;
}

function setStarting(isStarting) {
  byId("launch").disabled = isStarting;
  byId("launch").setAttribute("aria-busy", isStarting);
  setText(byId("launch"), isStarting ? "Starting…" : "Start");
}

function refuse(message, problems) {
  showProblems(message || "The run could not start.", problems);
  setStarting(false);
  byId("problems").focus();
}

async function launch(event) {
  event.preventDefault();
  clearProblems();
  let body;
  try {
    body = fields();
  } catch (error) {
    refuse("Please correct this before you start.", [{ key: "other", message: error.message }]);
    return;
  }
  setStarting(true);
  try {
    const answer = await ask(address("/swarm"), { method: "POST", body });
    if (answer.body.success) {
      location.assign(address("/fanout/live"));
    } else {
      refuse(answer.body.message, answer.body.problems ?? []);
    }
  } catch (error) {
    refuse(error.message, []);
  }
}

/** The time belongs to one of the three ends; the spawn rate follows the coordinators until it is edited. */
function connectLoad() {
  const { users, spawn_rate: rate = null, until = "round", run_time: time = null } = data.load;
  byId("user_count").value = users;
  byId("spawn_rate").value = rate ?? users;
  byId("run_time").value = time ?? byId("run_time").value;
  byId("run_time").disabled = until !== "time";
  document.querySelector(`input[name=until][value=${until}]`).checked = true;
  let isEdited = rate !== null && rate !== users;
  byId("spawn_rate").addEventListener("input", () => (isEdited = true));
  byId("user_count").addEventListener("input", () => {
    if (!isEdited) {
      byId("spawn_rate").value = byId("user_count").value;
    }
  });
  for (const radio of document.querySelectorAll("input[name=until]")) {
    radio.addEventListener("change", () => (byId("run_time").disabled = radio.value !== "time"));
  }
}

const isListed = data.scenarios.some(({ file }) => file === data.picked.file);
const own = { file: data.picked.file, name: data.picked.name, question: data.picked.question, group: OWN_GROUP };
fillPicker(isListed ? data.scenarios : [own, ...data.scenarios], data.picked.file, pick);
connectLoad();
show(data.picked, data.set);
byId("busy").hidden = !isActive(data.state);
if (data.against) {
  byId("against").append("The run that you start will be compared with ", element("strong", {}, data.against.label), ".");
}
byId("start").addEventListener("submit", launch);
byId("start").inert = false; // Until here, what is chosen would be lost.
// A page that comes back from the browser's history would still be starting.
window.addEventListener("pageshow", () => setStarting(false));
