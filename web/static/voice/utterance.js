// One stretch of speech: kept, encoded while it is spoken, and sent ahead in segments.
//
// A segment leaves every half second, and at once when a silence begins, so that the server can have the
// transcript ready before we even know that the user has finished. Frames of a silence are held back until
// speech goes on: if it does not, the final file is exactly what the server has already read.

import { newId } from "./ids.js";
import { join } from "./ogg.js";

const EVERY = 25; // frames between segments
export const MAX_FRAMES = 58 * 50;

export class Utterance {
  /** `Encoder` makes the file; `send(id, bytes, seq, pause)` may fail silently. */
  constructor(Encoder, send) {
    this.id = newId();
    this.frames = [];
    this.encoder = new Encoder();
    this.send = send;
    this.parts = [];
    this.sent = 0;
    this.since = 0;
    this.silent = null;
    this.open = false;
    this.chain = Promise.resolve();
  }

  /** Begin to send ahead: before this it might still be a cough. */
  begin() {
    this.open = true;
  }

  push(frame) {
    this.frames.push(frame);
    if (this.silent) {
      this.silent.push(frame);
      return;
    }
    this.encoder.push(frame);
    if (++this.since >= EVERY && this.open) this.segment(false);
  }

  /** A silence begins. */
  pause() {
    this.silent = [];
    if (this.open) this.segment(true);
  }

  /** Speech goes on. */
  resume() {
    for (const frame of this.silent ?? []) this.encoder.push(frame);
    this.silent = null;
  }

  segment(pause) {
    this.since = 0;
    this.chain = this.chain.then(() => this.hand(pause)).catch(() => {}); // dropped meanwhile
  }

  async hand(pause) {
    const bytes = await this.encoder.take();
    if (!bytes.length && !pause) return;
    this.parts.push(bytes);
    this.send(this.id, bytes, this.sent++, pause);
  }

  /** Return the whole file; what was a silence at the end stays out. */
  async file() {
    await this.chain;
    this.parts.push(await this.encoder.take(true));
    return new File([join(this.parts)], this.encoder.name, { type: this.encoder.type });
  }

  drop() {
    this.encoder.drop();
  }

  get full() {
    return this.frames.length >= MAX_FRAMES;
  }
}
