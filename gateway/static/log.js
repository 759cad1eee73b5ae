// What happens, line by line: the newest at the end, and no more lines than anybody reads.

import { clock, made, shortened } from "./formats.js";

const KEPT = 1000;
const LINE_CHARACTERS = 2000;

const box = document.getElementById("log-box");
const lines = document.getElementById("log");
const none = document.getElementById("log-none");

/** Lines that are to be shown with the next picture. */
let coming = [];
let drawing = null;
/** The job whose output has not come to the end of its line, and that line. */
let unfinished = null;

const WRITTEN = {
  state: (facts) => {
    const message = facts.message ? `: ${facts.message}` : "";
    return [facts.state, `${facts.what} ${shortened(facts.job)} ${facts.state}${message}`];
  },
  log: (facts) => [facts.level, `${facts.source}: ${facts.text}`],
  kernel: (facts) => ["warning", `new kernel ${facts.generation}; the network is lost`],
  dropped: (facts) => [
    "warning",
    facts.count ? `${facts.count} events were missed here` : "the server's gateway was restarted",
  ],
};

/** Add what an event says. */
export function writeEvent(kind, facts) {
  if (kind === "output") writeOutput(facts);
  else if (kind in WRITTEN) write(...WRITTEN[kind](facts));
}

/** Forget all lines. */
export function clearLog() {
  coming = [];
  unfinished = null;
  lines.replaceChildren();
  none.hidden = false;
}

/** A script's output comes in pieces, which may end within a line. */
function writeOutput({ job, text }) {
  const parts = text.split("\n");
  if (unfinished !== null && unfinished.job === job) {
    const more = parts.shift();
    const room = LINE_CHARACTERS - unfinished.line.lastChild.textContent.length;
    unfinished.line.lastChild.append(more.slice(0, Math.max(0, room)));
    if (parts.length === 0) return;
  }
  const last = parts.pop();
  for (const part of parts.slice(-KEPT)) write("output", part);
  unfinished = last === "" ? null : { job, line: write("output", last) };
}

function write(kind, text) {
  const line = made("li", "line");
  line.dataset.kind = kind;
  const cut = text.length > LINE_CHARACTERS ? `${text.slice(0, LINE_CHARACTERS)} …` : text;
  line.append(made("time", "", clock(new Date())), made("span", "", cut));
  coming.push(line);
  unfinished = null;
  drawing ??= requestAnimationFrame(draw);
  return line;
}

/** Show the new lines. Who reads the end stays there, who reads something else stays at that. */
function draw() {
  drawing = null;
  if (coming.length === 0) return;
  const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 8;
  none.hidden = true;
  lines.append(...coming.slice(-KEPT));
  coming = [];
  if (lines.children.length > KEPT) {
    const before_px = lines.offsetHeight;
    while (lines.children.length > KEPT) lines.firstElementChild.remove();
    box.scrollTop -= before_px - lines.offsetHeight;
  }
  if (atEnd) box.scrollTop = box.scrollHeight;
}
