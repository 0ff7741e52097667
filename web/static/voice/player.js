// The character's voice in the page: what plays, how far it has got, and how to make it fall silent.

export const RATE = 24000;

export class Player {
  constructor(worklet) {
    this.worklet = worklet;
    this.on = {};
    this.line = null;
    this.level = 0;
  }

  /** Call inside a tap: browsers allow sound only then. */
  async open() {
    if (!this.context) {
      this.context = new AudioContext({ sampleRate: RATE, latencyHint: "interactive" });
      this.ready = this.load();
    }
    await Promise.all([this.context.resume(), this.ready]);
  }

  async load() {
    if (this.context.audioWorklet) {
      await this.context.audioWorklet.addModule(this.worklet);
      this.node = new AudioWorkletNode(this.context, "player", { numberOfInputs: 0, outputChannelCount: [1] });
    } else {
      const { playerOnThisThread } = await import("./without-worklets.js");
      this.node = await playerOnThisThread(this.context, this.worklet);
    }
    this.volume = this.context.createGain();
    this.node.connect(this.volume);
    this.volume.connect(this.context.destination);
    this.node.port.onmessage = ({ data }) => this.told(data);
  }

  get playing() {
    return this.line !== null && this.line.sounded;
  }

  /** Samples of the current line that have not sounded yet, in ms; 0 without one. */
  get ahead() {
    return this.line ? ((this.line.total - this.line.played) / RATE) * 1000 : 0;
  }

  begin(name) {
    this.node.port.postMessage({ do: "clear" });
    this.line = { name, total: 0, played: 0, at: 0, sounded: false, held: false };
    this.duck(1, 0);
  }

  push(pcm) {
    if (!this.line) return;
    this.line.total += pcm.length;
    this.node.port.postMessage({ do: "push", pcm }, [pcm.buffer]);
  }

  end() {
    if (this.line) this.node.port.postMessage({ do: "end" });
  }

  told(data) {
    const line = this.line;
    const when = performance.now() - (this.context.currentTime - data.at) * 1000;
    if (data.is === "silent") return this.on.silent?.(when);
    if (!line) return;
    if (data.is === "first") {
      line.sounded = true;
      line.at = data.at;
      this.on.first?.(line.name, when);
    } else if (data.is === "position") {
      line.played = data.played;
      line.at = data.at;
      this.level = data.rms;
    } else if (data.is === "drained") {
      this.line = null;
      this.level = 0;
      this.on.drained?.(line.name, { ms: (data.played / RATE) * 1000, underruns: data.underruns });
    }
  }

  /** How much of the line has reached the ear, in ms. */
  position() {
    const line = this.line;
    if (!line?.sounded) return 0;
    const since = line.held || this.context.state !== "running" ? 0 : Math.min(0.2, this.context.currentTime - line.at);
    const late = this.context.outputLatency || this.context.baseLatency || 0;
    const ms = (line.played / RATE + since - late) * 1000;
    return Math.max(0, Math.min(ms, (line.total / RATE) * 1000));
  }

  duck(gain, seconds = 0.02) {
    this.volume.gain.setTargetAtTime(gain, this.context.currentTime, seconds / 3 || 0.001);
  }

  hold() {
    if (!this.line) return;
    this.line.held = true;
    this.node.port.postMessage({ do: "hold" });
  }

  /** Go on, from a little before where it was held. */
  release(back = 0.18) {
    if (!this.line) return;
    this.line.held = false;
    this.node.port.postMessage({ do: "release", back });
    this.duck(1, 0.06);
  }

  /** Fall silent for good; return how much had been heard, in ms. */
  stop() {
    const heard = this.position();
    if (this.line) this.node.port.postMessage({ do: "clear" });
    this.line = null;
    this.level = 0;
    return heard;
  }
}
