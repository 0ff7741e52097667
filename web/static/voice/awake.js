// A call keeps the screen on: a phone that locks itself would end it.

let lock = null;
let wanted = false;

export async function keepAwake(on) {
  wanted = on;
  try {
    if (on && !lock && !document.hidden) {
      lock = (await navigator.wakeLock?.request("screen")) ?? null;
      lock?.addEventListener("release", () => (lock = null));
    } else if (!on) {
      await lock?.release();
    }
  } catch {
    // low battery, or a browser without wake locks: the call works all the same
  }
}

document.addEventListener("visibilitychange", () => wanted && keepAwake(true));
