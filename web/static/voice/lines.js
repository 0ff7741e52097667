// Lines that are spoken again: the greeting, and what stands in the transcript.

import { RATE } from "./player.js";

const fetched = new Map();

/** Begin to fetch a sound before anybody asks for it. */
export function prefetch(url) {
  if (!fetched.has(url)) fetched.set(url, load(url));
  return fetched.get(url);
}

async function load(url) {
  try {
    const response = await fetch(url);
    if (!response.ok) throw new Error(String(response.status));
    return await response.arrayBuffer();
  } catch (error) {
    fetched.delete(url);
    throw error;
  }
}

/** Return the samples of a WAV at the player's rate. */
export async function samples(url) {
  const bytes = await prefetch(url);
  const sound = await new OfflineAudioContext(1, 1, RATE).decodeAudioData(bytes.slice(0));
  return new Float32Array(sound.getChannelData(0));
}

/** Return [{text, start, end}] of a transcript line, from its data-cues: "start end length,...". */
export function cuesOf(line, ms) {
  const text = line.querySelector("p").firstChild.textContent;
  const marks = (line.dataset.cues ?? "").split(",").filter(Boolean).map((mark) => mark.split(" ").map(Number));
  if (!marks.length) return [{ text, start: 0, end: ms }];
  const letters = [...text];
  let at = 0;
  return marks.map(([start, end, length], i) => {
    const last = i === marks.length - 1;
    const part = letters.slice(at, last ? undefined : at + length).join("");
    at += length;
    return { text: part, start: Math.min(start, ms), end: last ? ms : Math.min(end, ms) };
  });
}
