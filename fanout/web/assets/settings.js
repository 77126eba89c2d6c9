// The fields with a scenario's settings: its own values, and what was changed.

import { byId, element, setText } from "./common.js";

const ALWAYS_VISIBLE = ["client.topology", "client.limits.max_connections", "client.limits.max_keepalive_connections",
  "client.limits.keepalive_expiry_s"];

function control(field) {
  const id = idOf(field.key);
  const attributes = { id, "aria-describedby": `${id}-help ${id}-changed ${id}-error` };
  if (field.choices) {
    return element("select", attributes, ...field.choices.map((name) => element("option", { value: name }, name)));
  }
  return element("input", { ...attributes, type: "text", autocomplete: "off", autocapitalize: "off", spellcheck: "false" });
}

export function idOf(key) {
  return `set-${key}`;
}

/** A value that isn't among a field's choices is added to them, because a select can't show it otherwise. */
function show(input, value) {
  if (input.tagName === "SELECT" && ![...input.options].some((option) => option.value === value)) {
    input.append(element("option", { value }, value));
  }
  input.value = value;
}

/** The lines of "Other settings" as pairs of key and value. Throws an Error that names a wrong line. */
export function otherSettings() {
  const pairs = [];
  for (const [number, line] of byId("other").value.split("\n").entries()) {
    const parts = /^([^\s:]+)\s*:(?:\s+(.*))?$/.exec(line.trim());
    if (parts) {
      pairs.push([parts[1], parts[2] ?? ""]);
    } else if (line.trim()) {
      throw new Error(`line ${number + 1}: must be a key, a colon, a space and a value`);
    }
  }
  return pairs;
}

function changedFrom(own) {
  return own ? `changed from ${own}` : "changed: the scenario leaves it out";
}

export class Settings {
  #fields;
  #inputs = new Map();
  #own = {};
  #onChange;

  /** `onChange` gets the number of changed settings after each change. */
  constructor(fields, onChange) {
    this.#fields = fields;
    this.#onChange = onChange;
    const first = fields[0]?.group;
    const isVisible = (field) => field.group === first || ALWAYS_VISIBLE.includes(field.key);
    this.#build(byId("settings"), fields.filter(isVisible));
    this.#build(byId("more-settings"), fields.filter((field) => !isVisible(field)));
    byId("other").addEventListener("input", () => this.#mark());
  }

  #build(place, fields) {
    for (const group of new Set(fields.map((field) => field.group))) {
      const members = fields.filter((field) => field.group === group);
      place.append(element("fieldset", { class: "group fields" }, element("legend", {}, group),
        ...members.map((field) => this.#row(field))));
    }
  }

  #row(field) {
    const id = idOf(field.key);
    const input = control(field);
    input.addEventListener("input", () => this.#mark());
    this.#inputs.set(field.key, input);
    const reset = element("button", { type: "button", class: "quiet small", id: `${id}-reset` }, "Reset");
    reset.addEventListener("click", () => {
      show(input, this.#own[field.key] ?? "");
      this.#mark();
      input.focus();
    });
    return element("div", { class: "field", "data-key": field.key },
      element("label", { for: id }, field.label),
      input,
      element("p", { id: `${id}-help`, class: "help" }, field.help),
      element("p", { class: "changed", hidden: true }, element("span", { id: `${id}-changed` }), " ", reset),
      element("p", { id: `${id}-error`, class: "error", hidden: true }));
  }

  /** Shows a scenario's own values, with changes on top: a mapping of keys to YAML. */
  fill(values, changes) {
    this.#own = values;
    const others = Object.keys(changes).filter((key) => !this.#inputs.has(key));
    for (const [key, input] of this.#inputs) {
      show(input, changes[key] ?? values[key] ?? "");
    }
    byId("other").value = others.map((key) => `${key}: ${changes[key]}`).join("\n");
    this.#mark();
    this.#openIfChanged();
  }

  /** The changed fields, as a mapping of keys to YAML. */
  changes() {
    const changed = [...this.#inputs].filter(([key, input]) => input.value.trim() !== (this.#own[key] ?? ""));
    return Object.fromEntries(changed.map(([key, input]) => [key, input.value.trim()]));
  }

  #mark() {
    const changes = this.changes();
    for (const field of this.#fields) {
      const id = idOf(field.key);
      const isChanged = field.key in changes;
      const own = this.#own[field.key];
      const row = this.#inputs.get(field.key).closest(".field");
      row.classList.toggle("is-changed", isChanged);
      row.querySelector(".changed").hidden = !isChanged;
      setText(byId(`${id}-changed`), isChanged ? changedFrom(own) : "");
      byId(`${id}-reset`).setAttribute("aria-label", `Reset ${field.label}${own ? ` to ${own}` : ""}`);
    }
    const others = byId("other").value.split("\n").filter((line) => line.trim()).length;
    byId("other").closest(".field").classList.toggle("is-changed", others > 0);
    byId("other-changed").hidden = !others;
    setText(byId("other-changed"), others ? "changed: these lines are set on top of the scenario" : "");
    this.#onChange(Object.keys(changes).length + others);
  }

  #openIfChanged() {
    if (byId("more").querySelector(".is-changed")) {
      byId("more").open = true;
    }
  }
}
