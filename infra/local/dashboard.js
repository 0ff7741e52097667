// Swaps in what the plane sends. Without this file the page reloads itself every few seconds.
const held = new Map(); // parts that came while the pointer was down: a button must not vanish under a click
let pressed = false;

function show(name, html) {
  const part = document.getElementById(name);
  if (!part) return;
  if (pressed) {
    held.set(name, html);
    return;
  }
  const focused = document.activeElement?.id;
  const log = part.querySelector("pre");
  const top = log && log.scrollHeight - log.scrollTop - log.clientHeight > 8 ? log.scrollTop : null;
  const across = new Map([...part.querySelectorAll("[data-keep]")].map((box) => [box.dataset.keep, box.scrollLeft]));
  part.innerHTML = html;
  for (const [key, left] of across) {
    const box = part.querySelector(`[data-keep="${key}"]`);
    if (box) box.scrollLeft = left;
  }
  const fresh = part.querySelector("pre");
  if (fresh) fresh.scrollTop = top ?? fresh.scrollHeight;
  if (focused && document.activeElement?.id !== focused) document.getElementById(focused)?.focus({ preventScroll: true });
}

addEventListener("pointerdown", () => (pressed = true), true);
for (const name of ["pointerup", "pointercancel"]) {
  addEventListener(
    name,
    () =>
      setTimeout(() => {
        pressed = false;
        for (const [part, html] of held) show(part, html);
        held.clear();
      }, 50),
    true,
  );
}

// Buttons that change something do so without leaving the page; the stream shows what came of it.
addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.matches("[data-quiet]")) return;
  event.preventDefault();
  await fetch(form.action, { method: "POST", redirect: "manual" });
});

function connect() {
  const source = new EventSource(`/live${location.search}`);
  for (const name of ["top", "now", "log"]) source.addEventListener(name, (event) => show(name, event.data));
  source.onopen = () => document.body.classList.remove("gone");
  source.onerror = () => document.body.classList.add("gone");
}
connect();
