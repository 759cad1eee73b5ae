// What happens on the server, as it happens: one stream of server-sent events for a page.
//
// EventSource can't show the token in a header, so the stream is read by fetch.

import { send, Unauthorized } from "./server.js";

const RETRY_MS = 2000;
// The server says something every ten seconds, if only that it is there.
const SILENCE_MS = 30_000;

/** The events in the text of a stream, as it comes: objects with `id`, `event` and `data`. */
export async function* parsed(body, heard = () => {}) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  let searched = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    heard();
    text += value;
    for (;;) {
      const end = text.indexOf("\n\n", searched);
      if (end < 0) break;
      const event = fields(text.slice(0, end));
      text = text.slice(end + 2);
      searched = 0;
      if (event.event !== undefined) yield event;
    }
    // Events with many spikes come in many pieces.
    searched = Math.max(0, text.length - 1);
  }
}

function fields(block) {
  const found = {};
  for (const line of block.split("\n")) {
    const at = line.indexOf(": ");
    if (at > 0) found[line.slice(0, at)] = line.slice(at + 2);
  }
  return found;
}

/**
 * Events of the server, given to `take(kind, facts)`, while the stream is open and somebody looks.
 *
 * What was missed meanwhile comes afterwards, as far as the server has it.
 */
export class Stream {
  #take;
  #recorder = null;
  #opened = false;
  #reading = null;
  #epoch = null;
  #number = 0;

  constructor(take) {
    this.#take = take;
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.#stop();
      else if (this.#opened) this.#start(true);
    });
  }

  /** Read from now on, if it does not already. */
  open() {
    if (this.#opened) return;
    this.#opened = true;
    if (!document.hidden) this.#start(true);
  }

  /** Read no more, and forget what was read. */
  close() {
    this.#opened = false;
    this.#recorder = null;
    this.#epoch = null;
    this.#stop();
  }

  /** Have the spikes of `recorder`, from the first on, among the events; of none with null. */
  watch(recorder) {
    this.#recorder = recorder;
    if (this.#opened && !document.hidden) this.#start(false);
  }

  #stop() {
    this.#reading?.abort();
    this.#reading = null;
  }

  #start(continues) {
    const before = this.#reading;
    this.#reading = new AbortController();
    this.#read(this.#reading.signal, before, continues);
  }

  /** Read until `signal` says otherwise; in place of `before`, which ends when this has begun. */
  async #read(signal, before, continues) {
    signal.addEventListener("abort", () => before?.abort());
    const query = this.#recorder === null ? "" : `?recorder=${this.#recorder}`;
    while (!signal.aborted) {
      const headers = { Accept: "text/event-stream" };
      if (continues && this.#epoch !== null) {
        headers["Last-Event-ID"] = `${this.#epoch}-${this.#number}`;
      }
      const silence = new AbortController();
      const either = AbortSignal.any([signal, silence.signal]);
      let timer = setTimeout(() => silence.abort(), SILENCE_MS);
      const heard = () => {
        clearTimeout(timer);
        timer = setTimeout(() => silence.abort(), SILENCE_MS);
      };
      try {
        const reply = await send(`events${query}`, { headers, signal: either });
        before?.abort();
        before = null;
        if (reply.ok) {
          continues = true;
          for await (const event of parsed(reply.body, heard)) {
            if (signal.aborted) break;
            this.#pass(event);
          }
        }
      } catch (error) {
        // Whoever asks for the token opens it again.
        if (error instanceof Unauthorized) {
          this.#opened = false;
          return;
        }
      } finally {
        clearTimeout(timer);
      }
      if (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }

  #pass(event) {
    const [epoch, number] = event.id.split("-");
    // Two streams overlap when one takes the other's place. Of a recorder only the new one tells,
    // perhaps from before what the other has told of the rest.
    const isOld = epoch === this.#epoch && Number(number) <= this.#number;
    if (isOld && event.event !== "spikes") return;
    this.#number = isOld ? this.#number : Number(number);
    this.#epoch = epoch;
    this.#take(event.event, JSON.parse(event.data));
  }
}
