// Finding a character: by words, by tag, without asking the server.

export function cards() {
  const search = document.getElementById("search");
  if (!search) return;
  const all = [...document.querySelectorAll("#cards .card")];
  const tags = [...document.querySelectorAll("[data-tag]")];
  const nothing = document.getElementById("no-match");

  function show() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const tag = tags.find((one) => one.getAttribute("aria-pressed") === "true")?.dataset.tag;
    for (const card of all) {
      const fits = words.every((word) => card.dataset.find.includes(word)) && (!tag || card.dataset.tags.split("|").includes(tag));
      card.hidden = !fits;
    }
    nothing.hidden = all.some((card) => !card.hidden);
  }

  search.addEventListener("input", show);
  for (const tag of tags) {
    tag.addEventListener("click", () => {
      const on = tag.getAttribute("aria-pressed") === "true";
      for (const other of tags) other.setAttribute("aria-pressed", "false");
      tag.setAttribute("aria-pressed", String(!on));
      show();
    });
  }
  show(); // the browser may have kept the words of a page that was left
}
