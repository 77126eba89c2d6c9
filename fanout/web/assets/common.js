// What every page needs: its data, its URLs, requests and elements.

export const NO_ANSWER = "The web UI does not answer: is Locust still running?";

const base = document.body.dataset.base;

export const data = JSON.parse(document.getElementById("data").textContent);

export const VERDICTS = { passed: "✓ passed", failed: "✗ failed", undecided: "undecided" };

/** Whether a run is in progress in this state. */
export function isActive(state) {
  return ["starting", "running", "ending"].includes(state);
}

export function byId(id) {
  return document.getElementById(id);
}

/** The address of a page; `parameters` is what URLSearchParams takes. */
export function address(path, parameters = []) {
  const query = new URLSearchParams(parameters).toString();
  return base + path + (query && `?${query}`);
}

/** The object that the server answers, and whether the status was a good one. Throws an Error in words. */
export async function ask(url, options = {}) {
  let response;
  let body;
  try {
    response = await fetch(url, { cache: "no-store", ...options });
    body = await response.json();
  } catch {
    throw new Error(NO_ANSWER);
  }
  if (body === null || typeof body !== "object") {
    throw new Error(NO_ANSWER);
  }
  return { ok: response.ok, body };
}

/** An element. Attributes that are null, undefined or false are left out. Text is never parsed as HTML. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) {
      made.setAttribute(name, value === true ? "" : value);
    }
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** Changes a text only if it differs, so that selections and screen readers aren't disturbed. */
export function setText(place, text) {
  if (place.textContent !== text) {
    place.textContent = text;
  }
}
