// Problems of the form: a summary beside the Start button, and each one at its field.

import { byId, element } from "./common.js";
import { idOf } from "./settings.js";

const OTHER = "other";

/** The element of a key: a setting's field, an input of the form with that name, or the lines that set it. */
function inputOf(key) {
  if (!key) {
    return null;
  }
  if (key === "scenario") {
    return document.querySelector("input[name=scenario]:checked");
  }
  const typed = byId(OTHER).value.split("\n").map((line) => line.split(":")[0].trim());
  const isInLines = typed.some((name) => key === name || (name && key.startsWith(`${name}.`)));
  return byId(idOf(key)) ?? (isInLines || key === OTHER ? byId(OTHER) : document.querySelector(`#start [id="${CSS.escape(key)}"]`));
}

export function clearProblems() {
  byId("problems").replaceChildren();
  for (const place of document.querySelectorAll("#start .error")) {
    place.replaceChildren();
    place.hidden = true;
  }
  for (const input of document.querySelectorAll("#start [aria-invalid]")) {
    input.removeAttribute("aria-invalid");
  }
}

function showAtField(input, message) {
  const place = byId(`${input.id}-error`);
  if (!place) {
    return;
  }
  input.setAttribute("aria-invalid", "true");
  place.append(element("span", {}, message));
  place.hidden = false;
}

function line({ key, message }) {
  const input = inputOf(key);
  const text = key && key !== OTHER ? `${key}: ${message}` : message;
  if (!input) {
    return element("li", {}, text);
  }
  showAtField(input, message);
  const link = element("a", { href: `#${input.id}` }, text);
  link.addEventListener("click", (event) => {
    event.preventDefault();
    const details = input.closest("details");
    if (details) {
      details.open = true;
    }
    input.focus();
  });
  return element("li", {}, link);
}

/** Replaces all problems that are shown. A problem is {key, message}; one without a field is only in the summary. */
export function showProblems(message, problems) {
  clearProblems();
  const list = problems.length ? element("ul", {}, ...problems.map(line)) : null;
  // The message may be all problems in one line, which would say them twice.
  const isSaid = problems.some((problem) => message.includes(problem.message));
  const heading = isSaid ? "The run can't start with these settings." : message;
  byId("problems").append(element("p", { class: "first" }, heading), ...(list ? [list] : []));
}
