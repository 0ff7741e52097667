// Is anybody speaking? Energy against a noise floor that adapts, frame by frame (20 ms each).
//
// Three attitudes: "open" (nobody else speaks: trust the onset), "thinking" (a reply is being made: be a little
// surer before throwing it away) and "speaking" (the loudspeaker may leak: louder and longer before interrupting).
//
// Events, in order: start, [hold], confirm | cough, then pause / resume as often as need be, then end.

const ONSET = 4; // frames above the threshold
const HOLD = 6; // while the character speaks: so long, and it falls silent, though it can still go on
const CONFIRM = { open: 0, thinking: 9, speaking: 14 };
const GIVE_UP = 9; // frames of silence that make an unconfirmed sound a cough
const PAUSE = 7;
export const PATIENCE = { quick: 300, normal: 450, patient: 950 };
const FRAME_MS = 20;
const QUIETEST = -46; // dBFS: below this nothing is speech
const LEARN = 3; // dB by which every cough while the character speaks makes us harder to interrupt

export class Vad {
  constructor() {
    this.floor = -60;
    this.patience = PATIENCE.normal;
    this.attitude = "open";
    this.leak = 0;
    this.reset();
  }

  reset() {
    this.onset = 0;
    this.inSpeech = this.confirmed = this.paused = this.held = false;
    this.voiced = this.silence = this.loud = 0;
  }

  /** Take one frame's RMS; return the names of what happened. */
  push(rms) {
    const level = 20 * Math.log10(Math.max(rms, 1e-5));
    this.adapt(level);
    const guard = this.attitude === "speaking" ? 6 + this.leak : 0;
    const on = Math.max(this.floor + 11, QUIETEST) + guard;
    const off = Math.max(this.floor + 6, QUIETEST - 4) + guard;
    return this.inSpeech ? this.during(level, on, off) : this.before(level > on);
  }

  adapt(level) {
    const gap = level - this.floor;
    if (gap < 0) this.floor += gap * 0.25;
    else this.floor += Math.min(gap * 0.02, this.inSpeech ? 0.02 : 0.12);
    this.floor = Math.max(-72, this.floor);
  }

  before(loud) {
    this.onset = loud ? this.onset + 1 : Math.max(0, this.onset - 1);
    if (this.onset < ONSET) return [];
    this.reset();
    this.inSpeech = true;
    this.voiced = ONSET;
    return ["start", ...this.judge()];
  }

  during(level, on, off) {
    const events = [];
    this.loud = level > on ? this.loud + 1 : 0;
    if (level > off) this.voiced++;
    // One loud frame in a silence is a click, not a word
    if (level > off && (this.silence < 3 || this.loud >= 2)) {
      if (this.paused) events.push("resume");
      this.paused = false;
      this.silence = 0;
    } else {
      this.silence++;
    }
    events.push(...this.judge());
    if (!this.confirmed) {
      if (this.silence < GIVE_UP) return events;
      if (this.attitude === "speaking") this.leak = Math.min(12, this.leak + LEARN);
      this.reset();
      return [...events, "cough"];
    }
    if (!this.paused && this.silence >= PAUSE) {
      this.paused = true;
      events.push("pause");
    }
    if (this.silence * FRAME_MS >= this.patience) {
      this.reset();
      events.push("end");
    }
    return events;
  }

  judge() {
    const events = [];
    if (this.confirmed) return events;
    if (this.attitude === "speaking" && !this.held && this.voiced >= HOLD) {
      this.held = true;
      events.push("hold");
    }
    if (this.voiced >= CONFIRM[this.attitude]) {
      if (this.attitude === "speaking") this.leak = Math.max(0, this.leak - 1);
      this.confirmed = true;
      events.push("confirm");
    }
    return events;
  }
}
