// The chips under the composer, as the server draws them, looked at again for as long as something is being read.

const FIRST_LOOK = 400;
const LONGEST_LOOK = 3000;

export class Reading {
  constructor(list, url, words, changed) {
    this.list = list;
    this.url = url;
    this.words = words;
    this.changed = changed;
    this.said = document.getElementById("attach-said");
    this.sent = new Set(); // ids of what went along with words that are on their way
    this.wait = FIRST_LOOK;
  }

  get chips() {
    return [...this.list.querySelectorAll("[data-attachment]")];
  }

  get ready() {
    return this.chips.filter((chip) => chip.dataset.state === "ready" && !chip.hidden).map((chip) => chip.dataset.attachment);
  }

  take() {
    const ids = this.ready;
    for (const id of ids) this.sent.add(id);
    this.hide();
    return ids;
  }

  back(ids) {
    for (const id of ids) this.sent.delete(id);
    this.hide();
  }

  hide() {
    for (const chip of this.chips) chip.hidden = this.sent.has(chip.dataset.attachment);
    this.list.hidden = ![...this.list.children].some((chip) => !chip.hidden);
    this.changed();
  }

  async refresh() {
    const response = await fetch(this.url, { headers: { "hx-request": "true" } }).catch(() => null);
    if (response?.ok) this.render(await response.text());
    else this.settle();
  }

  render(html) {
    const before = new Map(this.chips.map((chip) => [chip.dataset.attachment, { ...chip.dataset }]));
    const focused = this.list.contains(document.activeElement) ? document.activeElement : null;
    const held = focused?.closest("[data-attachment]")?.id;
    const local = [...this.list.querySelectorAll("li:not([data-attachment])")];
    const page = new DOMParser().parseFromString(html, "text/html");
    const fresh = [...page.querySelectorAll("[data-attachment]")].map((chip) => document.adoptNode(chip));
    this.list.replaceChildren(...fresh, ...local);
    if (held) (document.getElementById(held)?.querySelector("[data-remove]") ?? document.getElementById("attach")).focus();
    else if (focused && !focused.isConnected) document.getElementById("attach").focus();
    for (const chip of fresh) this.tell(chip, before.get(chip.dataset.attachment));
    for (const id of this.sent) if (!fresh.some((chip) => chip.dataset.attachment === id)) this.sent.delete(id);
    const moved = fresh.some((chip) => before.get(chip.dataset.attachment)?.percent !== chip.dataset.percent);
    this.wait = moved ? FIRST_LOOK : Math.min(LONGEST_LOOK, this.wait * 1.5);
    this.hide();
    this.settle();
  }

  /** Look again later, while something is being read. */
  settle() {
    clearTimeout(this.again);
    if (this.chips.some((chip) => chip.dataset.state === "reading")) this.again = setTimeout(() => this.refresh(), this.wait);
    this.list.hidden = ![...this.list.children].some((chip) => !chip.hidden);
  }

  /** Say once, for those who do not look, that one has been read or could not be. */
  tell(chip, before) {
    if (chip.dataset.state === "reading" || before?.state === chip.dataset.state) return;
    if (!before && chip.dataset.state === "ready") return;
    if (chip.dataset.state === "failed") chip.scrollIntoView({ block: "nearest", inline: "nearest" });
    this.say(`${chip.dataset.name}: ${chip.querySelector(".attached__facts")?.textContent || this.words.attachReady}`);
  }

  say(text) {
    this.said.textContent = text;
  }
}
