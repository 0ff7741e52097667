// What this browser remembers about calls. Nothing here leaves it.

const DEFAULTS = { patience: "normal", mode: "free", interrupt: "voice", captions: "on", receipts: "off", transcript: "" };

export function settings() {
  const kept = read();
  return new Proxy(kept, {
    set(target, name, value) {
      target[name] = value;
      try {
        localStorage.setItem("parley", JSON.stringify(target));
      } catch {
        // private windows may refuse: the choice lasts as long as the page
      }
      return true;
    },
  });
}

function read() {
  try {
    return { ...DEFAULTS, ...JSON.parse(localStorage.getItem("parley")) };
  } catch {
    return { ...DEFAULTS };
  }
}

/** Bind the radio groups [data-setting] to it. */
export function bindSettings(root, chosen, changed) {
  for (const group of root.querySelectorAll("[data-setting]")) {
    const name = group.dataset.setting;
    for (const input of group.querySelectorAll("input")) {
      input.checked = chosen[name] === input.value;
      input.addEventListener("change", () => {
        chosen[name] = input.value;
        changed(name);
      });
    }
  }
}
