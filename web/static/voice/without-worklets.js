// The player where there are no AudioWorklets: plain http from another machine. The same class, run on this thread.

const BLOCK = 1024;
const QUANTUM = 128;

/** Return something with the `port` and `connect` of an AudioWorkletNode. */
export async function playerOnThisThread(context, url) {
  const channel = new MessageChannel();
  let Processor;
  let done = 0;
  globalThis.AudioWorkletProcessor = class {
    port = channel.port2;
  };
  globalThis.registerProcessor = (_, made) => (Processor = made);
  globalThis.sampleRate = context.sampleRate;
  Object.defineProperty(globalThis, "currentTime", { configurable: true, get: () => context.currentTime + done / context.sampleRate });
  await import(url);
  const processor = new Processor();
  const node = context.createScriptProcessor(BLOCK, 0, 1);
  node.addEventListener("audioprocess", ({ outputBuffer }) => {
    const out = outputBuffer.getChannelData(0);
    out.fill(0);
    for (done = 0; done < BLOCK; done += QUANTUM) processor.process([], [[out.subarray(done, done + QUANTUM)]]);
    done = 0;
  });
  return { port: channel.port1, connect: (target) => node.connect(target), node };
}
