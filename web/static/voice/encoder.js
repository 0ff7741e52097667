// Speech to a file while it is being spoken: Ogg/Opus where WebCodecs can, WAV elsewhere.

import { join, Ogg } from "./ogg.js";

export const RATE = 16000;
const FRAME_US = 20000;
const CONFIG = { codec: "opus", sampleRate: RATE, numberOfChannels: 1, bitrate: 24000 };

/** Return the best kind of encoder this browser has. */
export async function chooseEncoder() {
  try {
    const { supported } = await AudioEncoder.isConfigSupported(CONFIG);
    if (supported) return OpusFile;
  } catch {
    // no WebCodecs: Safari before 26, Firefox before 130
  }
  return WavFile;
}

class OpusFile {
  name = "speech.ogg";
  type = "audio/ogg";

  constructor() {
    this.given = 0;
    this.made = 0;
    this.encoder = new AudioEncoder({ output: (chunk, about) => this.packet(chunk, about), error: (error) => (this.error = error) });
    this.encoder.configure(CONFIG);
  }

  packet(chunk, about) {
    this.ogg ??= new Ogg(RATE, preSkip(about?.decoderConfig?.description));
    const bytes = new Uint8Array(chunk.byteLength);
    chunk.copyTo(bytes);
    this.ogg.add(bytes, Math.round(((chunk.duration || FRAME_US) * 48) / 1000));
    this.made++;
  }

  push(frame) {
    const data = new AudioData({ format: "f32", sampleRate: RATE, numberOfFrames: frame.length, numberOfChannels: 1, timestamp: this.given * FRAME_US, data: frame });
    this.encoder.encode(data);
    data.close();
    this.given++;
  }

  /** Return the bytes since the last call, of every frame given so far. */
  async take(end = false) {
    for (let tries = 0; this.made < this.given && tries < 12 && !this.error; tries++) await pause(4);
    if (end && this.made < this.given) await this.encoder.flush(); // slow: only where it must be
    if (this.error) throw this.error;
    const bytes = this.ogg?.take(end) ?? new Uint8Array();
    if (end) this.encoder.close();
    return bytes;
  }

  drop() {
    if (this.encoder.state !== "closed") this.encoder.close();
  }
}

class WavFile {
  name = "speech.wav";
  type = "audio/wav";

  constructor() {
    this.parts = [wavHead()];
  }

  push(frame) {
    const pcm = new DataView(new ArrayBuffer(frame.length * 2));
    frame.forEach((value, i) => pcm.setInt16(i * 2, Math.max(-1, Math.min(1, value)) * 32767, true));
    this.parts.push(new Uint8Array(pcm.buffer));
  }

  async take() {
    return join(this.parts.splice(0));
  }

  drop() {}
}

// The length is not known when the first bytes leave: the largest one says "until the end of the file".
function wavHead() {
  const bytes = new Uint8Array(44);
  const view = new DataView(bytes.buffer);
  const word = (at, letters) => bytes.set(new TextEncoder().encode(letters), at);
  word(0, "RIFF");
  view.setUint32(4, 0xffffffff, true);
  word(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, RATE, true);
  view.setUint32(28, RATE * 2, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  word(36, "data");
  view.setUint32(40, 0xffffffff, true);
  return bytes;
}

function preSkip(description) {
  if (!description) return 312;
  const bytes = ArrayBuffer.isView(description) ? new Uint8Array(description.buffer, description.byteOffset, description.byteLength) : new Uint8Array(description);
  return bytes.length >= 12 && bytes[0] === 79 ? bytes[10] | (bytes[11] << 8) : 312;
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
