"use strict";

// Loaded in the head and not as a module, so that the page is never drawn in the wrong theme first.
// The rule and the key "theme" are those of Locust's own page, so both pages agree.
(() => {
  const root = document.documentElement;
  const system = window.matchMedia("(prefers-color-scheme: dark)");

  function stored() {
    try {
      return localStorage.theme;
    } catch {
      return undefined; // Storage is switched off in this browser.
    }
  }

  function apply() {
    const choice = stored();
    root.dataset.theme = choice === "dark" || (choice === undefined && system.matches) ? "dark" : "light";
    const button = document.getElementById("theme");
    if (button) {
      button.textContent = root.dataset.theme === "dark" ? "Light theme" : "Dark theme";
      button.hidden = false;
    }
    document.dispatchEvent(new Event("themechange"));
  }

  function toggle() {
    const theme = root.dataset.theme === "dark" ? "light" : "dark";
    try {
      localStorage.theme = theme;
      apply();
    } catch {
      root.dataset.theme = theme;
      document.dispatchEvent(new Event("themechange"));
    }
  }

  apply();
  system.addEventListener("change", apply);
  window.addEventListener("storage", apply);
  document.addEventListener("DOMContentLoaded", () => {
    document.getElementById("theme").addEventListener("click", toggle);
    apply();
  });
})();
