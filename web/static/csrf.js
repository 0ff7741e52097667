// The word that changes bring along when somebody is signed in. A page of one's own has it in its head; pages that
// caches keep for everybody learn it, and who is signed in, from /me.

const meta = document.querySelector("meta[name=csrf]");
let word = meta ? meta.content : null;
const ready = meta ? Promise.resolve() : learn();

async function learn() {
  const place = document.getElementById("me") ?? document.createElement("div");
  try {
    const response = await fetch("/me", { headers: { "hx-request": "true" } });
    if (!response.ok) throw new Error(response.status);
    place.innerHTML = await response.text();
  } catch {
    // A guest needs no word, and who needs one is told so by the server.
  }
  word = place.querySelector("[data-csrf]")?.dataset.csrf ?? "";
}

/** The header for a fetch that changes something. */
export function csrf() {
  return word ? { "x-csrf-token": word } : {};
}

/** The same as a form's field, for beacons, which have no headers. */
export function csrfField() {
  return word ? { csrf: word } : {};
}

document.addEventListener("htmx:config:request", ({ detail }) => {
  if (detail.ctx.request.method !== "GET") Object.assign(detail.ctx.request.headers, csrf());
});

// Before anybody else reads the form.
document.addEventListener(
  "submit",
  (event) => {
    const form = event.target;
    if (form.getAttribute("method")?.toLowerCase() !== "post") return;
    if (new URL(form.action, location.href).origin !== location.origin) return;
    if (word === null) {
      event.preventDefault();
      event.stopImmediatePropagation();
      ready.then(() => form.requestSubmit(event.submitter));
      return;
    }
    if (!word) return;
    let field = form.querySelector("input[name=csrf]");
    if (!field) {
      field = document.createElement("input");
      field.type = "hidden";
      field.name = "csrf";
      form.append(field);
    }
    field.value = word;
  },
  true,
);
