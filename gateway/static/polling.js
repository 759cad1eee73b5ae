// Does something again and again, while somebody looks.

/** Do `action` now, and `pause_ms` after it is done; gives a function that does it at once. */
export function poll(action, pause_ms) {
  let timer = null;
  let running = false;
  let again = false;

  async function turn() {
    clearTimeout(timer);
    if (running) {
      again = true;
      return;
    }
    running = true;
    do {
      again = false;
      await action();
    } while (again);
    running = false;
    if (!document.hidden) timer = setTimeout(turn, pause_ms);
  }

  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) turn();
  });
  turn();
  return turn;
}
