// The job that runs: what it is, how far it is, and when it may end.

import { clock, duration, number, rounded, setText, shortened } from "./formats.js";
import { hold, isHeld, say, show } from "./showing.js";

const nothing = document.getElementById("run-nothing");
const panel = document.getElementById("run");
const title = document.getElementById("running-title");
const bar = document.getElementById("run-progress");
const button = document.getElementById("run-cancel");
const what = document.getElementById("run-what");
const name = document.getElementById("run-id");
const note = document.getElementById("run-note");

/** The job that is shown; null if none is. */
let shown = null;
let cancelIt = null;

button.addEventListener("click", async () => {
  if (isHeld(button)) return;
  const id = shown?.id;
  hold(button, true);
  setText(note, "Ending …");
  const said = await cancelIt(id);
  if (shown?.id === id) {
    setText(note, said);
    hold(button, false);
  } else {
    say(said);
  }
});

/** Show a job that runs; `cancel` ends one by its name and says what came of it. */
export function showRun(job, cancel) {
  cancelIt = cancel;
  if (shown?.id !== job.id) {
    setText(note, "");
    hold(button, false);
  }
  if (job.ending) setText(note, "It is being ended.");
  shown = job;
  setText(what, job.what);
  setText(name, shortened(job.id));
  setText(button.lastElementChild, ` ${job.what}`);
  for (const element of panel.querySelectorAll("[data-run]")) {
    setText(element, FACTS[element.dataset.run](job));
  }
  showBar(job.progress);
  show(panel, true);
  show(document.getElementById("run-name"), true);
  show(button, true);
  show(nothing, false);
}

/** Say that nothing runs, or that nobody knows. */
export function showNoRun(known = true) {
  setText(nothing, known ? "Nothing runs." : "Not known without the token.");
  if (shown === null) return;
  if (document.activeElement === button) title.focus();
  shown = null;
  setText(note, "");
  for (const element of [what, name, ...panel.querySelectorAll("[data-run]")]) {
    setText(element, "–");
  }
  show(panel, false);
  show(document.getElementById("run-name"), false);
  show(button, false);
  show(nothing, true);
}

/** Show how far a simulation is; whether it is one of the job that is shown. */
export function showProgress(facts) {
  if (shown?.id !== facts.job) return false;
  const done_ms = facts.at_ms - facts.from_ms;
  const total_ms = facts.until_ms - facts.from_ms;
  const left_s = done_ms > 0 ? (facts.wall_s * (total_ms - done_ms)) / done_ms : null;
  shown.call = facts.call;
  shown.progress = {
    done_ms,
    total_ms,
    fraction: total_ms > 0 ? done_ms / total_ms : 1,
    real_time_factor: done_ms > 0 ? facts.wall_s / (done_ms / 1000) : null,
    estimated_end: left_s === null ? null : Date.now() + 1000 * left_s,
  };
  for (const fact of ["simulated", "factor", "end"]) {
    setText(panel.querySelector(`[data-run="${fact}"]`), FACTS[fact](shown));
  }
  showBar(shown.progress);
  return true;
}

/** The end of the job that is shown is worth a word. */
export function announceEnd(id, what, state) {
  if (shown?.id === id) say(`${what}: ${state}`);
}

function showBar(progress) {
  if (progress === undefined) {
    // Nobody knows how far it is.
    bar.removeAttribute("value");
    return;
  }
  bar.value = progress.fraction;
}

const FACTS = {
  simulated: ({ progress }) =>
    progress ? `${number(progress.done_ms)} of ${number(progress.total_ms)} ms` : "–",
  factor: ({ progress }) =>
    progress?.real_time_factor == null ? "–" : rounded(progress.real_time_factor),
  end: ({ progress }) =>
    progress?.estimated_end == null ? "–" : ending(new Date(progress.estimated_end)),
  for: (job) => (job.wall_s === undefined ? "–" : duration(job.wall_s)),
  call: (job) => job.call ?? "–",
  awaited: (job) => awaited(job.awaited ?? []),
  caller: (job) => (job.waited_for ? "waits" : "none waits"),
};

function ending(date) {
  const left_s = (date - Date.now()) / 1000;
  if (left_s < 24 * 3600) return `${clock(date)}`;
  return `in ${number(left_s / 24 / 3600)} days`;
}

function awaited(ranks) {
  if (ranks.length === 0) return "none";
  const names = ranks.map((one) => (one.stopped ? `${one.rank} (stopped)` : one.rank)).join(", ");
  return `${ranks.length === 1 ? "rank" : "ranks"} ${names}`;
}
