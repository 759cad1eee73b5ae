// The recorder that somebody has chosen, and what it records.

import { number, setText } from "./formats.js";
import { show } from "./showing.js";
import { Points } from "./spikes.js";

const OFFERED = 500;

const choice = document.getElementById("recorder");
const windows = document.getElementById("window");
const place = document.getElementById("plot");
const empty = document.getElementById("plot-empty");
const said = document.getElementById("plot-said");

const points = new Points();
let raster = null;
/** What the kernel has, as the choice offers it; and the recorder that is chosen, or null. */
let offered = "";
let chosen = null;
let problem = "";
let drawing = null;

/** Call `changed` with the id of the recorder that is chosen, or null. */
export function watchChoice(changed) {
  choice.addEventListener("change", () => {
    chosen = choice.value === "" ? null : Number(choice.value);
    restart();
    changed(chosen);
  });
  windows.addEventListener("change", () => {
    if (raster) raster.window_ms = Number(windows.value);
    showSaid();
  });
}

/** Offer the recorders of the kernel; whether the chosen one is gone. */
export function offer(ranges) {
  const found = ranges.flatMap(({ first, last, model }) =>
    Array.from({ length: Math.min(OFFERED, last - first + 1) }, (_, n) => [first + n, model]),
  );
  const list = found.slice(0, OFFERED);
  const text = JSON.stringify(list);
  if (text === offered) return false;
  offered = text;
  const options = list.map(([id, model]) => new Option(`${model} ${id}`, id));
  choice.replaceChildren(new Option(list.length ? "Choose one" : "None there", ""), ...options);
  choice.disabled = list.length === 0;
  const there = list.some(([id]) => id === chosen);
  choice.value = there ? chosen : "";
  if (there || chosen === null) {
    showSaid();
    return false;
  }
  chosen = null;
  restart();
  return true;
}

/** The recorder that is chosen; null if none is. */
export function chosenRecorder() {
  return chosen;
}

/** Forget what was recorded; it is of another network, or comes again. */
export function restart() {
  points.clear();
  problem = "";
  raster?.remove();
  showSaid();
}

/** Forget the recorders, too. */
export function clearRecorders() {
  chosen = null;
  offered = "";
  choice.replaceChildren(new Option("None there", ""));
  choice.disabled = true;
  restart();
}

/** Show what a recorder has gained. */
export async function showSpikes(facts) {
  if (facts.recorder !== chosen) return;
  if (facts.reset) {
    restart();
    return;
  }
  problem = facts.problem ?? "";
  if (facts.times) points.add(facts);
  if (points.count && raster === null) {
    // Whoever watches no recorder needs no plots.
    const { Raster } = await import("./raster.js");
    raster ??= new Raster(place, points);
    raster.window_ms = Number(windows.value);
  }
  drawing ??= requestAnimationFrame(() => {
    drawing = null;
    if (points.count) raster?.draw();
    showSaid();
  });
}

function showSaid() {
  const text = points.count ? described() : "";
  setText(said, text);
  place.dataset.points = String(points.count);
  place.setAttribute("aria-label", text || "Plot of a recorder: empty");
  show(empty, points.count === 0);
  setText(empty, whyEmpty());
  windows.disabled = chosen === null;
}

function described() {
  const { x, senders, leftOut, quantity } = points;
  const what = quantity === null ? "spikes" : `values of ${quantity}`;
  const unit = points.inSteps ? "steps" : "ms";
  const range = `${number(x[0])} to ${number(x[x.length - 1])} ${unit}`;
  const rest = leftOut ? `; ${number(leftOut)} earlier ones left out` : "";
  const from = senders.size === 1 ? "1 sender" : `${number(senders.size)} senders`;
  return `${number(points.count)} ${what} of ${from}, ${range}${rest}`;
}

function whyEmpty() {
  if (problem) return problem;
  if (chosen !== null) return "Waiting for what it has recorded …";
  if (choice.disabled) return "A network with a recorder shows here what it records.";
  return "Choose a recorder to see what it records.";
}
