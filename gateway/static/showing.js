// Parts of a page that take turns in one place, see .stack in page.css.

/** Show `element` or not, in the room that it has in any case. */
export function show(element, shown) {
  element.dataset.shown = shown ? "yes" : "no";
}

/** Have `button` wait for what it has begun; it keeps the focus, unlike one that is disabled. */
export function hold(button, held) {
  button.setAttribute("aria-disabled", held ? "true" : "false");
}

/** Whether `button` waits for what it has begun. */
export function isHeld(button) {
  return button.getAttribute("aria-disabled") === "true";
}

/** Have screen readers say `text`. */
export function say(text) {
  document.getElementById("said").textContent = text;
}
