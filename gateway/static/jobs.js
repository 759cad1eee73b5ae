// What runs, what waits, and what has ended; and the buttons that end it.

import { clock, made, number, setText, shortened } from "./formats.js";
import { showNoRun, showRun } from "./running.js";
import { ask } from "./server.js";
import { hold, isHeld, say } from "./showing.js";

const SHOWN_WAITING = 50;
const SHOWN_ENDED = 12;
const FINAL = ["done", "failed", "cancelled"];

const waitingTitle = document.getElementById("waiting-title");
const waitingFact = document.getElementById("waiting-fact");
const waitingCount = document.getElementById("waiting-count");
const waitingRows = document.getElementById("waiting");
const endedRows = document.getElementById("ended");

/** Of those who wait: their row, by their names. */
const rows = new Map();
/** Those that have ended: what is known of each, by its name; the newest last. */
const ended = new Map();
let going = false;

/** Whether something runs or waits, as far as is known. */
export function isGoingOn() {
  return going;
}

/** Show the server's list of jobs. */
export function showJobs(jobs) {
  const running = jobs.find((job) => job.state === "running");
  const waiting = jobs.filter((job) => job.state === "queued").sort(inTheirOrder);
  going = running !== undefined || waiting.length > 0;
  if (running) showRun(running, cancel);
  else showNoRun();
  showWaiting(waiting);
  setText(waitingFact, number(waiting.length));
  for (const job of jobs) {
    if (FINAL.includes(job.state)) noteEnd(job.id, job.what, job.state, job.message, job.ended);
  }
  showEnded();
}

/** A job has ended. The list of the server has those only whose result is kept. */
export function noteEnd(id, what, state, message = "", at = null) {
  const time = at === null ? (ended.get(id)?.time ?? new Date()) : new Date(at);
  ended.set(id, { id, what, state, message, time });
  const oldest = [...ended.values()].sort((one, other) => one.time - other.time);
  for (const one of oldest.slice(0, -SHOWN_ENDED)) ended.delete(one.id);
}

/** Quick calls have ended well: one row for all of one name. */
export function noteQuick(what, count) {
  const key = `quick: ${what}`;
  const before = ended.get(key)?.count ?? 0;
  noteEnd(key, what, "done");
  Object.assign(ended.get(key), { count: before + count, time: new Date() });
  showEnded();
}

/** Forget all of them. */
export function clearJobs() {
  ended.clear();
  going = false;
  showNoRun(false);
  showWaiting([], false);
  setText(waitingFact, "–");
  showEnded();
}

/** By their place in the queue; those on their way there last. */
function inTheirOrder(one, other) {
  const place = (job) => job.position ?? Infinity;
  if (place(one) !== place(other)) return place(one) - place(other);
  return one.created < other.created ? -1 : 1;
}

function showWaiting(jobs, known = true) {
  setText(
    document.getElementById("waiting-none"),
    known ? "Nothing waits." : "Not known without the token.",
  );
  const shown = jobs.slice(0, SHOWN_WAITING);
  const names = new Set(shown.map((job) => job.id));
  setText(waitingCount, jobs.length ? number(jobs.length) : "");
  for (const [id, row] of rows) {
    if (names.has(id)) continue;
    // What had the focus is gone; the reader stays in this place.
    if (row.contains(document.activeElement)) waitingTitle.focus();
    row.remove();
    rows.delete(id);
  }
  shown.forEach((job, index) => {
    let row = rows.get(job.id);
    if (row === undefined) {
      row = waitingRow(job);
      rows.set(job.id, row);
    }
    if (waitingRows.children[index] !== row) waitingRows.insertBefore(row, waitingRows.children[index]);
  });
  const more = jobs.length - shown.length;
  setText(document.getElementById("waiting-more"), more ? `and ${number(more)} more` : "");
  document.getElementById("waiting-none").hidden = jobs.length > 0;
}

function waitingRow(job) {
  const row = made("li", "job");
  const text = made("div", "job-text");
  const head = made("p", "job-head");
  head.append(made("strong", "", job.what), made("code", "", shortened(job.id)));
  const whose = job.waited_for ? "its caller waits" : "no caller waits";
  text.append(head, made("p", "job-more", `since ${clock(new Date(job.created))}, ${whose}`));
  const button = made("button", "quiet", "Cancel");
  button.type = "button";
  button.append(made("span", "unseen", ` ${job.what} ${shortened(job.id)}`));
  button.addEventListener("click", async () => {
    if (isHeld(button)) return;
    hold(button, true);
    say(await cancel(job.id));
    hold(button, false);
  });
  row.append(text, button);
  return row;
}

function showEnded() {
  const newest = [...ended.values()].sort((one, other) => other.time - one.time);
  document.getElementById("ended-none").hidden = newest.length > 0;
  endedRows.replaceChildren(...newest.map(endedRow));
}

function endedRow(job) {
  const row = made("li", "job");
  const text = made("div", "job-text");
  const head = made("p", "job-head");
  const state = made("span", "final", job.state);
  state.dataset.state = job.state;
  const name = job.count ? `× ${number(job.count)}` : shortened(job.id);
  head.append(made("strong", "", job.what), made("code", "", name), state);
  head.append(made("span", "job-time", clock(job.time)));
  text.append(head);
  if (job.message) text.append(made("p", "job-more", job.message));
  row.append(text);
  return row;
}

/** Cancel a job; gives what came of that, for people. */
async function cancel(id) {
  try {
    const job = await ask(`jobs/${encodeURIComponent(id)}`, { method: "DELETE" });
    if (!FINAL.includes(job.state) && job.message && !job.ending) {
      return (
        "What runs now can't be interrupted: what waits is cancelled after it. " +
        "nest-server restart ends all at once, the network too."
      );
    }
    if (job.message) return job.message;
    return FINAL.includes(job.state) ? `${job.what}: ${job.state}` : `${job.what} is being ended`;
  } catch (error) {
    return `It could not be cancelled: ${error.message}`;
  }
}
