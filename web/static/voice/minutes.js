// How much voice is left: a line when it is little, and the prompt when there is none.
//
// The server counts and has the words; what is spent here only keeps the microphone from being opened in vain.

import { $ } from "./view.js";

const LITTLE_S = 120; // from here on what is left is shown
const LEAST_S = 3; // less does not carry a sentence

export class Minutes {
  constructor(chat, words) {
    this.chat = chat;
    this.words = words;
    this.html = ""; // the prompt, while voice is spent
    this.shown = this.again = false; // again: what was refused can be sent once there is more
  }

  get spent() {
    return this.html !== "";
  }

  /** Ask the server. Without an answer everything stays as it is. */
  async look() {
    try {
      const response = await fetch(`/chats/${this.chat}/voice`, { headers: { accept: "application/json" } });
      if (!response.ok) return;
      const { left, html } = await response.json();
      const back = this.spent && !html;
      this.html = html;
      this.tell(left);
      if (back) this.again ? this.back() : this.hide();
    } catch {
      // offline: a turn would tell
    }
  }

  /** A turn has ended with so many seconds left; null where nobody counts. */
  async told(left) {
    if (left === null || left === undefined) return;
    if (left < LEAST_S) {
      if (!this.spent) await this.look();
    } else if (this.spent) {
      this.html = "";
      this.hide();
    }
    this.tell(left);
  }

  tell(left) {
    const little = left !== null && left < LITTLE_S;
    $("minutes").hidden = !little;
    if (!little) return;
    const time = `${Math.floor(left / 60)}:${String(Math.floor(left % 60)).padStart(2, "0")}`;
    $("minutes").textContent = this.spent ? this.words.voiceSpent : this.words.voiceLeft.replace("{time}", time);
  }

  /** There is no more voice. Said once in a room, and again whenever a recording is refused. */
  spend(html, { again = false, aloud = true } = {}) {
    this.html = html;
    this.again = again;
    this.tell(0);
    if (aloud || !this.shown) this.explain();
  }

  explain() {
    this.show(this.html, { again: this.again, type: true });
    this.shown = true;
  }

  /** Show what a plan does not give, with what gives it. */
  show(html, { again = false, type = false } = {}) {
    $("met-words").innerHTML = html; // the server's own, escaped there
    for (const link of $("met-words").querySelectorAll("a")) Object.assign(link, { target: "_blank", rel: "noopener" }); // the room stays
    $("met-again").hidden = !again;
    $("met-type").hidden = !type;
    $("met").hidden = false;
  }

  /** There is voice again, and something that was not heard. */
  back() {
    $("met-words").textContent = this.words.voiceBack;
    $("met-again").hidden = $("met").hidden = false;
    $("met-type").hidden = true;
  }

  hide() {
    $("met").hidden = true;
  }

  /** Whether there is still nothing left; asked when somebody wants to talk all the same. */
  async still() {
    if (this.spent) await this.look();
    if (this.spent) this.explain();
    return this.spent;
  }
}
