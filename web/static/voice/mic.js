// Opening the microphone, and why it would not open.

const CONSTRAINTS = { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true };

export class MicError extends Error {}

export class Mic {
  /** `frame({pcm, rms})` gets 20 ms of 16 kHz sound at a time; `lost()` is called when the device goes away. */
  constructor(worklet, frame, lost) {
    this.worklet = worklet;
    this.frame = frame;
    this.lost = lost;
  }

  /** Raises MicError("insecure" | "unsupported" | "denied" | "missing" | "busy"). */
  async open() {
    if (!isSecureContext) throw new MicError("insecure");
    if (!navigator.mediaDevices?.getUserMedia || !window.AudioWorkletNode) throw new MicError("unsupported");
    // iOS: without this the loudspeaker falls silent, or goes to the earpiece, while the microphone is open
    if (navigator.audioSession) navigator.audioSession.type = "play-and-record";
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({ audio: CONSTRAINTS });
    } catch (error) {
      throw new MicError(REASONS[error.name] ?? "busy");
    }
    this.context = new AudioContext({ latencyHint: "interactive" });
    await Promise.all([this.context.resume(), this.context.audioWorklet.addModule(this.worklet)]);
    this.node = new AudioWorkletNode(this.context, "microphone", { numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit" });
    this.node.port.onmessage = ({ data }) => this.frame(data);
    this.context.createMediaStreamSource(this.stream).connect(this.node);
    this.track = this.stream.getAudioTracks()[0];
    this.track.addEventListener("ended", () => this.lost());
  }

  set muted(value) {
    if (this.track) this.track.enabled = !value;
  }

  /** Phones suspend contexts when a call comes or the page is left. */
  wake() {
    this.context?.resume().catch(() => {});
  }

  close() {
    this.stream?.getTracks().forEach((track) => track.stop());
    this.context?.close().catch(() => {});
    if (this.node) this.node.port.onmessage = null;
    if (navigator.audioSession) navigator.audioSession.type = "playback";
  }
}

const REASONS = {
  NotAllowedError: "denied",
  SecurityError: "denied",
  NotFoundError: "missing",
  OverconstrainedError: "missing",
  NotReadableError: "busy",
  AbortError: "busy",
};

/** iPhones and iPads cancel the echo of calls, not of pages: there a voice must not interrupt. */
export const hearsItself = /iP(hone|ad|od)/.test(navigator.userAgent) || (navigator.maxTouchPoints > 1 && /Macintosh/.test(navigator.userAgent));
