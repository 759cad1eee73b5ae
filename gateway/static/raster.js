// Draws what a recorder has recorded: spikes as a raster, other values as points.

import uPlot from "./vendor/uplot/uPlot.esm.js";

const HEIGHT_PX = 272;
// A neuron's mark in a raster, and a point, in pixels of the page.
const MARK_WIDTH_PX = 1.5;
const MARK_HEIGHT_PX = [1.5, 14];
const POINT_PX = 2;

/** A plot in `place` of `points`, which `draw` looks at anew. */
export class Raster {
  #place;
  #points;
  #window_ms = Infinity;
  #plot = null;
  #watched;
  #scheme = matchMedia("(prefers-color-scheme: dark)");
  #redraw = () => this.#plot?.redraw(false, true);

  constructor(place, points) {
    this.#place = place;
    this.#points = points;
    this.#watched = new ResizeObserver(() => this.#fit());
    this.#watched.observe(place);
    this.#scheme.addEventListener("change", this.#redraw);
  }

  /** Show the last `window_ms` of biological time only. */
  set window_ms(window_ms) {
    this.#window_ms = window_ms;
    if (this.#plot) this.draw();
  }

  /** Show the points as they are now. */
  draw() {
    this.#plot ??= this.#made();
    this.#plot.setData([this.#points.x, this.#points.y]);
  }

  /** Take the plot away. */
  remove() {
    this.#plot?.destroy();
    this.#plot = null;
    this.#place.dataset.drawn = "0";
  }

  #fit() {
    const width = this.#place.clientWidth;
    if (this.#plot && width && width !== this.#plot.width) {
      this.#plot.setSize({ width, height: HEIGHT_PX });
    }
  }

  #made() {
    const axis = {
      stroke: () => colour("--soft"),
      font: "12px system-ui, sans-serif",
      labelFont: "12px system-ui, sans-serif",
      labelSize: 18,
      labelGap: 2,
      grid: { stroke: () => colour("--line"), width: 1 },
      ticks: { stroke: () => colour("--line"), width: 1, size: 4 },
    };
    const options = {
      width: this.#place.clientWidth,
      height: HEIGHT_PX,
      padding: [8, 12, 0, 0],
      legend: { show: false },
      cursor: { show: false },
      scales: {
        x: { time: false, range: () => this.#timeRange() },
        y: { range: (_, low, high) => this.#valueRange(low, high) },
      },
      axes: [
        { ...axis, size: 28, label: () => (this.#points.inSteps ? "Time (steps)" : "Time (ms)") },
        {
          ...axis,
          size: (_, texts) => 14 + 7 * Math.max(1, ...(texts ?? []).map((one) => one.length)),
          label: () => this.#points.quantity ?? "Sender",
          // There is no half of a neuron.
          incrs: this.#points.quantity === null ? WHOLE : undefined,
        },
      ],
      series: [{}, { paths: () => null, points: { show: false } }],
      hooks: { draw: [(plot) => this.#mark(plot)] },
    };
    return new uPlot(options, [[], []], this.#place);
  }

  #timeRange() {
    const { x } = this.#points;
    if (x.length === 0) return [0, 1];
    const last = x[x.length - 1];
    const first = Math.max(x[0], last - this.#window_ms);
    return last > first ? [first, last] : [first - 1, last + 1];
  }

  #valueRange(low, high) {
    if (low == null || high == null) return [0, 1];
    if (this.#points.quantity === null) return [low - 1, high + 1];
    const room = (high - low) / 20 || 1;
    return [low - room, high + room];
  }

  #mark(plot) {
    const { x, y, quantity } = this.#points;
    const { ctx, bbox } = plot;
    const ratio = uPlot.pxRatio;
    const [left_ms, right_ms] = [plot.scales.x.min, plot.scales.x.max];
    const [low, high] = [plot.scales.y.min, plot.scales.y.max];
    const perMs = bbox.width / (right_ms - left_ms);
    const perValue = bbox.height / (high - low);
    const [least, most] = MARK_HEIGHT_PX;
    const width = (quantity === null ? MARK_WIDTH_PX : POINT_PX) * ratio;
    const height =
      quantity === null ? Math.min(most * ratio, Math.max(least * ratio, 0.8 * perValue)) : width;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    ctx.fillStyle = colour("--accent");
    let drawn = 0;
    for (let index = firstFrom(x, left_ms); index < x.length; index += 1) {
      const across = bbox.left + (x[index] - left_ms) * perMs - width / 2;
      const down = bbox.top + (high - y[index]) * perValue - height / 2;
      ctx.fillRect(across, down, width, height);
      drawn += 1;
    }
    ctx.restore();
    this.#place.dataset.drawn = String(drawn);
  }
}

const WHOLE = [1, 2, 5].flatMap((one) => [0, 1, 2, 3, 4, 5, 6, 7, 8].map((n) => one * 10 ** n));
WHOLE.sort((one, other) => one - other);

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** The place of the first of ascending `times` that is no less than `time`. */
function firstFrom(times, time) {
  let [low, high] = [0, times.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] < time) low = middle + 1;
    else high = middle;
  }
  return low;
}
