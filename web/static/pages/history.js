// Finding a conversation and renaming it in its row, and times in the reader's own clock.

export function history() {
  when(document);
  find(document.getElementById("find-chat"));
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

/** By its name, its character and its day, as they stand there. */
function find(search) {
  if (!search) return;
  const rows = document.getElementById("rows");
  const show = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of rows.children) {
      const said = (row.querySelector(".row__title, :scope > p")?.textContent + row.querySelector(".row__words p")?.textContent).toLowerCase();
      row.hidden = !words.every((word) => said.includes(word));
    }
    document.getElementById("no-chat").hidden = [...rows.children].some((row) => !row.hidden);
  };
  search.addEventListener("input", show);
  show(); // the browser may have kept the words of a page that was left
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
    if (days < 2) time.textContent = `${new Intl.RelativeTimeFormat(language, { numeric: "auto" }).format(-days, "day")}${language.startsWith("zh") ? " " : ", "}${clock}`;
    else time.textContent = date.toLocaleDateString(language, { day: "numeric", month: "short", year: days > 300 ? "numeric" : undefined });
  }
}
