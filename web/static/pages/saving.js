// Saving a chat from the room's menu: it may take a while, and the call goes on meanwhile.

import { csrf } from "../csrf.js";

for (const form of document.querySelectorAll("[data-save-chat]")) {
  const button = form.querySelector("button");
  const told = form.querySelector("[role=status]");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    told.textContent = form.dataset.saving;
    try {
      const headers = { accept: "application/json", ...csrf() };
      const answer = await fetch(form.action, { method: "POST", headers, body: new URLSearchParams(new FormData(form)) });
      if (answer.ok) kept();
      else refused(await answer.json());
    } catch {
      told.textContent = form.dataset.trouble;
    }
    button.disabled = false;
  });

  function kept() {
    const link = document.createElement("a");
    link.href = "/files";
    link.textContent = form.dataset.files;
    told.replaceChildren(`${form.dataset.saved} `, link);
  }

  function refused({ message, html }) {
    if (html) told.innerHTML = html; // which plan gives it, in the server's own words
    else told.textContent = message ?? form.dataset.trouble;
  }
}
