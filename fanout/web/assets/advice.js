// Advice: what was measured, what to change, and a link that fills the change into the form.

import { address, element, setText } from "./common.js";

function changeLine(change, run) {
  const code = element("code", { class: "code" }, change.code);
  if (!change.words) {
    return element("li", {}, code); // no key of the scenario does it
  }
  const words = element("code", {}, change.words);
  if (!run) {
    return element("li", {}, words, code);
  }
  const sets = Object.entries(change.set).map(([key, value]) => ["set", `${key}=${value}`]);
  const href = address("/fanout/start", [["run", run], ...sets]);
  return element("li", {}, words, code, element("a", { class: "button try", href, "aria-label": `Try it: ${change.words}` }, "Try it"));
}

function item(advice, run) {
  const changes = advice.changes.map((change) => changeLine(change, run));
  return element("li", {}, element("p"), ...(changes.length ? [element("ul", { class: "changes-list" }, ...changes)] : []));
}

/**
 * Shows a list of {text, changes, run?} in `list`; `run` is that of an item without its own. While a run goes on the
 * numbers in the texts change all the time. An item whose changes are the same stays, so that a focused link does too.
 */
export function showAdvice(list, items, run) {
  const old = new Map([...list.children].map((child) => [child.dataset.changes, child]));
  const children = items.map((advice) => {
    const of = advice.run ?? run;
    const key = JSON.stringify([of, advice.changes]);
    const child = old.get(key) ?? item(advice, of);
    old.delete(key);
    child.dataset.changes = key;
    setText(child.querySelector("p"), advice.text);
    return child;
  });
  if (children.length !== list.children.length || children.some((child, place) => list.children[place] !== child)) {
    list.replaceChildren(...children);
  }
}
