// What runs, as it runs: jobs, log and recorder, fed by the server's events.

import { clearJobs, isGoingOn, noteEnd, noteQuick, showJobs } from "./jobs.js";
import { clearLog, writeEvent } from "./log.js";
import { coalesced } from "./polling.js";
import {
  chosenRecorder,
  clearRecorders,
  offer,
  restart,
  showSpikes,
  watchChoice,
} from "./recorder.js";
import { announceEnd, showProgress } from "./running.js";
import { ask } from "./server.js";
import { Stream } from "./stream.js";

// Quick jobs make many events; the list is asked for once for several.
const JOBS_PAUSE_MS = 250;
// Networks are built by calls that are too short for an event.
const RECORDERS_PAUSE_MS = 5000;
// The server counts calls that take less.
const QUICK_S = 0.5;
const FINAL = ["done", "failed", "cancelled"];

const stream = new Stream(take);
let watching = false;
let generation = null;
let stale = true;
let timer = null;
let lookedAt_ms = -Infinity;

watchChoice((recorder) => stream.watch(recorder));
document.getElementById("recorder").addEventListener("focus", () => {
  lookedAt_ms = -Infinity;
});

/** Follow the server, which has just said `info` about itself. */
export function follow(info) {
  watching = true;
  stream.open();
  if (info.generation !== generation) {
    generation = info.generation;
    lookedAt_ms = -Infinity;
    stale = true;
  }
  if (stale || info.waiting || info.state === "busy" || isGoingOn()) lookAtJobs();
  if (info.state !== "starting") lookAtRecorders();
}

/** Follow it no more, and show nothing of it. */
export function unfollow() {
  watching = false;
  generation = null;
  stale = true;
  lookedAt_ms = -Infinity;
  clearTimeout(timer);
  stream.close();
  clearJobs();
  clearLog();
  clearRecorders();
}

const lookAtJobs = coalesced(async () => {
  clearTimeout(timer);
  timer = null;
  stale = false;
  try {
    const jobs = await ask("jobs");
    if (watching) showJobs(jobs);
  } catch {
    // The next look at the server says what is wrong, and comes here again.
    stale = true;
  }
});

const lookAtRecorders = coalesced(async () => {
  if (performance.now() < lookedAt_ms + RECORDERS_PAUSE_MS) return;
  lookedAt_ms = performance.now();
  try {
    const ranges = await ask("recorders");
    if (watching && offer(ranges)) stream.watch(null);
  } catch {
    // During some calls nobody can tell; what was there before stays offered.
  }
});

function take(kind, facts) {
  if (!watching) return;
  if (kind === "spikes") {
    showSpikes(facts);
    return;
  }
  if (kind === "progress") {
    if (!showProgress(facts)) lookAtJobsSoon();
    return;
  }
  // Quick calls are many, and nothing is to be learnt of each by itself.
  if (kind === "calls" || (facts.state === "done" && facts.took_s < QUICK_S)) {
    noteQuick(kind === "calls" ? "other quick calls" : facts.what, facts.count ?? 1);
    lookedAt_ms = -Infinity;
    return;
  }
  writeEvent(kind, facts);
  if (kind === "state") {
    if (FINAL.includes(facts.state)) {
      announceEnd(facts.job, facts.what, facts.state);
      noteEnd(facts.job, facts.what, facts.state, facts.message);
      lookedAt_ms = -Infinity;
    }
    lookAtJobsSoon();
  }
  if (kind === "kernel") {
    restart();
    lookedAt_ms = -Infinity;
    lookAtJobsSoon();
  }
  // Spikes may be among what was missed; they are told again.
  if (kind === "dropped" && chosenRecorder() !== null) {
    restart();
    stream.watch(chosenRecorder());
  }
}

function lookAtJobsSoon() {
  stale = true;
  timer ??= setTimeout(lookAtJobs, JOBS_PAUSE_MS);
}
