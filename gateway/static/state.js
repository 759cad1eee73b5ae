// The state of the server: the panel at the top.

import { show } from "./showing.js";

const badge = document.getElementById("state");
const remark = document.getElementById("remark");
const facts = document.getElementById("facts");

const WORDS = { asking: "asking …", gone: "no answer", locked: "locked" };

let generation = null;
let restarted = null;

/** Show the answer of the server to "what runs here". */
export function showState(info) {
  if (generation !== null && info.generation !== null && info.generation !== generation) {
    restarted = new Date();
  }
  generation = info.generation ?? generation;
  mark(info.state);
  setText(remark, remarkOn(info));
  for (const element of facts.querySelectorAll("[data-fact]")) {
    setText(element, FACTS[element.dataset.fact](info));
  }
  show(facts, true);
}

/** Say that nobody answers; what was known before stays. */
export function showGone() {
  mark("gone");
  setText(remark, "Nobody answers; still asking.");
  show(facts, true);
}

/** Hide everything of the kernel until there is a token. */
export function showLocked() {
  mark("locked");
  show(facts, false);
  for (const element of facts.querySelectorAll("[data-fact]")) setText(element, "–");
}

const FACTS = {
  nest: (info) => info.nest ?? "–",
  server: (info) => info.server,
  ranks: (info) => (info.ranks === null ? "–" : `${info.ranks}${info.mpi ? " (MPI)" : ""}`),
  generation: (info) => info.generation ?? "–",
  started: (info) => (info.started === null ? "–" : timeOf(new Date(info.started))),
  scripts: (info) => info.scripts ?? "–",
};

function remarkOn(info) {
  if (info.state === "starting") return "No kernel yet: it is starting.";
  if (info.state === "stopping") return "The server stops and takes nothing new.";
  const stopped = info.awaited.filter((one) => one.stopped).map((one) => one.rank);
  if (stopped.length) return `Rank ${stopped.join(", ")} is stopped by a signal.`;
  if (info.state === "busy") return "Computing; calls wait their turn.";
  if (restarted) return `New kernel since ${clock(restarted)}: network lost.`;
  return "Ready for calls.";
}

function timeOf(date) {
  const today = date.toDateString() === new Date().toDateString();
  const day = date.toLocaleDateString([], { day: "numeric", month: "short" });
  return today ? `today, ${clock(date)}` : `${day}, ${clock(date)}`;
}

function clock(date) {
  return date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
}

function mark(state) {
  badge.dataset.state = state;
  setText(badge, WORDS[state] ?? state);
}

/** Only changes are written: screen readers say them, and a selection stays. */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
