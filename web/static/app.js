// Small comforts of every page; all pages work without them, only less pleasantly.

import { csrf } from "./csrf.js";
import { cards } from "./pages/gallery.js";
import { history } from "./pages/history.js";
import { samples } from "./pages/samples.js";

const toasts = document.getElementById("toasts");

export function toast(text) {
  const note = document.createElement("div");
  note.className = "toast";
  note.textContent = text;
  toasts.replaceChildren(note);
  setTimeout(() => note.remove(), 6000);
}

// A theme is switched at once; the form then keeps it for the next page.
const ROUND = { auto: "light", light: "dark", dark: "auto" };
for (const form of document.querySelectorAll("[data-theme-form]")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const theme = form.elements.theme.value;
    fetch(form.action, { method: "POST", headers: csrf(), body: new URLSearchParams(new FormData(form)) }).catch(() => toast(toasts.dataset.trouble));
    document.documentElement.dataset.theme = theme;
    for (const other of document.querySelectorAll("[data-theme-form]")) {
      other.elements.theme.value = ROUND[theme];
      const button = other.querySelector("button");
      button.setAttribute("aria-label", button.dataset[`label${theme[0].toUpperCase()}${theme.slice(1)}`]);
    }
  });
}

// Menus close when something else is meant.
function closeMenus(except) {
  for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(except)) menu.open = false;
}
document.addEventListener("click", (event) => closeMenus(event.target));
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const open = document.querySelector("details.menu[open]");
  if (!open) return;
  event.stopPropagation();
  open.open = false;
  open.querySelector("summary").focus();
});

// What the server refused is said in the server's words.
document.addEventListener("htmx:response:error", ({ detail }) => {
  if (detail.ctx.sourceElement?.id === "engines" || detail.ctx.sourceElement?.id === "recent") return;
  const page = new DOMParser().parseFromString(detail.ctx.text ?? "", "text/html");
  toast(page.querySelector("[data-message]")?.textContent ?? toasts.dataset.trouble);
});
document.addEventListener("htmx:error", ({ detail }) => {
  if (detail.ctx?.sourceElement?.matches?.("form")) toast(navigator.onLine ? toasts.dataset.trouble : toasts.dataset.offline);
});

cards();
history();
samples(() => toast(toasts.dataset.noSound));
