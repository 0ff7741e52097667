// Files and links on their way to the server: a chip with a bar for each, until the server's own takes its place.

import { csrf } from "../csrf.js";
import { $ } from "./view.js";

export class Uploads {
  constructor(attach, list, words, most) {
    this.attach = attach;
    this.list = list;
    this.words = words;
    this.most = most; // bytes of a file
  }

  file(file) {
    const chip = this.chip(file.name);
    if (file.size > this.most) return this.failed(chip, this.words.attachLarge, null);
    if (!file.size) return this.failed(chip, this.words.attachEmpty, null);
    const body = new FormData();
    body.set("file", file, file.name);
    this.send(chip, body);
  }

  link(url) {
    const body = new FormData();
    body.set("url", url);
    this.send(this.chip(url.replace(/^https?:\/\//, "")), body);
  }

  /** An address that was pasted alone: perhaps it is the page that is meant. */
  offerLink(url) {
    this.forgetLink();
    const chip = $("attach-link-chip").content.firstElementChild.cloneNode(true);
    const host = new URL(url).host;
    const button = chip.querySelector("[data-link]");
    button.append(this.words.attachPage.replace("{host}", host));
    button.addEventListener("click", () => {
      chip.remove();
      this.attach.link(url);
    });
    chip.querySelector("[data-remove]").addEventListener("click", () => this.forgetLink());
    this.list.append(chip);
    this.list.hidden = false;
    this.attach.list.say(button.textContent);
  }

  forgetLink() {
    this.list.querySelector("#attach-link")?.remove();
    this.attach.list.settle();
  }

  chip(name) {
    const chip = $("attaching-chip").content.firstElementChild.cloneNode(true);
    chip.dataset.name = name;
    chip.querySelector(".attached__name").textContent = name;
    const remove = chip.querySelector("[data-remove]");
    remove.setAttribute("aria-label", remove.getAttribute("aria-label").replace("{name}", name));
    this.list.append(chip);
    this.list.hidden = false;
    this.attach.changed();
    return chip;
  }

  send(chip, body) {
    const request = new XMLHttpRequest();
    const gone = () => {
      request.abort();
      chip.remove();
      this.attach.list.settle();
      this.attach.changed();
      $("attach").focus();
    };
    chip.dataset.state = "uploading";
    chip.querySelector("[data-again]").hidden = true;
    chip.querySelector("progress").hidden = false;
    chip.querySelector("[data-remove]").onclick = gone;
    this.share(chip, 0);
    request.open("POST", this.attach.url);
    request.setRequestHeader("accept", "application/json");
    for (const [name, value] of Object.entries(csrf())) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => event.lengthComputable && this.share(chip, event.loaded / event.total);
    request.onerror = () => this.failed(chip, this.words.attachLost, body);
    request.onload = () => this.answered(chip, body, request);
    request.send(body);
  }

  answered(chip, body, request) {
    if (request.status === 201) {
      chip.remove();
      return this.attach.list.render(request.responseText);
    }
    let about = {};
    try {
      about = JSON.parse(request.responseText);
    } catch {
      // A gateway's own page: it has no words for us.
    }
    if (about.html) {
      chip.remove();
      this.attach.list.settle();
      this.attach.changed();
      return this.attach.offer(about.html);
    }
    // What is refused for what it is would be refused again.
    this.failed(chip, about.message ?? this.words.attachLost, [400, 413].includes(request.status) ? null : body);
  }

  share(chip, share) {
    const percent = Math.round(100 * share);
    chip.querySelector("progress").value = percent;
    chip.querySelector(".attached__facts").textContent = this.words.attachUploading.replace("{percent}", percent);
  }

  failed(chip, message, body) {
    chip.dataset.state = "failed";
    chip.querySelector("progress").hidden = true;
    const facts = chip.querySelector(".attached__facts");
    facts.textContent = message;
    facts.classList.add("attached__facts--bad");
    const again = chip.querySelector("[data-again]");
    again.hidden = !body;
    again.onclick = () => {
      facts.classList.remove("attached__facts--bad");
      this.send(chip, body);
    };
    const remove = chip.querySelector("[data-remove]");
    remove.onclick = () => {
      chip.remove();
      this.attach.list.settle();
      this.attach.changed();
      $("attach").focus();
    };
    this.attach.list.say(`${chip.dataset.name}: ${message}`);
    chip.scrollIntoView({ block: "nearest", inline: "nearest" });
    this.attach.changed();
  }

  /** Words are sent: what cannot go along with any has been seen. */
  forgetRefused() {
    for (const chip of this.list.querySelectorAll("li[data-state=failed]:not([data-attachment])"))
      if (chip.querySelector("[data-again]").hidden) chip.remove();
  }
}
