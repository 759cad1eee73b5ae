// How numbers, times and changes are written.

/** A number for people: `digits` after the point at most. */
export function number(value, digits = 1) {
  return value.toLocaleString([], { maximumFractionDigits: digits });
}

/** A number with three digits that count. */
export function rounded(value) {
  return value.toLocaleString([], { maximumSignificantDigits: 3 });
}

/** A time of day, to the second. */
export function clock(date) {
  return date.toLocaleTimeString([], { timeStyle: "medium", hourCycle: "h23" });
}

/** So many seconds as people say it. */
export function duration(seconds) {
  if (seconds < 60) return `${number(seconds, 0)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

/** The beginning of a job's name, which tells it from others nearby. */
export function shortened(id) {
  return id.slice(0, 6);
}

/** Only changes are written: screen readers say them, and a selection stays. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** An element with a class and a text. */
export function made(tag, name, text = "") {
  const element = document.createElement(tag);
  element.className = name;
  element.textContent = text;
  return element;
}
