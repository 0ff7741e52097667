// Listening to the user: frames from the microphone become utterances.

import { csrf } from "../csrf.js";
import { chooseEncoder } from "./encoder.js";
import { Mic } from "./mic.js";
import { Utterance } from "./utterance.js";
import { PATIENCE, Vad } from "./vad.js";

const PRE_ROLL = 15; // frames: 300 ms from before the onset
const SHORTEST = 6; // frames: what is held for less was a tap
const ONSET_MS = 80; // an onset is noticed four frames late

export class Ear {
  /** `on` has attitude (which returns one), onset, hold, confirm, cough, said and lost. */
  constructor(chat, worklet, settings, on) {
    Object.assign(this, { chat, worklet, settings, on });
    this.vad = new Vad();
    this.before = [];
    this.mic = this.utterance = null;
    this.muted = this.holding = false;
    this.level = this.voicedAt = this.onsetAt = 0;
  }

  /** Raises MicError. */
  async open() {
    const mic = new Mic(this.worklet, (frame) => this.hear(frame), () => this.on.lost());
    try {
      [this.Encoder] = await Promise.all([chooseEncoder(), mic.open()]);
    } catch (error) {
      mic.close();
      throw error;
    }
    this.vad.reset();
    this.before = [];
    mic.muted = this.muted;
    this.mic = mic;
  }

  close() {
    this.drop();
    this.mic?.close();
    this.mic = null;
    this.muted = this.holding = false;
  }

  mute(value) {
    this.muted = value;
    this.mic.muted = value;
    if (value && !this.holding) {
      this.drop();
      this.vad.reset();
    }
  }

  hear({ pcm, rms }) {
    this.level = rms;
    if (this.muted && !this.holding) return;
    this.before.push(pcm);
    if (this.before.length > PRE_ROLL) this.before.shift();
    if (this.settings.mode === "hold" && !this.holding) return;
    this.utterance?.push(pcm);
    this.vad.patience = PATIENCE[this.settings.patience];
    this.vad.attitude = this.holding ? "open" : this.on.attitude();
    if (this.vad.attitude === "closed") return this.deaf();
    const voiced = this.vad.voiced;
    for (const event of this.vad.push(rms)) this.holding ? this.whileHeld(event) : this.take(event);
    if (this.vad.voiced > voiced) this.voicedAt = performance.now();
    if (this.utterance?.full) this.finish();
  }

  take(event) {
    if (event === "start") {
      this.onsetAt = performance.now() - ONSET_MS;
      this.capture(this.before);
      this.on.onset();
    } else if (event === "hold") {
      this.on.hold();
    } else if (event === "confirm") {
      this.on.confirm();
      this.utterance.begin();
    } else if (event === "cough") {
      this.drop();
      this.on.cough();
    } else if (event === "end") {
      this.finish();
    } else {
      this.whileHeld(event);
    }
  }

  whileHeld(event) {
    if (event === "pause") this.utterance?.pause();
    else if (event === "resume" || event === "start") this.utterance?.resume();
  }

  /** The character speaks and may not be interrupted by voice. */
  deaf() {
    if (this.vad.inSpeech && this.utterance) this.take("cough");
    this.vad.reset();
  }

  capture(frames) {
    this.drop();
    this.utterance = new Utterance(this.Encoder, (...segment) => this.ahead(...segment));
    for (const frame of frames) this.utterance.push(frame);
  }

  /** Put what was said earlier before what is being said now. */
  join(frames) {
    this.capture([...frames, ...this.utterance.frames]);
  }

  drop() {
    this.utterance?.drop();
    this.utterance = null;
  }

  ahead(id, bytes, seq, pause) {
    const url = `/chats/${this.chat}/utterances/${id}?seq=${seq}&pause=${pause ? 1 : 0}`;
    fetch(url, { method: "POST", body: bytes, headers: { "content-type": "application/octet-stream", ...csrf() } }).catch(() => {});
  }

  finish() {
    const utterance = this.utterance;
    this.utterance = null;
    this.vad.reset();
    if (utterance) this.on.said(utterance, this.voicedAt);
  }

  /** Push to talk: everything until `release` is one utterance. */
  hold() {
    this.mic.muted = false;
    this.onsetAt = performance.now();
    this.vad.reset();
    this.capture(this.before);
    this.utterance.begin();
  }

  release() {
    if (!this.mic) return;
    this.mic.muted = this.muted;
    if (this.utterance && this.utterance.frames.length < PRE_ROLL + SHORTEST) this.drop();
    this.voicedAt = performance.now();
    this.finish();
  }
}
