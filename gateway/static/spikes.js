// What a recorder has recorded: the newest points, in memory of a fixed size.

/** Points that are kept. */
export const KEPT = 200_000;

/** What recorders of spikes record, beside what is recorded of each. */
const OF_SPIKES = ["times", "senders", "offsets", "weights", "targets", "receptors", "ports"];
const NO_COLUMNS = ["recorder", "after_ms", "skipped"];

/** The points of one recorder: times, and for each its sender, or a value that was recorded. */
export class Points {
  // Twice the room, so that points are moved once for each KEPT that come.
  #x = new Float64Array(2 * KEPT);
  #y = new Float64Array(2 * KEPT);
  #start = 0;
  #end = 0;

  constructor() {
    this.clear();
  }

  /** Forget all. */
  clear() {
    this.#start = this.#end = 0;
    /** Points that came and are not kept, or did not even come. */
    this.leftOut = 0;
    this.senders = new Set();
    /** Name of what was recorded; null for spikes. */
    this.quantity = null;
    this.inSteps = false;
  }

  get count() {
    return this.#end - this.#start;
  }

  get x() {
    return this.#x.subarray(this.#start, this.#end);
  }

  get y() {
    return this.#y.subarray(this.#start, this.#end);
  }

  /** Add what an event tells, in which times never fall. */
  add(facts) {
    const { times, senders } = facts;
    this.quantity =
      Object.keys(facts).find((name) => ![...OF_SPIKES, ...NO_COLUMNS].includes(name)) ?? null;
    this.inSteps = facts.offsets !== undefined;
    const values = this.quantity === null ? senders : facts[this.quantity];
    this.leftOut += facts.skipped;
    // After an interruption some may come twice.
    const last = this.count ? this.#x[this.#end - 1] : -Infinity;
    const first = times.findIndex((time) => time > last);
    if (first < 0) return;
    for (let index = first; index < times.length; index += 1) {
      if (this.#end === this.#x.length) this.#move();
      this.#x[this.#end] = times[index];
      // JSON has no NaN.
      this.#y[this.#end] = values[index] ?? NaN;
      this.#end += 1;
      this.senders.add(senders[index]);
    }
    this.#leaveOut();
  }

  /** Let go of the oldest that are too many. */
  #leaveOut() {
    const over = Math.max(0, this.count - KEPT);
    this.leftOut += over;
    this.#start += over;
  }

  /** Move what is kept to the beginning, where the room at the end is used up. */
  #move() {
    this.#leaveOut();
    for (const array of [this.#x, this.#y]) array.copyWithin(0, this.#start, this.#end);
    this.#end -= this.#start;
    this.#start = 0;
  }
}
