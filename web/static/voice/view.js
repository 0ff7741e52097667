// What the room shows. It holds no words: they come from #words, in the reader's language.

import { Captions } from "./captions.js";

export const $ = (id) => document.getElementById(id);
const SPEEDS = { idle: 0.5, starting: 1.6, listening: 0.75, hearing: 1.5, thinking: 2.6, speaking: 1.9, interrupted: 0.6, muted: 0.2, reconnecting: 0.5, error: 0.15 };

export class View {
  constructor(room) {
    this.room = room;
    this.words = $("words").dataset;
    this.captions = new Captions($("captions"), $("captions-text"));
    this.clouds = [...room.querySelectorAll(".orb__cloud")];
    this.level = 0;
    this.orb = $("orb");
  }

  /** Tell tests and add-ons what happens, without globals. */
  emit(name, detail) {
    this.room.dispatchEvent(new CustomEvent(`parley:${name}`, { detail, bubbles: true }));
  }

  show(state, call) {
    if (this.state !== state) {
      this.state = state;
      this.room.dataset.voice = state;
      this.emit("state", { state });
      for (const cloud of this.clouds) for (const move of cloud.getAnimations()) move.updatePlaybackRate(SPEEDS[state]);
      clearTimeout(this.patience);
      if (state === "thinking") this.patience = setTimeout(() => this.say(this.waking ? "waking" : "thinking"), 1500);
    }
    if (state === "error") this.say(this.wrong);
    else if (state === "idle" && call.minutes.spent) this.say("voiceSpent");
    else this.say(state === "listening" && call.settings.mode === "hold" ? "holding" : state);
    this.room.dataset.muted = call.ear.muted ? "yes" : "no";
    this.room.dataset.hold = call.ear.holding ? "yes" : "no";
    this.room.dataset.busy = call.ear.mic || call.replying || call.player.line ? "yes" : "no";
    $("stop").disabled = !(call.replying || call.player.line);
    const mic = $("mic");
    const label = !call.ear.mic && call.minutes.spent ? "whyNoVoice" : !call.ear.mic ? "start" : call.ear.muted ? "unmute" : "mute";
    mic.setAttribute("aria-label", this.words[label]);
    mic.setAttribute("aria-pressed", String(Boolean(call.ear.mic) && !call.ear.muted));
  }

  say(key) {
    const text = this.words[key] ?? key;
    if ($("state-text").textContent !== text) $("state-text").textContent = text;
  }

  get waking() {
    return $("engines")?.dataset.state === "waking";
  }

  /** Let the orb breathe with a loudness (RMS, 0 to 1). */
  breathe(rms, on) {
    const target = Math.max(0, Math.min(1, (20 * Math.log10(Math.max(rms, 1e-5)) + 52) / 40));
    this.level += (target - this.level) * (target > this.level ? 0.45 : 0.16);
    on.style.setProperty("--level", this.level.toFixed(3));
  }

  // -- a call --------------------------------------------------------------------------------------

  calling(on) {
    $("end").disabled = !on;
    this.quiet();
    if (!on) this.say("ended");
  }

  trouble(key) {
    this.wrong = "noMic";
    const word = key.replace(/-(\w)/g, (_, letter) => letter.toUpperCase());
    this.notice(this.words[word], { retry: !/insecure|unsupported/.test(key), type: true });
  }

  failed({ code, message, retry }) {
    this.wrong = "error";
    const text = message ?? (code === "lost" ? this.words.lost : this.words.failed);
    this.notice(text, { retry: retry !== false, type: false });
    this.emit("failed", { code });
  }

  notice(text, { retry, type }) {
    $("notice-text").textContent = text;
    $("notice-retry").hidden = !retry;
    $("notice-type").hidden = !type;
    $("notice").hidden = false;
  }

  quiet() {
    $("notice").hidden = $("met").hidden = true;
  }

  tell(key) {
    $("state-text").textContent = this.words[key];
  }

  heardFirst() {
    this.quiet();
    this.captions.clear();
    $("mine").textContent = "";
    this.uninvite();
  }

  uninvite() {
    if ($("invite")) $("invite").hidden = true;
  }

  // -- a reply -------------------------------------------------------------------------------------

  asked(text) {
    this.quiet();
    this.uninvite();
    this.captions.clear();
    $("sources").replaceChildren();
    $("mine").textContent = text ?? "";
    $("receipt").hidden = true;
  }

  /** Whether this goes under the captions, not into the transcript. Nobody's words can say so: they are escaped. */
  isSources(html) {
    return html.includes('hx-target="#sources"');
  }

  /** Put a line into the transcript, once. */
  swap(html, turn) {
    const id = /id="(m-[\w-]+)"/.exec(html)?.[1];
    if (id) $(id)?.remove();
    window.htmx.swap({ text: html, sourceElement: this.room, target: this.room, swap: "none" });
    const mine = [...$("log").querySelectorAll(".line--mine")].filter((line) => line.dataset.turn === turn).at(-1);
    if (mine) $("mine").textContent = mine.querySelector("p").textContent.trim();
    $("log").scrollTop = $("log").scrollHeight;
  }

  swapCut(html, turn, said) {
    this.swap(html, turn);
    const line = [...$("log").querySelectorAll(".line--them")].filter((one) => one.dataset.turn === turn).at(-1);
    if (!line) return;
    if (!said) return line.remove();
    line.classList.add("line--cut");
    line.querySelector("p").replaceChildren(said, $("cut-mark").content.cloneNode(true));
  }

  unsay(turn) {
    for (const line of $("log").querySelectorAll(".line[data-turn]")) if (line.dataset.turn === turn) line.remove();
    this.captions.clear();
    $("sources").replaceChildren();
  }

  cue(text, start) {
    this.captions.cue(text, start);
  }

  /** A reply without sound: its words are there at once. */
  readable() {
    this.captions.update(Infinity);
  }

  /** What was written and refused goes back to where it was written. */
  giveBack(text) {
    if (!text || $("line").value) return;
    $("line").value = text;
    $("send").disabled = false;
  }

  captioned(ms) {
    this.captions.done(ms);
  }

  cut(ms) {
    return this.captions.cut(ms);
  }

  firstSound(detail) {
    this.emit("first-sound", detail);
  }

  silent(sinceOnset) {
    this.emit("silence", { sinceOnset });
  }

  ended(detail) {
    this.captions.update(Infinity);
    this.emit("reply-end", detail);
  }

  settled(turn, about) {
    this.lastMessage = about.message;
    this.receipt();
    this.emit("turn-end", { turn, interrupted: about.interrupted, text: about.text, receipt: about.receipt });
  }

  /** Show where the time of the last turn went, if that is asked for. */
  receipt() {
    const made = this.lastMessage && $(`m-${this.lastMessage}`)?.querySelector(".receipt");
    const wanted = this.room.dataset.receipts === "on" && made;
    $("receipt").hidden = !wanted;
    if (wanted) $("receipt").replaceChildren(made.cloneNode(true));
  }

  sounds(name) {
    this.emit("line-sound", { name });
  }

  replayed(name) {
    for (const line of this.room.querySelectorAll(".line.is-playing")) line.classList.remove("is-playing");
    this.captions.update(Infinity);
    this.emit("line-end", { name });
  }
}
