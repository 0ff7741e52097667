// A conversation: who speaks now, and what happens when somebody else begins.
//
// Facts are kept here (microphone, utterance, turn, sound); the state the page shows follows from them.

import { chooseEncoder } from "./encoder.js";
import { hearsItself, Mic, MicError } from "./mic.js";
import { Player } from "./player.js";
import { Reply } from "./reply.js";
import { Utterance } from "./utterance.js";
import { PATIENCE, Vad } from "./vad.js";

const PRE_ROLL = 15; // frames: 300 ms from before the onset
const SHORTEST = 6; // voiced frames
const GO_ON_MS = 320;

export class Call {
  constructor({ chat, micWorklet, playerWorklet, settings, view }) {
    this.chat = chat;
    this.settings = settings;
    this.view = view;
    this.player = new Player(playerWorklet);
    this.micWorklet = micWorklet;
    this.vad = new Vad();
    this.before = [];
    this.mic = this.utterance = this.reply = null;
    this.muted = this.holding = this.starting = this.failed = false;
    this.voicedAt = 0;
    Object.assign(this.player.on, {
      first: (name, at) => this.sounds(name, at),
      drained: (name, about) => this.drained(name, about),
      silent: (at) => this.view.silent(at - this.onsetAt),
    });
  }

  // -- what the page shows ------------------------------------------------------------------------

  get state() {
    if (this.failed) return "error";
    if (this.goOn) return "interrupted";
    if (this.utterance?.open) return "hearing";
    if (this.reply?.waiting && !this.player.playing) return "reconnecting";
    if (this.player.playing) return "speaking";
    if (this.sealing || (this.reply && !this.reply.settled)) return "thinking";
    if (this.starting) return "starting";
    if (!this.mic) return "idle";
    return this.muted ? "muted" : "listening";
  }

  refresh() {
    this.view.show(this.state, this);
  }

  // -- the microphone -----------------------------------------------------------------------------

  /** Open the microphone; call inside a tap. */
  async start(greet) {
    if (this.mic || this.starting) return;
    this.failed = false;
    this.starting = true;
    this.refresh();
    const greeting = this.player.open().then(() => greet?.());
    const mic = new Mic(this.micWorklet, (frame) => this.hear(frame), () => this.lose("lost"));
    try {
      [this.Encoder] = await Promise.all([chooseEncoder(), mic.open()]);
      this.mic = mic;
      this.vad.reset();
      this.before = [];
      this.mic.muted = this.muted;
      this.view.calling(true);
    } catch (error) {
      mic.close();
      this.starting = false;
      this.lose(error instanceof MicError ? error.message : "busy");
    }
    this.starting = false;
    await greeting.catch(() => {});
    this.refresh();
  }

  lose(why) {
    this.drop();
    this.mic?.close();
    this.mic = null;
    this.failed = true;
    this.view.calling(false);
    this.view.trouble(`mic-${why}`);
    this.refresh();
  }

  end() {
    this.drop();
    this.interrupt();
    this.mic?.close();
    this.mic = null;
    this.muted = this.holding = this.failed = false;
    clearTimeout(this.goOn);
    this.goOn = null;
    this.view.calling(false);
    this.refresh();
  }

  mute(value = !this.muted) {
    if (!this.mic) return;
    this.muted = value;
    this.mic.muted = value;
    if (value && !this.holding) this.drop();
    this.refresh();
  }

  // -- hearing ------------------------------------------------------------------------------------

  hear({ pcm, rms }) {
    this.level = rms;
    if (this.muted && !this.holding) return;
    this.before.push(pcm);
    if (this.before.length > PRE_ROLL) this.before.shift();
    if (this.settings.mode === "hold" && !this.holding) return;
    this.utterance?.push(pcm);
    this.vad.patience = PATIENCE[this.settings.patience];
    this.vad.attitude = this.attitude;
    if (this.vad.attitude === "closed") return this.deaf();
    const voiced = this.vad.voiced;
    for (const event of this.vad.push(rms)) this.holding ? this.whileHeld(event) : this.take(event);
    if (this.vad.voiced > voiced) this.voicedAt = performance.now();
    if (this.utterance?.full) this.finish();
  }

  get attitude() {
    if (this.holding) return "open";
    if (this.player.playing) return hearsItself || this.settings.interrupt === "tap" ? "closed" : "speaking";
    return this.reply && !this.reply.settled ? "thinking" : "open";
  }

  take(event) {
    if (event === "start") this.onset();
    else if (event === "hold") this.player.hold();
    else if (event === "confirm") this.confirm();
    else if (event === "cough") this.cough();
    else if (event === "pause") this.utterance?.pause();
    else if (event === "resume") this.utterance?.resume();
    else if (event === "end") this.finish();
  }

