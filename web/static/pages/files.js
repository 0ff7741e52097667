// Sending files from the page of files: picked, dropped or pasted, one request each, with a bar that tells how far it is.
// Without this module the form sends one file, and the browser says how.

import { csrf } from "../csrf.js";

const main = document.getElementById("main");
const drop = document.getElementById("drop");
const input = document.getElementById("file");
const list = document.getElementById("sending");
const words = main.dataset;
const AT_ONCE = 2;
const waiting = [];
let going = 0;

drop.classList.add("drop--scripted");
input.multiple = true;
input.required = false;

input.addEventListener("change", () => {
  take(input.files);
  input.value = "";
});
drop.addEventListener("submit", (event) => event.preventDefault());
document.addEventListener("paste", (event) => {
  if (event.clipboardData?.files.length) take(event.clipboardData.files);
});
for (const name of ["dragenter", "dragover"])
  document.addEventListener(name, (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    drop.classList.add("drop--over");
  });
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) drop.classList.remove("drop--over");
});
document.addEventListener("drop", (event) => {
  if (!event.dataTransfer?.files.length) return;
  event.preventDefault();
  drop.classList.remove("drop--over");
  take(event.dataTransfer.files);
});
addEventListener("beforeunload", (event) => {
  if (going) event.preventDefault();
});

function take(files) {
  const area = new FormData(drop).get("area");
  for (const file of files) {
    const row = shown(file);
    if (!file.size) failed(row, words.empty);
    else if (file.size > Number(words.largest)) failed(row, words.tooLarge);
    else waiting.push({ file, area, row });
  }
  next();
}

function shown(file) {
  const row = document.getElementById("sending-row").content.firstElementChild.cloneNode(true);
  row.querySelector(".sending__name").textContent = file.name;
  row.querySelector("[data-stop]").addEventListener("click", () => {
    const place = waiting.findIndex((one) => one.row === row);
    if (place >= 0) waiting.splice(place, 1);
    row.request?.abort();
    row.remove();
    list.hidden = !list.children.length;
  });
  list.append(row);
  list.hidden = false;
  return row;
}

function next() {
  while (going < AT_ONCE && waiting.length) send(waiting.shift());
}

/** fetch tells nothing of how much has been sent, XMLHttpRequest does. */
function send({ file, area, row }) {
  const bar = row.querySelector("progress");
  const state = row.querySelector(".sending__state");
  const request = (row.request = new XMLHttpRequest());
  const body = new FormData(); // the area first: the server reads the form as it comes
  body.set("area", area);
  body.set("file", file, file.name);
  going += 1;
  request.open("POST", drop.action);
  for (const [name, value] of Object.entries({ accept: "application/json", ...csrf() })) request.setRequestHeader(name, value);
  request.upload.addEventListener("progress", ({ loaded, total }) => {
    bar.value = total ? (100 * loaded) / total : 0;
    state.textContent = `${words.sending} ${Math.floor(bar.value)} %`;
  });
  request.addEventListener("load", () => {
    if (request.status === 201) arrived(row, file);
    else failed(row, told(request));
  });
  request.addEventListener("error", () => failed(row, words.cut));
  request.addEventListener("loadend", () => {
    going -= 1;
    row.request = null;
    next();
  });
  request.send(body);
}

function arrived(row, file) {
  row.remove();
  list.hidden = !list.children.length;
  document.getElementById("sent").textContent = `${file.name}: ${words.kept}`;
  document.getElementById("files").dispatchEvent(new Event("files-changed"));
}

function failed(row, text) {
  row.classList.add("sending__one--wrong");
  row.querySelector(".sending__state").textContent = text;
}

function told(request) {
  try {
    const { message, html } = JSON.parse(request.responseText);
    if (html) document.getElementById("met").innerHTML = html; // what the plan gives, in the server's own words
    return message ?? words.cut;
  } catch {
    return words.cut;
  }
}
