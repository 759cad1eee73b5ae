// Does something again and again, while somebody looks.

/**
 * `action` in a form that never runs twice at once: asked for meanwhile, it is done once more.
 *
 * A promise of it is true where that call has done it.
 */
export function coalesced(action) {
  let running = false;
  let again = false;

  return async function run() {
    if (running) {
      again = true;
      return false;
    }
    running = true;
    try {
      do {
        again = false;
        await action();
      } while (again);
    } finally {
      running = false;
    }
    return true;
  };
}

/** Do `action` now, and `pause_ms` after it is done; gives a function that does it at once. */
export function poll(action, pause_ms) {
  let timer = null;
  const run = coalesced(action);

  async function turn() {
    clearTimeout(timer);
    if ((await run()) && !document.hidden) timer = setTimeout(turn, pause_ms);
  }

  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) turn();
  });
  turn();
  return turn;
}
