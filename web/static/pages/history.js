// Renaming a conversation in its row, and times in the reader's own clock.

export function history() {
  when(document);
  document.addEventListener("htmx:after:settle", ({ target }) => when(target.parentElement ?? document));
  document.addEventListener("click", (event) => {
    const row = event.target.closest(".row");
    if (!row) return;
    const form = row.querySelector(".row__rename");
    if (event.target.closest("[data-rename]")) {
      form.hidden = false;
      form.elements.title.focus();
      form.elements.title.select();
    } else if (event.target.closest("[data-rename-cancel]")) {
      leave(row, form);
    }
  });
  document.addEventListener("keydown", (event) => {
    const form = event.target.closest?.(".row__rename");
    if (form && event.key === "Escape") leave(form.closest(".row"), form);
  });
}

function leave(row, form) {
  form.reset();
  form.hidden = true;
  row.querySelector("[data-rename]").focus();
}

function when(root) {
  const language = document.documentElement.lang;
  const now = new Date();
  for (const time of root.querySelectorAll("time[data-when]")) {
    const date = new Date(time.dateTime);
    const days = Math.round((new Date(now).setHours(0, 0, 0, 0) - new Date(date).setHours(0, 0, 0, 0)) / 864e5);
    const clock = date.toLocaleTimeString(language, { hour: "numeric", minute: "2-digit" });
    if (days < 2) time.textContent = `${new Intl.RelativeTimeFormat(language, { numeric: "auto" }).format(-days, "day")}, ${clock}`;
    else time.textContent = date.toLocaleDateString(language, { day: "numeric", month: "short", year: days > 300 ? "numeric" : undefined });
  }
}
