// Taps, held taps and keys.

import { $ } from "./view.js";

const HELD_MS = 260;
const TYPING = "input, textarea, select, [contenteditable]";
const OWN_SPACE = "button, a, summary, [role=log]";

/** A tap does one thing, a held press another; `holdAt` says when a press counts as held. */
export function press(button, { tap, down, up, holdAt }) {
  let timer = null;
  let held = false;
  const begin = () => {
    held = true;
    down();
  };
  const finish = () => {
    clearTimeout(timer);
    if (held) up();
    return held;
  };
  button.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    held = false;
    button.setPointerCapture?.(event.pointerId);
    timer = setTimeout(begin, holdAt());
  });
  button.addEventListener("pointerup", finish);
  button.addEventListener("pointercancel", finish);
  button.addEventListener("contextmenu", (event) => event.preventDefault());
  button.addEventListener("click", (event) => {
    if (held) event.preventDefault();
    else tap();
    held = false;
  });
}

export function keys({ down, up, tap, mute, stop, captions, transcript, compose }) {
  let since = 0;
  const plain = { m: mute, c: captions, t: transcript, "/": compose };
  addEventListener("keydown", (event) => {
    if (event.key === "Escape") return stop(event);
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches(TYPING)) return;
    if (event.code === "Space") {
      const own = event.target.closest(OWN_SPACE);
      if (own && own !== $("mic") && own !== $("orb")) return;
      event.preventDefault();
      if (event.repeat) return;
      since = performance.now();
      down();
    } else if (plain[event.key.toLowerCase()] && !event.repeat) {
      event.preventDefault();
      plain[event.key.toLowerCase()]();
    }
  });
  addEventListener("keyup", (event) => {
    if (event.code !== "Space" || !since) return;
    event.preventDefault();
    const short = performance.now() - since < HELD_MS;
    since = 0;
    up();
    if (short) tap();
  });
  addEventListener("blur", () => {
    if (since) up();
    since = 0;
  });
}

export { HELD_MS };
