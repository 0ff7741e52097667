// Plays one line at a time from a list of chunks, and says exactly how much of it has sounded.
//
// Messages in: push {pcm}, end, hold, release {back}, clear. Out: first, position, drained, silent.
// A line is kept whole until the next one, so that a held line can go on a little before where it stopped.

const START = 0.08; // seconds that must be here before the first sample sounds
const FADE = 0.01;
const REPORT = 8; // render quanta between position reports: 43 ms at 24 kHz

class Player extends AudioWorkletProcessor {
  constructor() {
    super();
    this.reset();
    this.gain = 0;
    this.quanta = 0;
    this.underruns = 0;
    this.port.onmessage = ({ data }) => this[data.do](data);
  }

  reset() {
    this.chunks = [];
    this.total = 0;
    this.read = 0;
    this.chunk = 0; // which chunk `read` is in, and where that begins
    this.start = 0;
    this.ended = this.held = this.running = this.heard = this.drained = false;
    this.wait = START;
    this.energy = 0;
    this.count = 0;
  }

  push({ pcm }) {
    this.chunks.push(pcm);
    this.total += pcm.length;
    this.drained = false;
  }

  end() {
    this.ended = true;
  }

  hold() {
    this.held = true;
  }

  release({ back }) {
    if (this.held) this.seek(Math.max(0, this.read - Math.round(back * sampleRate)));
    this.held = false;
  }

  // The last samples fade out from what is already here; then everything goes.
  clear() {
    this.fading = this.running && !this.held ? this.take(Math.round(FADE * sampleRate)) : null;
    this.reset();
  }

  seek(position) {
    this.read = position;
    this.chunk = 0;
    this.start = 0;
    while (this.chunk < this.chunks.length && this.start + this.chunks[this.chunk].length <= position) {
      this.start += this.chunks[this.chunk++].length;
    }
  }

  take(length) {
    const out = new Float32Array(length);
    for (let i = 0; i < length && this.read < this.total; i++) out[i] = this.next() * (1 - i / length);
    return out;
  }

  next() {
    while (this.read - this.start >= this.chunks[this.chunk].length) this.start += this.chunks[this.chunk++].length;
    return this.chunks[this.chunk][this.read++ - this.start];
  }

  process(_, [[out]]) {
    if (this.fading) return this.fade(out);
    const ahead = this.total - this.read;
    if (!this.running && !this.held && ahead > 0 && (this.ended || ahead >= this.wait * sampleRate)) this.running = true;
    const slope = 1 / (FADE * sampleRate);
    const wasRunning = this.running;
    for (let i = 0; i < out.length; i++) {
      const open = this.running && (!this.held || this.gain > 0) && this.read < this.total;
      if (!open) break;
      this.gain = this.held ? Math.max(0, this.gain - slope) : Math.min(1, this.gain + slope);
      const value = this.next();
      out[i] = value * this.gain;
      this.energy += out[i] * out[i];
      this.count++;
      if (!this.heard && Math.abs(value) > 1e-4) {
        this.heard = true;
        this.gain = 1; // speech begins softly enough by itself
        this.port.postMessage({ is: "first", at: currentTime + i / sampleRate });
      }
    }
    if (wasRunning && this.held && this.gain === 0) {
      this.running = false;
      this.port.postMessage({ is: "silent", at: currentTime });
    }
    if (this.total && this.read >= this.total && !this.drained && (wasRunning || this.ended)) this.dry();
    if (++this.quanta % REPORT === 0 && (this.running || this.held)) this.report();
    return true;
  }

  dry() {
    this.running = false;
    if (this.ended) {
      this.drained = true;
      this.report();
      this.port.postMessage({ is: "drained", played: this.read, underruns: this.underruns });
    } else {
      this.underruns++;
      this.wait = Math.min(0.3, this.wait + 0.03);
    }
  }

  report() {
    const rms = this.count ? Math.sqrt(this.energy / this.count) : 0;
    this.port.postMessage({ is: "position", played: this.read, ahead: this.total - this.read, rms, at: currentTime });
    this.energy = 0;
    this.count = 0;
  }

  fade(out) {
    const part = this.fading.subarray(0, out.length);
    out.set(part);
    this.fading = this.fading.length > out.length ? this.fading.subarray(out.length) : null;
    if (!this.fading) this.port.postMessage({ is: "silent", at: currentTime + part.length / sampleRate });
    return true;
  }
}

registerProcessor("player", Player);
