// Passkeys: what the server asks goes to the browser, and the browser's answer goes back. A part of a page says what
// it is for: data-passkey (create or get), data-ask and data-answer (addresses), data-next, and its words.
// Where a browser has no passkeys these parts stay hidden.

import { csrf } from "./csrf.js";

const FRESH_MS = 240_000; // challenges last for five minutes

class Refused extends Error {}

const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (one) => one.charCodeAt(0));
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const described = (list) => (list ?? []).map((one) => ({ ...one, id: bytes(one.id) }));

function options(asked) {
  const { challenge, user, excludeCredentials, allowCredentials, ...rest } = asked;
  return {
    ...rest,
    challenge: bytes(challenge),
    ...(user ? { user: { ...user, id: bytes(user.id) } } : {}),
    ...(excludeCredentials ? { excludeCredentials: described(excludeCredentials) } : {}),
    ...(allowCredentials ? { allowCredentials: described(allowCredentials) } : {}),
  };
}

// By hand: what password managers hand out in the browser's stead often lacks toJSON().
function plain({ id, rawId, type, response }) {
  const parts = ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"];
  const sent = parts.filter((part) => response[part]?.byteLength).map((part) => [part, text(response[part])]);
  return { id, rawId: text(rawId), type, response: Object.fromEntries(sent) };
}

async function send(box, address, body = {}) {
  const headers = { accept: "application/json", "content-type": "application/json", ...csrf() };
  let answer;
  try {
    answer = await fetch(address, { method: "POST", headers, body: JSON.stringify(body) });
  } catch {
    throw new Refused(navigator.onLine ? box.dataset.trouble : box.dataset.offline);
  }
  const found = await answer.json().catch(() => ({}));
  if (answer.ok) return found;
  const here = encodeURIComponent(location.pathname);
  if (found.code === "prove_first") location.assign(`/account/prove?next=${here}`);
  else if (found.code === "sign_in_first") location.assign(`/sign-in?next=${here}`);
  throw new Refused(found.message ?? box.dataset.trouble);
}

async function run(box, more = {}) {
  const { origin, publicKey } = await send(box, box.dataset.ask);
  if (origin !== location.origin) throw new Refused(box.dataset.elsewhere.replace("{origin}", origin));
  const key = await navigator.credentials[box.dataset.passkey]({ publicKey: options(publicKey), ...more });
  const rest = box.dataset.passkey === "create" ? { name: box.querySelector("input").value } : { next: box.dataset.next };
  const { next } = await send(box, box.dataset.answer, { key: plain(key), ...rest });
  location.assign(next);
}

function words(box, error) {
  if (error instanceof Refused) return error.message;
  if (error.name === "NotAllowedError" || error.name === "AbortError") return box.dataset.cancelled;
  return error.name === "InvalidStateError" ? box.dataset.known : box.dataset.trouble;
}

function say(box, what) {
  const said = box.querySelector("[data-said]");
  said.textContent = what;
  said.hidden = !what;
}

// Passkeys in the list that opens below the field for the name. It waits for as long as the page is open, so that the
// challenge is renewed; what the person does with the button ends it.
let waiting = null;

async function offer(box) {
  if (!document.querySelector('[autocomplete~="webauthn"]')) return;
  if (!(await PublicKeyCredential.isConditionalMediationAvailable?.().catch(() => false))) return;
  for (let again = true; again; ) {
    again = false;
    const mine = (waiting = new AbortController());
    const timer = setTimeout(() => {
      again = true;
      mine.abort();
    }, FRESH_MS);
    try {
      await run(box, { mediation: "conditional", signal: mine.signal });
    } catch (error) {
      if (error.name !== "AbortError") return void say(box, error.name === "NotAllowedError" ? "" : words(box, error));
    } finally {
      clearTimeout(timer);
    }
  }
}

async function pressed(box, button) {
  if (button.disabled) return;
  waiting?.abort();
  button.disabled = true;
  say(box, "");
  try {
    await run(box);
  } catch (error) {
    say(box, words(box, error));
  } finally {
    button.disabled = false;
  }
}

// Where they are good only elsewhere, or the account has none, a button to use one would only disappoint.
async function usable(box) {
  try {
    return (await send(box, box.dataset.ask)).origin === location.origin;
  } catch {
    return false;
  }
}

async function open(box) {
  if (box.dataset.passkey === "get" && !(await usable(box))) return;
  const none = document.querySelector("[data-passkey-none]");
  if (box.dataset.origin && box.dataset.origin !== location.origin) {
    none.textContent = box.dataset.elsewhere.replace("{origin}", box.dataset.origin);
    return;
  }
  const button = box.querySelector("button");
  box.hidden = false;
  if (none) none.hidden = true;
  button.addEventListener("click", () => pressed(box, button));
  box.querySelector("input")?.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.isComposing) pressed(box, button);
  });
  if (box.dataset.answer === "/sign-in/passkey") offer(box);
}

if (window.PublicKeyCredential && navigator.credentials)
  for (const box of document.querySelectorAll("[data-passkey]")) open(box);
