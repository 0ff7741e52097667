// One turn: a POST whose response is the event stream, kept alive through lost connections.
//
// A reader of our own rather than htmx's stream extension, for three things it cannot do: go on by GET from the
// last event after a POST was cut, repeat the POST under the same key when no byte came, and hand over sound
// without waiting for the swaps before it. htmx still swaps the HTML that arrives.

import { csrf } from "../csrf.js";
import { newId } from "./ids.js";
import { events } from "./sse.js";

const SILENT_MS = 25000; // the server sends a comment every 10 s: longer means that the connection is dead
const GIVE_UP_MS = 60000;
const FIRST_WAIT = 120;
const LONGEST_WAIT = 3000;

export class Turn {
  /** `fields` go into the form; `on` has turn, html, unheard, cue, audio, done, fail and waiting. */
  constructor(chat, fields, on) {
    this.chat = chat;
    this.fields = fields;
    this.on = on;
    this.key = newId();
    this.id = null;
    this.last = 0;
    this.over = false;
    this.known = new Promise((resolve) => (this.knowId = resolve));
  }

  get url() {
    return `/chats/${this.chat}/turns`;
  }

  async run() {
    this.postedAt = performance.now();
    let since = null;
    let wait = FIRST_WAIT;
    while (!this.over) {
      const before = this.last;
      let why = "lost";
      try {
        await this.read(await this.connect());
      } catch (error) {
        if (error instanceof Refused && !error.again) return this.fail(error.detail);
        if (error.detail?.code === "engine_waking") why = "waking";
      }
      if (this.over) return;
      if (this.last > before) {
        since = null;
        wait = FIRST_WAIT;
      }
      since ??= performance.now();
      if (performance.now() - since > GIVE_UP_MS) return this.fail({ code: "lost", retry: true });
      this.on.waiting(why);
      await backAgain(wait);
      wait = Math.min(LONGEST_WAIT, wait * 2);
    }
  }

  async connect() {
    this.abort = new AbortController();
    this.alive();
    const request = { signal: this.abort.signal, headers: { accept: "text/event-stream, application/json", ...csrf() } };
    let response;
    if (this.id) {
      request.headers["last-event-id"] = String(this.last);
      response = await fetch(`${this.url}/${this.id}/events?after=${this.last}`, request);
    } else {
      const body = new FormData();
      body.set("key", this.key);
      for (const [name, value] of Object.entries(this.fields)) body.set(name, value);
      response = await fetch(this.url, { ...request, method: "POST", body });
    }
    if (!response.ok) throw await Refused.of(response);
    return response;
  }

  alive() {
    clearTimeout(this.watch);
    this.watch = setTimeout(() => this.abort.abort(), SILENT_MS);
  }

  async read(response) {
    // An event may be two messages, HTML and data: only the last carries the id, so that a cut between them loses nothing
    let parts = [];
    try {
      for await (const { id, event, data } of events(response.body, () => this.alive())) {
        parts.push([event, data]);
        if (!id) continue;
        if (id > this.last) {
          this.last = id;
          this.on.waiting(null);
          for (const part of parts) this.take(...part);
        }
        parts = [];
        if (this.over) return;
      }
    } finally {
      clearTimeout(this.watch);
    }
  }

  take(event, data) {
    if (!event) return this.on.html(data);
    if (event === "audio") return this.on.audio(pcm(data));
    const detail = JSON.parse(data);
    if (event === "turn") {
      this.id = detail.turn;
      this.knowId(this.id);
    }
    if (event === "fail") return this.fail(detail);
    if (event === "done") this.finish();
    this.on[event]?.(detail);
  }

  /** Tell the server how much was heard. Nothing is lost when it never learns: the grace time ends the turn. */
  async stop(heardMs, superseded = false) {
    const id = this.id ?? (await Promise.race([this.known, new Promise((resolve) => setTimeout(resolve, 5000))]));
    if (!id) return;
    const body = new URLSearchParams({ heard_ms: String(Math.round(heardMs)), superseded: superseded ? "1" : "0" });
    if (superseded) this.finish();
    await fetch(`${this.url}/${id}/stop`, { method: "POST", headers: csrf(), body, keepalive: true }).catch(() => {});
    if (superseded) this.abort?.abort();
  }

  fail(detail) {
    this.finish();
    this.on.fail(detail);
  }

  finish() {
    this.over = true;
    clearTimeout(this.watch);
    this.knowId(this.id);
  }
}

class Refused extends Error {
  constructor(detail, again) {
    super(detail.code);
    this.detail = detail;
    this.again = again;
  }

  static async of(response) {
    const detail = await response.json().catch(() => ({}));
    const gateway = [502, 504].includes(response.status) || (response.status === 503 && !detail.code);
    return new Refused({ code: "refused", retry: response.status >= 500, ...detail }, gateway || detail.code === "engine_waking");
  }
}

function pcm(base64) {
  const text = atob(base64);
  const out = new Float32Array(text.length >> 1);
  for (let i = 0; i < out.length; i++) {
    const value = text.charCodeAt(2 * i) | (text.charCodeAt(2 * i + 1) << 8);
    out[i] = (value >= 32768 ? value - 65536 : value) / 32768;
  }
  return out;
}

/** Wait, or less when the network comes back sooner. */
function backAgain(ms) {
  return new Promise((resolve) => {
    const go = () => {
      clearTimeout(timer);
      removeEventListener("online", go);
      resolve();
    };
    const timer = setTimeout(go, ms);
    addEventListener("online", go);
  });
}
