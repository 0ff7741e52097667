// Runs before every page's own scripts. `seen` holds what happened, with times of performance.now():
// events (the room's own), captions, mic and out (stretches of sound at the microphone and at the loudspeaker).

(() => {
  const seen = (window.seen = { events: [], mic: [], out: [] });
  addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI, sourceFile, lineNumber }) =>
    console.error(`CSP: ${violatedDirective} ${blockedURI} (${sourceFile}:${lineNumber})`),
  );
  for (const name of ["state", "failed", "first-sound", "silence", "reply-end", "turn-end", "line-sound", "line-end"]) {
    addEventListener(`parley:${name}`, ({ detail }) => seen.events.push({ name, at: performance.now(), detail: { ...detail } }));
  }

  // How far the captions had come, each time that they moved and were not at their end: who looks later misses nothing
  seen.captions = [];
  new MutationObserver((records) => {
    const line = document.getElementById("captions-text");
    if (!line) return;
    if (records.some((one) => one.target === line && one.removedNodes.length)) seen.captions = [];
    const lit = line.querySelectorAll(".said").length;
    if (lit && lit < line.childElementCount && lit !== seen.captions.at(-1)) seen.captions.push(lit);
  }).observe(document, { subtree: true, childList: true, attributeFilter: ["class"] });

  // Measuring needs a worklet of our own, which the pages' policy rightly refuses: only where the tests lift it
  const worklet = /* probe-worklet.js */ null;
  if (!worklet || !window.AudioWorklet) return;
  const module = URL.createObjectURL(new Blob([worklet], { type: "text/javascript" }));
  const connect = AudioNode.prototype.connect;
  const addModule = AudioWorklet.prototype.addModule;

  function listen(node, stretches, options) {
    const { context } = node;
    const probe = new AudioWorkletNode(context, "probe", { numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit", processorOptions: options });
    probe.port.onmessage = ({ data }) => {
      const at = performance.now() - (context.currentTime - data.at) * 1000;
      if (data.is === "from") stretches.push({ from: at, to: null });
      else Object.assign(stretches.at(-1), { to: at, ms: data.ms });
    };
    connect.call(node, probe);
  }

  // The probe is there before the page's own worklet, so that it misses nothing
  AudioWorklet.prototype.addModule = async function (...theirs) {
    await addModule.call(this, module);
    return addModule.apply(this, theirs);
  };
  AudioNode.prototype.connect = function (target, ...more) {
    if (target instanceof AudioDestinationNode) listen(this, seen.out, { floor: 1e-4, gap: 0.03 });
    return connect.call(this, target, ...more);
  };

  // A clone of the track, which hears on while the page has muted its own. Where the story speaks (seen.speak), what it
  // says is mixed into what the page hears.
  const spoken = /* spoken */ false;
  const ask = navigator.mediaDevices?.getUserMedia.bind(navigator.mediaDevices);
  if (ask) {
    navigator.mediaDevices.getUserMedia = async (constraints) => {
      const stream = await ask(constraints);
      const context = new AudioContext();
      await addModule.call(context.audioWorklet, module);
      const heard = context.createGain();
      connect.call(context.createMediaStreamSource(stream.clone()), heard);
      listen(heard, seen.mic, { floor: 0.02, gap: 0.3 });
      if (!spoken) return stream;
      const mixed = context.createMediaStreamDestination();
      connect.call(heard, mixed);
      seen.speak = async (base64) => {
        const wav = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
        const source = new AudioBufferSourceNode(context, { buffer: await context.decodeAudioData(wav.buffer) });
        connect.call(source, heard);
        source.start();
      };
      return mixed.stream;
    };
  }
})();
