// Hearing a voice from its card: one at a time, the same button stops it.

export function samples(failed) {
  const sound = new Audio();
  let playing = null;

  function stop() {
    if (!playing) return;
    playing.setAttribute("aria-pressed", "false");
    playing.style.removeProperty("--played");
    playing = null;
    sound.pause();
  }

  function follow() {
    if (!playing) return;
    playing.style.setProperty("--played", sound.duration ? (sound.currentTime / sound.duration).toFixed(3) : "0");
    requestAnimationFrame(follow);
  }

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-sample]");
    if (!button) return;
    const again = button === playing;
    stop();
    if (again) return;
    playing = button;
    button.setAttribute("aria-pressed", "true");
    sound.src = button.dataset.sample;
    try {
      await sound.play();
      follow();
    } catch (error) {
      if (error.name !== "AbortError") failed();
      if (playing === button) stop();
    }
  });
  sound.addEventListener("ended", stop);
}