  whileHeld(event) {
    if (event === "pause") this.utterance?.pause();
    else if (event === "resume" || event === "start") this.utterance?.resume();
  }

  deaf() {
    if (this.vad.inSpeech) this.cough();
    this.vad.reset();
  }

  onset() {
    this.onsetAt = performance.now() - 80;
    if (this.player.playing) this.player.duck(0.25);
    this.capture(this.before);
  }

  capture(frames) {
    this.drop();
    this.utterance = new Utterance(this.Encoder, (...segment) => this.ahead(...segment));
    for (const frame of frames) this.utterance.push(frame);
  }

  confirm() {
    const spoken = this.reply?.stillUnheard ? this.reply.frames : null;
    if (spoken) {
      // The user goes on before anything was said: both parts are one utterance
      const frames = [...spoken, ...this.utterance.frames];
      this.reply.forget();
      this.reply = null;
      this.player.stop();
      this.capture(frames);
    } else {
      this.interrupt();
    }
    this.failed = false;
    this.utterance.begin();
    this.view.heardFirst();
    this.refresh();
  }

  cough() {
    this.drop();
    if (this.player.line) this.player.release();
  }

  drop() {
    this.utterance?.drop();
    this.utterance = null;
  }

  ahead(id, bytes, seq, pause) {
    const url = `/chats/${this.chat}/utterances/${id}?seq=${seq}&pause=${pause ? 1 : 0}`;
    fetch(url, { method: "POST", body: bytes, headers: { "content-type": "application/octet-stream" } }).catch(() => {});
  }

  async finish() {
    const utterance = this.utterance;
    if (!utterance) return;
    this.utterance = null;
    const endedAt = this.voicedAt;
    this.vad.reset();
    if (utterance.full) this.view.tell("tooLong");
    this.sealing = true;
    this.refresh();
    try {
      const speech = await utterance.file();
      await this.say({ speech, utterance: utterance.id }, { frames: utterance.frames, endedAt });
    } catch {
      this.failed = true;
      this.view.failed({ code: "encoder" });
    }
    this.sealing = false;
    this.refresh();
  }

  // -- hold to talk -------------------------------------------------------------------------------

  async hold(greeted) {
    if (this.holding) return;
    this.holding = true;
    if (!this.mic) await this.start(greeted);
    if (!this.mic || !this.holding) return;
    this.mic.muted = false;
    this.onsetAt = performance.now();
    this.interrupt();
    this.vad.reset();
    this.capture(this.before);
    this.utterance.begin();
    this.refresh();
  }

  release() {
    if (!this.holding) return;
    this.holding = false;
    if (this.mic) this.mic.muted = this.muted;
    if (!this.utterance) return this.refresh();
    if (this.utterance.frames.length < PRE_ROLL + SHORTEST) this.drop();
    this.voicedAt = performance.now();
    this.finish();
    this.refresh();
  }

  // -- the reply ----------------------------------------------------------------------------------

  /** Send what was said or written. */
  async say(fields, { frames = null, endedAt = 0 } = {}) {
    await this.player.open();
    this.interrupt();
    this.failed = false;
    this.reply = new Reply(this, fields, frames, endedAt);
    this.reply.run();
    this.refresh();
  }

  again() {
    const { fields, frames } = this.reply;
    this.reply.forget();
    this.say(fields, { frames });
  }

  /** Play a line that is not a turn: the greeting, or something said before. */
  async play(name, pcm, prepare) {
    await this.player.open();
    this.interrupt();
    prepare();
    this.player.begin(name);
    this.player.push(pcm);
    this.player.end();
  }

  sounds(name, at) {
    if (this.reply?.name === name) this.reply.sounds(at);
    else this.view.sounds(name);
    this.refresh();
  }

  drained(name, about) {
    if (this.reply?.name === name) this.reply.drained(about);
    else this.view.replayed(name);
    this.refresh();
  }

  /** Silence the character, keeping what was heard. Does nothing when it is silent already. */
  interrupt() {
    const name = this.player.line?.name;
    const heard = this.player.line ? this.player.stop() : 0;
    if (this.reply && !this.reply.settled) {
      if (this.reply.sounded) this.flash();
      this.reply.interrupt(heard);
    } else if (name) {
      this.view.replayed(name);
    }
    this.refresh();
  }

  flash() {
    clearTimeout(this.goOn);
    this.goOn = setTimeout(() => {
      this.goOn = null;
      this.refresh();
    }, GO_ON_MS);
  }

  /** The page is going away: say how much was heard. */
  leave() {
    if (this.reply && !this.reply.settled) this.reply.leave(this.player.position());
  }
}
