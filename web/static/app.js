// Small comforts of every page; all pages work without them, only less pleasantly.

import { csrf } from "./csrf.js";
import { focus } from "./pages/focus.js";
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

// A button that was pressed shows it until the next page is here, and a second press of it changes nothing.
const GOING_MS = 5000; // what is only fetched brings no next page
function arrived(form) {
  delete form.dataset.going;
  for (const button of form.querySelectorAll("[aria-busy]")) button.removeAttribute("aria-busy");
}
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post" || form.hasAttribute("hx-post")) return;
  if (form.dataset.going) return event.preventDefault();
  form.dataset.going = "yes";
  event.submitter?.setAttribute("aria-busy", "true");
  setTimeout(arrived, GOING_MS, form);
});
addEventListener("pageshow", () => document.querySelectorAll("[data-going]").forEach(arrived));

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

// The tab that one is on may lie beyond the edge of a phone.
for (const here of document.querySelectorAll("main nav > [aria-current]")) {
  const [tab, nav] = [here.getBoundingClientRect(), here.parentElement.getBoundingClientRect()];
  here.parentElement.scrollLeft += tab.left + tab.width / 2 - nav.left - nav.width / 2;
}

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
focus();
history();
samples(() => toast(toasts.dataset.noSound));
