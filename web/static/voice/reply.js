// One reply as the page lives through it: its sound, its captions, its line in the transcript.

import { csrfField } from "../csrf.js";
import { Turn } from "./turn.js";

const SYLLABLE_MS = 280;

export class Reply {
  constructor(call, fields, frames, endedAt) {
    this.call = call;
    this.fields = fields;
    this.frames = frames;
    this.endedAt = endedAt;
    this.waiting = this.sounded = this.settled = this.cued = this.stopped = this.textual = false;
    this.received = 0;
    this.spent = ""; // the prompt, when there is no more voice
    this.kept = null; // the finished line, which joins the transcript when its sound has ended
    this.turn = new Turn(call.chat, fields, {
      turn: () => {},
      html: (html) => this.html(html),
      unheard: () => (this.unheard = true),
      cue: (cue) => this.cue(cue),
      spent: (about) => this.spend(about),
      audio: (pcm) => this.audio(pcm),
      done: (about) => this.done(about),
      fail: (about) => this.fail(about),
      waiting: (value) => this.wait(value),
    });
    this.name = this.turn.key;
  }

  get view() {
    return this.call.view;
  }

  /** Whether the user may still go on as if no reply had been begun: a syllable of it is no reply. */
  get stillUnheard() {
    return !this.settled && !this.about && this.frames !== null && this.call.player.position() < SYLLABLE_MS;
  }

  run() {
    this.call.player.begin(this.name);
    this.view.asked(this.fields.text);
    this.turn.run();
  }

  html(html) {
    // Before the first word it is what was heard, and the sources on the stage; afterwards it is the finished reply
    if (this.view.isSources(html)) {
      if (!this.stopped) this.view.swap(html, this.turn.id);
    } else if (this.cued && !this.stopped) this.kept = html;
    else this.view.swap(html, this.turn.id);
  }

  cue({ text, start_ms }) {
    this.cued = true;
    if (this.stopped) return;
    this.view.cue(text, start_ms);
    if (this.textual) this.view.readable();
  }

  /** There is no more voice. Before the first word: the reply comes as text alone. */
  spend({ html }) {
    this.spent = html;
    this.textual = !this.cued;
  }

  audio(pcm) {
    if (this.stopped) return;
    this.received += pcm.length;
    this.call.player.push(pcm);
  }

  sounds(at) {
    this.sounded = true;
    this.view.firstSound({
      turn: this.turn.id,
      sincePost: at - this.turn.postedAt,
      sinceSpeechEnd: this.endedAt ? at - this.endedAt : null,
    });
  }

  done(about) {
    this.about = about;
    if (this.stopped) return this.settle();
    this.view.captioned(about.ms);
    this.call.player.end();
    if (!this.received) this.settle();
  }

  drained(about) {
    this.view.ended({ ...about, expected: this.about?.ms, turn: this.turn.id });
    if (this.about) this.settle();
  }

  fail(about) {
    if (this.received) this.call.player.end();
    else if (!this.stopped) this.call.player.stop();
    if (about.html && !this.stopped) {
      this.view.giveBack(this.fields.text);
      this.settled = true;
      return this.call.refused(about, this.fields);
    }
    if (!this.stopped) {
      this.call.failed = true;
      this.view.failed(about);
    }
    this.settle();
  }

  wait(value) {
    if (value === "waking") this.view.tell("waking");
    if (this.waiting === (value === "lost")) return;
    this.waiting = value === "lost";
    this.call.refresh();
  }

  /** The user speaks over it, or asks for silence. */
  interrupt(heardMs) {
    this.stopped = true;
    const said = this.view.cut(this.textual ? Infinity : heardMs);
    this.turn.stop(heardMs);
    if (this.kept !== null) this.view.swapCut(this.kept, this.turn.id, said);
    this.kept = null;
    this.settled = true;
    if (!this.about) return; // the server has yet to say how it ended
    this.about = { ...this.about, interrupted: true, text: said };
    this.settle();
  }

  /** As if it had never been asked. */
  forget() {
    this.stopped = this.settled = true;
    this.call.attach?.back(this.fields.attachments);
    this.turn.stop(0, true).then(() => this.fields.attachments && this.call.attach?.refresh());
    this.view.unsay(this.turn.id);
  }

  leave(heardMs) {
    const { id, url } = this.turn;
    if (id) navigator.sendBeacon(`${url}/${id}/stop`, new URLSearchParams({ heard_ms: String(Math.round(heardMs)), ...csrfField() }));
  }

  settle() {
    if (this.kept !== null) this.view.swap(this.kept, this.turn.id);
    this.kept = null;
    this.settled = true;
    if (this.about) this.view.settled(this.turn.id, this.about);
    if (this.fields.attachments) this.call.attach?.settled();
    if (this.spent && !this.stopped) this.call.spend(this.spent);
    this.call.minutes.told(this.about?.left).then(() => this.call.refresh());
    this.call.refresh();
  }
}
