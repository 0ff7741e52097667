// The room: everything on the page meets here.

import { csrf } from "./csrf.js";
import { Attach } from "./voice/attach.js";
import { keepAwake } from "./voice/awake.js";
import { Call } from "./voice/call.js";
import { HELD_MS, keys, press } from "./voice/controls.js";
import { cuesOf, prefetch, samples } from "./voice/lines.js";
import { Minutes } from "./voice/minutes.js";
import { bindSettings, settings } from "./voice/settings.js";
import { $, View } from "./voice/view.js";

const room = $("main");
const { chat, greeting, greetingText, micWorklet, playerWorklet } = room.dataset;
const chosen = settings();
const view = new View(room);
const minutes = new Minutes(chat, view.words);
const call = new Call({ chat, micWorklet, playerWorklet, settings: chosen, view, minutes });
const SOUND_MS = 1500; // within this a browser that lets the page sound does
let attach = null;
attach = new Attach(room, view.words, () => ready());
call.attach = attach;
let greeted = room.dataset.empty === "no";

// -- the call -------------------------------------------------------------------------------------

const showCalling = view.calling.bind(view);
view.calling = (on) => {
  showCalling(on);
  keepAwake(on);
  if (on) tick();
};

async function greet() {
  if (greeted || !greeting || call.reply) return;
  greeted = true;
  await samples(greeting).catch(() => {});
  if (call.reply || call.ear.utterance?.open) return; // a late greeting does not interrupt who spoke first
  await speak("greeting", greeting, (ms) => [{ text: greetingText, start: 0, end: ms }]).catch(() => {});
}

/** Say a line that is not a turn, with captions. */
async function speak(name, url, cues) {
  const [pcm] = await Promise.all([samples(url), call.player.open()]);
  await call.play(name, pcm.slice(), () => {
    view.captions.clear();
    for (const { text, start, end } of cues((pcm.length / 24000) * 1000)) view.captions.cue(text, start, end);
  });
  tick();
}

function toggleMic() {
  view.quiet();
  if (!call.ear.mic) call.start(greet);
  else call.mute();
}

function stop() {
  if (call.player.playing || call.replying) call.interrupt();
}

function talk(text) {
  const line = text.trim();
  if (!line && !attach.ready.length) return;
  greeted = true;
  call.say({ text: line });
}

press($("mic"), { tap: () => (chosen.mode === "hold" && call.ear.mic ? null : toggleMic()), down: () => call.hold(), up: () => call.release(), holdAt: () => (chosen.mode === "hold" && call.ear.mic ? 0 : HELD_MS) });
$("orb").addEventListener("click", () => (call.player.playing || call.replying ? stop() : call.ear.mic ? null : toggleMic()));
$("stop").addEventListener("click", stop);
$("end").addEventListener("click", () => {
  call.end();
  $("mic").focus();
});
$("notice-retry").addEventListener("click", () => {
  view.quiet();
  if (call.reply && call.ear.mic) call.again();
  else if (call.reply?.fields.text) call.again();
  else call.start(greet);
});
$("notice-type").addEventListener("click", () => compose(true));
$("met-type").addEventListener("click", () => {
  minutes.hide();
  compose(true);
});
$("met-again").addEventListener("click", async () => {
  if (await minutes.still()) return;
  call.again();
});

// -- one loop for everything that moves --------------------------------------------------------------

let ticking = false;
function tick() {
  if (!ticking) requestAnimationFrame(frame);
  ticking = true;
}

// A written line opens the player first: a loop begun with it would have stopped before the sound comes
for (const name of ["first-sound", "line-sound"]) room.addEventListener(`parley:${name}`, tick);

function frame() {
  ticking = Boolean(call.ear.mic || call.player.line || view.level > 0.01);
  const loud = call.player.playing ? call.player.level : call.ear.muted ? 0 : (call.ear.level ?? 0);
  view.breathe(call.ear.mic || call.player.line ? loud : 0, view.orb);
  $("mic").style.setProperty("--level", call.ear.holding || view.state === "hearing" ? view.level.toFixed(2) : "0");
  if (call.player.playing) view.captions.update(call.player.position());
  if (ticking) requestAnimationFrame(frame);
}

// -- what can be shown and hidden ------------------------------------------------------------------

function pressed(button, on) {
  button.setAttribute("aria-pressed", String(on));
}

function captions(on = chosen.captions !== "on") {
  chosen.captions = room.dataset.captions = on ? "on" : "off";
  pressed($("show-captions"), on);
}

function receipts(on = chosen.receipts !== "on") {
  chosen.receipts = room.dataset.receipts = on ? "on" : "off";
  pressed($("show-receipt"), on);
  view.receipt();
}

