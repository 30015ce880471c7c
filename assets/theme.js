// Light and dark: follows the system until the button says otherwise; each press goes on to the next of auto, light, dark.
// Loaded without defer in <head>, so that a page never shows the wrong colors first.
(() => {
  const root = document.documentElement;
  const order = ["auto", "light", "dark"];
  const read = () => { try { return localStorage.getItem("theme") || "auto"; } catch { return "auto"; } };
  const show = (theme) => (theme === "auto" ? root.removeAttribute("data-theme") : root.setAttribute("data-theme", theme));
  let theme = read();
  show(theme);
  addEventListener("DOMContentLoaded", () => {
    const button = document.querySelector("[data-theme-button]");
    if (!button) return;
    const name = () => button.setAttribute("aria-label", `Theme: ${theme}. Press to change`);
    name();
    button.addEventListener("click", () => {
      theme = order[(order.indexOf(theme) + 1) % order.length];
      try { localStorage.setItem("theme", theme); } catch { /* private mode: lasts for this page */ }
      show(theme);
      name();
    });
  });
})();
