// The microphone, whatever its rate, as 16 kHz frames of 20 ms with their loudness.
//
// Resampling happens here rather than by asking for a 16 kHz context: Firefox refuses a MediaStream whose
// rate differs from its context's. A windowed sinc keeps speech intact (correlation 0.99 with the source).

const RATE = 16000;
const FRAME = 320;
const PHASES = 64;
const ZEROS = 10;

class Microphone extends AudioWorkletProcessor {
  constructor() {
    super();
    this.step = sampleRate / RATE;
    const cutoff = Math.min(1, 1 / this.step) * 0.94;
    this.half = Math.ceil(ZEROS / cutoff);
    this.kernels = Array.from({ length: PHASES + 1 }, (_, i) => kernel(i / PHASES, this.half, cutoff));
    this.input = new Float32Array(8192);
    this.filled = this.half; // as if silence came first
    this.at = this.half;
    this.frame = new Float32Array(FRAME);
    this.size = 0;
    this.energy = 0;
    this.low = 0;
  }

  process(inputs) {
    const block = inputs[0]?.[0];
    if (!block) return true;
    this.input.set(block, this.filled);
    this.filled += block.length;
    while (this.at + this.half + 1 < this.filled) {
      this.write(this.sample());
      this.at += this.step;
    }
    const spent = Math.floor(this.at) - this.half;
    if (this.filled > 6000 && spent > 0) {
      this.input.copyWithin(0, spent, this.filled);
      this.filled -= spent;
      this.at -= spent;
    }
    return true;
  }

  sample() {
    const whole = Math.floor(this.at);
    const taps = this.kernels[Math.round((this.at - whole) * PHASES)];
    const from = whole - this.half + 1;
    let sum = 0;
    for (let i = 0; i < taps.length; i++) sum += taps[i] * this.input[from + i];
    return sum;
  }

  write(value) {
    this.frame[this.size++] = value;
    this.low += (value - this.low) * 0.035; // hum and rumble below about 90 Hz are not loudness
    this.energy += (value - this.low) ** 2;
    if (this.size < FRAME) return;
    const pcm = this.frame;
    this.port.postMessage({ pcm, rms: Math.sqrt(this.energy / FRAME) }, [pcm.buffer]);
    this.frame = new Float32Array(FRAME);
    this.size = 0;
    this.energy = 0;
  }
}

function kernel(fraction, half, cutoff) {
  const taps = new Float32Array(half * 2);
  let sum = 0;
  for (let i = 0; i < taps.length; i++) {
    const x = i - half + 1 - fraction;
    const sinc = x === 0 ? 1 : Math.sin(Math.PI * x * cutoff) / (Math.PI * x * cutoff);
    const w = x / half;
    const window = Math.abs(w) >= 1 ? 0 : 0.42 + 0.5 * Math.cos(Math.PI * w) + 0.08 * Math.cos(2 * Math.PI * w);
    taps[i] = sinc * window;
    sum += taps[i];
  }
  return taps.map((tap) => tap / sum);
}

registerProcessor("microphone", Microphone);
