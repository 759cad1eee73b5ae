// Parts of a page that take turns in one place, see .stack in page.css.

/** Show `element` or not, in the room that it has in any case. */
export function show(element, shown) {
  element.dataset.shown = shown ? "yes" : "no";
}

/** Have screen readers say `text`. */
export function say(text) {
  document.getElementById("said").textContent = text;
}
