// Reports every stretch of sound that passes, to the sample, from the audio thread itself.
//
// A stretch ends when `gap` seconds have been quieter than `floor`; its end is its last loud sample.

class Probe extends AudioWorkletProcessor {
  constructor({ processorOptions: { floor, gap } }) {
    super();
    this.floor = floor;
    this.gap = gap * sampleRate;
    this.from = this.last = -1;
  }

  process([[block]]) {
    for (let i = 0; block && i < block.length; i++) {
      if (Math.abs(block[i]) <= this.floor) continue;
      this.last = currentFrame + i;
      if (this.from >= 0) continue;
      this.from = this.last;
      this.port.postMessage({ is: "from", at: this.from / sampleRate });
    }
    if (this.from < 0 || currentFrame - this.last < this.gap) return true;
    this.port.postMessage({ is: "to", at: this.last / sampleRate, ms: ((this.last - this.from + 1) / sampleRate) * 1000 });
    this.from = -1;
    return true;
  }
}

registerProcessor("probe", Probe);
