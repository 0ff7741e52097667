// Recovery codes, copied or saved as a file, both made of what the page shows. Without this module the buttons stay hidden.

const box = document.querySelector("[data-codes]");
const words = box.dataset;
const [copy, save] = box.querySelectorAll("button");
const told = document.getElementById("codes-told");
const codes = [...document.querySelectorAll(".codes code")].map((one) => one.textContent);

// Browsers give the clipboard to pages that nobody can change on the way: elsewhere there is only the file.
copy.hidden = !navigator.clipboard;
box.hidden = false;

copy.addEventListener("click", async () => {
  told.textContent = ""; // so that the same words are spoken once more
  let said = words.copied;
  try {
    await navigator.clipboard.writeText(`${codes.join("\n")}\n`);
  } catch {
    said = words.trouble;
  }
  told.textContent = said;
});

save.addEventListener("click", () => {
  const lines = [words.title, words.what, `${location.origin}${words.where}`, "", ...codes, ""];
  const address = URL.createObjectURL(new Blob([lines.join("\n")], { type: "text/plain" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = words.file;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000); // some browsers begin to read it only after asking where to
});
