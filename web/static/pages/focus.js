// A swap that takes away what has the focus gives it to what came instead, so that a keyboard goes on from there.

const PRESSED = "button, a[href], summary, input:not([type=hidden])";

export function focus() {
  let lost = null;
  document.addEventListener("htmx:before:swap", () => {
    const at = document.activeElement;
    const row = at?.closest("li, article");
    lost = row && { row, at, list: row.parentElement, place: [...row.parentElement.children].indexOf(row), again: again(at) };
  });
  document.addEventListener("htmx:after:settle", () => {
    if (!lost || lost.at.isConnected || document.activeElement !== document.body) return;
    const row = lost.list.children[lost.place];
    const next = row && ((lost.again && row.querySelector(lost.again)) ?? row.querySelector(PRESSED) ?? row);
    lost = null;
    if (next === row) row?.setAttribute("tabindex", "-1"); // nothing can be pressed there: at least it is read from there
    next?.focus();
  });
}

/** Where the same can be done once more: the form that was sent, or the pencil that opened it. */
function again(at) {
  if (at.closest(".row__rename")) return "[data-rename]";
  const address = at.closest("form")?.getAttribute("action");
  return address && `form[action="${CSS.escape(address)}"] button`;
}
