// Captions that light up word by word with the voice; in Chinese, character by character.

const TOKEN = /[\u2e80-\u303f\u3040-\u9fff\uf900-\ufaff\uff00-\uffef][\u3000-\u303f\uff00-\uff65]*|[^\s\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef]+\s*|\s+/gu;
const LATIN_MS = 68;
const CJK_MS = 215;

export class Captions {
  constructor(box, line) {
    this.box = box;
    this.line = line;
    this.clear();
  }

  clear() {
    this.line.replaceChildren();
    this.line.classList.remove("is-cut");
    this.words = [];
    this.pieces = [];
    this.next = 0;
    this.received = 0;
    this.box.scrollTop = 0;
  }

  /** A piece is about to sound, `start` ms after the reply's first sound. */
  cue(text, start, end = null) {
    const last = this.pieces.at(-1);
    if (last && last.end === null) this.time(last, start);
    const words = (text.match(TOKEN) ?? []).map((word) => ({ word, weight: weigh(word), at: start, node: span(word) }));
    const piece = { text, start, end, words };
    this.pieces.push(piece);
    this.words.push(...words);
    this.line.append(...words.map(({ node }) => node));
    this.time(piece, end);
  }

  /** The length of the last piece is guessed from its words until the next one or the end is known. */
  time(piece, end) {
    piece.end = end;
    const total = piece.words.reduce((sum, { weight }) => sum + weight, 0) || 1;
    const length = end === null ? total : end - piece.start;
    let at = piece.start;
    for (const word of piece.words) {
      word.at = at;
      at += (word.weight / total) * length;
      word.end = at;
    }
  }

  done(ms) {
    const last = this.pieces.at(-1);
    if (last && last.end === null) this.time(last, Math.max(ms, last.start + 1));
  }

  update(position) {
    while (this.next < this.words.length && this.words[this.next].at <= position) {
      const { node } = this.words[this.next++];
      node.classList.add("said");
      this.follow(node);
    }
  }

  follow(node) {
    const below = node.offsetTop + node.offsetHeight * 1.9 - this.box.clientHeight;
    if (below > this.box.scrollTop) this.box.scrollTop = below;
  }

  /** Mark the rest as never said; return what was. */
  cut(position) {
    this.update(position);
    this.line.classList.add("is-cut");
    return this.words.filter(({ end }) => end <= position).map(({ word }) => word).join("").trim();
  }
}

function span(word) {
  const node = document.createElement("span");
  node.textContent = word;
  return node;
}

function weigh(word) {
  const cjk = (word.match(/[\u3040-\u9fff\uf900-\ufaff]/gu) ?? []).length;
  const latin = (word.match(/[\p{L}\p{N}]/gu) ?? []).length - cjk;
  const pause = /[.!?。！？…]/u.test(word) ? 260 : /[,;:，、；：—]/u.test(word) ? 150 : 0;
  return cjk * CJK_MS + Math.max(latin, cjk || pause ? 0 : 1) * LATIN_MS + pause;
}
