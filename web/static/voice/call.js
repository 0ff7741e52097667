// A conversation: who speaks now, and what happens when somebody else begins.
//
// Facts are kept here and in the ear (microphone, utterance, reply, sound); the state the page shows follows from them.

import { Ear } from "./ear.js";
import { hearsItself, MicError } from "./mic.js";
import { Player } from "./player.js";
import { Reply } from "./reply.js";

const GO_ON_MS = 320;
const DUCKED = 0.25;

export class Call {
  constructor({ chat, micWorklet, playerWorklet, settings, view, minutes }) {
    this.chat = chat;
    this.settings = settings;
    this.view = view;
    this.minutes = minutes;
    this.player = new Player(playerWorklet);
    this.ear = new Ear(chat, micWorklet, settings, {
      attitude: () => this.attitude,
      onset: () => this.player.playing && this.player.duck(DUCKED),
      hold: () => this.player.hold(),
      confirm: () => this.confirm(),
      cough: () => this.player.release(),
      said: (utterance, endedAt) => this.said(utterance, endedAt),
      lost: () => this.lose("lost"),
    });
    this.reply = null;
    this.starting = this.sealing = this.failed = false;
    Object.assign(this.player.on, {
      first: (name, at) => this.sounds(name, at),
      drained: (name, about) => this.drained(name, about),
      silent: (at) => this.view.silent(at - this.ear.onsetAt),
    });
  }

  // -- what the page shows ------------------------------------------------------------------------

  get state() {
    if (this.failed) return "error";
    if (this.goOn) return "interrupted";
    if (this.ear.utterance?.open) return "hearing";
    if (this.reply?.waiting && !this.player.playing) return "reconnecting";
    if (this.player.playing) return "speaking";
    if (this.sealing || this.replying) return "thinking";
    if (this.starting) return "starting";
    if (!this.ear.mic) return "idle";
    return this.ear.muted ? "muted" : "listening";
  }

  /** Whether a reply is being made or spoken. */
  get replying() {
    return this.reply !== null && !this.reply.settled;
  }

  get attitude() {
    if (this.player.playing) return hearsItself || this.settings.interrupt === "tap" ? "closed" : "speaking";
    return this.replying ? "thinking" : "open";
  }

  refresh() {
    this.view.show(this.state, this);
  }

  // -- the microphone -----------------------------------------------------------------------------

  /** Open the microphone; call inside a tap. */
  async start(greet) {
    if (this.ear.mic || this.starting) return;
    if (this.minutes.spent && (await this.minutes.still())) return this.refresh();
    this.failed = false;
    this.starting = true;
    this.refresh();
    const greeting = this.player.open().then(() => greet?.());
    try {
      await this.ear.open();
      this.view.calling(true);
    } catch (error) {
      this.lose(error instanceof MicError ? error.message : "busy");
    }
    this.starting = false;
    this.refresh();
    await greeting.catch(() => {});
    this.refresh();
  }

  lose(why) {
    this.ear.close();
    this.failed = true;
    this.view.calling(false);
    this.view.trouble(`mic-${why}`);
    this.refresh();
  }

  end() {
    this.interrupt();
    this.ear.close();
    this.failed = false;
    clearTimeout(this.goOn);
    this.goOn = null;
    this.view.calling(false);
    this.refresh();
  }

  mute() {
    if (!this.ear.mic) return;
    this.ear.mute(!this.ear.muted);
    this.refresh();
  }

  async hold() {
    if (this.ear.holding) return;
    this.ear.holding = true;
    if (!this.ear.mic) await this.start();
    if (!this.ear.mic || !this.ear.holding) return;
    this.interrupt();
    this.failed = false;
    this.view.heardFirst();
    this.ear.hold();
    this.refresh();
  }

  release() {
    if (!this.ear.holding) return;
    this.ear.holding = false;
    this.ear.release();
    this.refresh();
  }

  // -- what the user says -------------------------------------------------------------------------

  /** It is speech, not a cough. */
  confirm() {
    if (this.reply?.stillUnheard) {
      // The user goes on before anything was said: both parts are one utterance
      this.ear.join(this.reply.frames);
      this.reply.forget();
      this.reply = null;
      this.player.stop();
    } else {
      this.interrupt();
    }
    this.failed = false;
    this.view.heardFirst();
    queueMicrotask(() => this.refresh());
  }

  async said(utterance, endedAt) {
    if (utterance.full) this.view.tell("tooLong");
    this.sealing = true;
    this.refresh();
    try {
      const speech = await utterance.file();
      await this.say({ speech, utterance: utterance.id }, { frames: utterance.frames, endedAt });
    } catch {
      this.failed = true;
      this.view.failed({ code: "encoder", retry: false });
    }
    this.sealing = false;
    this.refresh();
  }

  /** Send what was said or written. */
  async say(fields, { frames = null, endedAt = 0 } = {}) {
    await this.player.open();
    this.interrupt();
    this.failed = this.minutes.again = false;
    const along = this.attach?.take();
    if (along) fields = { ...fields, attachments: along };
    this.reply = new Reply(this, fields, frames, endedAt);
    this.reply.run();
    this.refresh();
  }

  /** There is no more voice: nobody would be heard. */
  spend(html, { again = false, aloud = this.reply?.frames !== null } = {}) {
    if (this.ear.mic) this.end();
    this.minutes.spend(html, { again, aloud });
    this.refresh();
  }

  /** A plan does not give it. What was said is kept, to be sent again when there is more. */
  refused(about, fields) {
    this.attach?.back(fields.attachments);
    this.view.uninvite();
    if (about.feature === "voice_seconds") this.spend(about.html, { again: Boolean(fields.speech), aloud: true });
    else this.minutes.show(about.html);
    this.view.emit("failed", { code: about.code });
    this.refresh();
  }

  again() {
    const { fields, frames } = this.reply;
    this.reply.forget();
    this.say(fields, { frames });
  }

  // -- what sounds --------------------------------------------------------------------------------

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
    if (this.replying) {
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
    if (this.replying) this.reply.leave(this.player.position());
  }
}
