// What goes along with the next words: files that are picked, pasted or dropped, and links.
//
// The server keeps the list and draws it; here are only uploads on their way, and which of the list are being sent.

import { csrf } from "../csrf.js";
import { Reading } from "./attach-list.js";
import { Uploads } from "./attach-uploads.js";
import { $ } from "./view.js";

const LINK = /^https?:\/\/[^\s<>"']{3,2000}$/i;

export class Attach {
  /** `changed` is called whenever something is added, read, sent or taken back. */
  constructor(room, words, changed) {
    this.words = words;
    this.changed = changed;
    this.allowed = room.dataset.attach === "yes";
    this.url = `/chats/${room.dataset.chat}/attachments`;
    this.list = new Reading($("attachments"), this.url, words, () => this.changed());
    this.uploads = new Uploads(this, $("attachments"), words, Number(room.dataset.attachBytes));
    this.pick(room);
    this.drop(room);
    document.addEventListener("paste", (event) => this.paste(event));
    $("attachments").addEventListener("click", (event) => this.press(event));
    $("attachments").addEventListener("keydown", (event) => this.keys(event));
    room.addEventListener("click", (event) => this.look(event));
    this.list.settle();
  }

  // -- what the call asks ---------------------------------------------------------------------------

  /** Names of what is still on its way or being read. */
  get busy() {
    return [...$("attachments").querySelectorAll("[data-state=uploading], [data-state=reading]")].map((chip) => chip.dataset.name);
  }

  get ready() {
    return this.list.ready;
  }

  /** The ids of what goes along now, as the form has them. */
  take() {
    this.uploads.forgetLink();
    this.uploads.forgetRefused();
    return this.list.take().join(",");
  }

  /** What was sent was not heard: it waits again. */
  back(ids) {
    if (ids) this.list.back(ids.split(","));
  }

  /** A turn is over, one way or another: the server knows what became of what it had. */
  settled() {
    this.list.sent.clear();
    return this.list.refresh();
  }

  refresh() {
    return this.list.refresh();
  }

  // -- ways in ----------------------------------------------------------------------------------------

  pick() {
    $("attach").addEventListener("click", () => (this.allowed ? $("attach-file").click() : this.offer()));
    $("attach-file").addEventListener("change", () => {
      this.files([...$("attach-file").files]);
      $("attach-file").value = "";
    });
  }

  drop(room) {
    let inside = 0;
    const brings = (event) => [...(event.dataTransfer?.types ?? [])].some((type) => type === "Files" || type === "text/uri-list");
    const show = (on) => ($("drop").hidden = !on);
    room.addEventListener("dragenter", (event) => {
      if (!brings(event)) return;
      event.preventDefault();
      inside += 1;
      show(true);
    });
    room.addEventListener("dragover", (event) => {
      if (!brings(event)) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = "copy";
    });
    room.addEventListener("dragleave", (event) => {
      if (!brings(event)) return;
      inside = Math.max(0, inside - 1);
      if (!inside) show(false);
    });
    room.addEventListener("drop", (event) => {
      if (!brings(event)) return;
      event.preventDefault();
      inside = 0;
      show(false);
      const files = [...event.dataTransfer.files];
      const link = event.dataTransfer.getData("text/uri-list").split("\n")[0].trim();
      if (files.length) this.files(files);
      else if (LINK.test(link)) this.link(link);
    });
  }

  paste(event) {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length) {
      event.preventDefault();
      return this.files(files);
    }
    const text = (event.clipboardData?.getData("text/plain") ?? "").trim();
    if (!LINK.test(text)) return;
    const field = event.target.closest?.("input, textarea, [contenteditable]");
    if (field && (field !== $("line") || field.value.trim())) return;
    this.uploads.offerLink(text);
  }

  files(files) {
    if (!this.allowed) return this.offer();
    for (const file of files) this.uploads.file(file);
  }

  link(url) {
    if (!this.allowed) return this.offer();
    if ($("line").value.trim() === url) {
      $("line").value = "";
      this.changed();
    }
    this.uploads.link(url);
  }

  /** Tell what it would do, and how to get it; `html` is the refusal of a plan, drawn by the server. */
  offer(html = "") {
    if (html) $("attach-met").innerHTML = html;
    $("attach-offer").showPopover();
  }

  // -- what is done with them -------------------------------------------------------------------------

  press(event) {
    const chip = event.target.closest("[data-attachment]");
    if (chip && event.target.closest("[data-remove]")) this.act(chip, "remove");
    if (chip && event.target.closest("[data-again]")) this.act(chip, "again");
  }

  keys(event) {
    if (event.key !== "Delete" && event.key !== "Backspace") return;
    event.preventDefault();
    event.target.closest("li")?.querySelector("[data-remove]")?.click();
  }

  async act(chip, what) {
    const { attachment, name } = chip.dataset;
    const next = chip.nextElementSibling ?? chip.previousElementSibling;
    for (const button of chip.querySelectorAll("button")) button.disabled = true;
    const request = { method: "POST", headers: { accept: "application/json", ...csrf() } };
    const response = await fetch(`${this.url}/${attachment}/${what}`, request).catch(() => null);
    if (!response?.ok) {
      const about = await response?.json().catch(() => null);
      if (about?.html) this.offer(about.html);
      else this.list.say(about?.message ?? this.words.attachLost);
      return this.refresh();
    }
    this.list.render(await response.text());
    if (what === "remove") {
      this.list.say(this.words.attachRemoved.replace("{name}", name));
      ($(next?.id)?.querySelector("[data-remove]") ?? $("attach")).focus();
    }
  }

  /** Show what was read of one beside the conversation; without this the link leads to a page of its own. */
  async look(event) {
    const link = event.target.closest("a[data-look]");
    if (!link || event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const response = await fetch(link.href, { headers: { "hx-request": "true" } }).catch(() => null);
    if (!response?.ok) return this.list.say(this.words.attachLost);
    $("attachment").innerHTML = await response.text();
    $("attachment").showPopover();
    $("attachment").querySelector("button")?.focus();
  }
}