const wide = matchMedia("(min-width: 901px)");
function transcript(open = $("transcript").dataset.open !== "yes", keep = true) {
  $("transcript").dataset.open = open ? "yes" : "no";
  $("show-transcript").setAttribute("aria-expanded", String(open));
  if (keep && wide.matches) chosen.transcript = open ? "open" : "closed";
  if (open) $("log").scrollTop = $("log").scrollHeight;
}

function compose(open = $("composer").hidden) {
  $("composer").hidden = !open;
  $("show-composer").setAttribute("aria-expanded", String(open));
  if (open) $("line").focus();
}

captions(chosen.captions === "on");
receipts(chosen.receipts === "on");
transcript(wide.matches && chosen.transcript === "open", false);
$("show-captions").addEventListener("click", () => captions());
$("show-receipt").addEventListener("click", () => receipts());
$("show-transcript").addEventListener("click", () => transcript());
$("hide-transcript").addEventListener("click", () => {
  transcript(false);
  $("show-transcript").focus();
});
$("show-composer").addEventListener("click", () => compose());
bindSettings(room, chosen, () => call.refresh());

$("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  if (attach.busy.length && !patient()) return wait(true);
  wait(false);
  talk($("line").value);
  $("line").value = "";
  ready();
});
$("line").addEventListener("input", () => ready());

/** Whether words wait until what goes along with them has been read. */
function patient() {
  return $("composer").dataset.waiting === "yes";
}

function wait(on) {
  $("composer").dataset.waiting = on ? "yes" : "no";
  $("still").textContent = on ? view.words.stillReading.replace("{name}", attach.busy[0] ?? "") : "";
  $("still").hidden = !on;
}

/** Something was written, added or read: perhaps it can be sent now. */
function ready() {
  if (!attach) return;
  $("send").disabled = !$("line").value.trim() && !attach.ready.length && !attach.busy.length;
  if (!patient() || attach.busy.length) return;
  wait(false);
  if ($("line").value.trim() || attach.ready.length) $("composer").requestSubmit();
}
$("line").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  $("composer").requestSubmit();
});

room.addEventListener("click", async (event) => {
  const said = event.target.closest("[data-say]");
  if (said) return talk(said.dataset.say);
  const button = event.target.closest("[data-replay]");
  if (!button) return;
  const line = button.closest(".line");
  const url = button.dataset.replay === "greeting" ? greeting : button.dataset.replay;
  const again = line.classList.contains("is-playing");
  stop();
  if (again) return call.interrupt();
  try {
    await speak(url, url, (ms) => cuesOf(line, ms));
    line.classList.add("is-playing");
  } catch {
    view.notice(view.words.noSound, { retry: false, type: false });
  }
});

keys({
  down: () => call.hold(),
  up: () => call.release(),
  tap: () => {},
  mute: () => call.mute(),
  captions: () => captions(),
  transcript: () => transcript(),
  compose: () => compose(true),
  stop: (event) => {
    // What lies over the room is meant first, then who speaks, then what is open beside it
    if (event.isComposing || document.querySelector("details[open], :popover-open")) return;
    if (call.player.playing || call.replying) return call.interrupt();
    if (!wide.matches && $("transcript").dataset.open === "yes") {
      transcript(false);
      return $("show-transcript").focus();
    }
    if (event.target !== $("line")) return;
    compose(false);
    $("show-composer").focus();
  },
});

// -- coming and going --------------------------------------------------------------------------------

addEventListener("pagehide", () => call.leave());
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  call.ear.mic?.wake();
  call.player.context?.resume().catch(() => {});
  if (call.ear.mic) tick();
});
// Minutes bought in another tab are here when one comes back.
addEventListener("focus", () => minutes.spent && minutes.look().then(() => call.refresh()));
addEventListener("offline", () => call.ear.mic && view.say("offline"));
addEventListener("online", () => call.refresh());
minutes.look().then(() => call.refresh());
fetch(`/chats/${chat}/prepare`, { method: "POST", headers: csrf() }).catch(() => {});
if (greeting && !greeted) prefetch(greeting).catch(() => {});
const chosenLine = location.hash.startsWith("#opener-") && $(location.hash.slice(1));
if (chosenLine) beginWith(chosenLine.dataset.say);

/** A line picked on the character's page begins the talk; where sound wants a tap first, it lies ready to be sent. */
async function beginWith(text) {
  history.replaceState(null, "", location.pathname);
  await Promise.race([call.player.open().catch(() => {}), new Promise((done) => setTimeout(done, SOUND_MS))]);
  if (call.player.context?.state === "running") return talk(text);
  compose(true);
  $("line").value = text;
  ready();
}
room.dataset.ready = "yes";
