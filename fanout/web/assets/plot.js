// uPlot as the live page uses it: one x axis in seconds since the start, one cursor for all charts, the page's colours.

import { seconds } from "./numbers.js";

const { uPlot } = globalThis;
export const AXIS_HEIGHT = 28;
const AXIS_WIDTH = 60; // The same in all charts, so that the times are below each other.
const SHORTEST_S = 5; // The x axis of a run that has just begun.
const HEADROOM = 1.15; // Room for the label of a reference line.
const RIGHT_ROOM = 22; // Room for the last time on the x axis.
const COUNTS = Array.from({ length: 21 }, (_, place) => [1, 2, 5][place % 3] * 10 ** Math.floor(place / 3));

/** A series for what a hook draws. */
export const UNSEEN = { paths: () => null, points: { show: false } };

const plots = new Set();

/** The value of one of the page's colours. A canvas can't use the variable itself. */
export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

export function font(pixels = 1) {
  return `${Math.round(12 * pixels)}px system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif`;
}

function axis(more) {
  return {
    stroke: () => colour("--soft"),
    font: font(),
    grid: { stroke: () => colour("--grid"), width: 1 },
    ticks: { show: false },
    ...more,
  };
}

/** A vertical axis. `format` makes the text of a value; a count has no fractions. */
export function valueAxis({ scale = "y", format, isCount = false, isRight = false }) {
  const values = (_, splits) => splits.map((value) => (value === null ? "" : format(value)));
  return axis({ scale, values, size: AXIS_WIDTH, ...(isCount && { incrs: COUNTS }), ...(isRight && { side: 1, grid: { show: false } }) });
}

/** A vertical scale from 0 to the largest value, or to `top()` if that is more. */
export function fromZero(top = () => 0) {
  return { range: (_, low, high) => [0, Math.max(high ?? 0, top()) * HEADROOM || 1] };
}

function cursor() {
  return {
    y: false,
    drag: { x: false, y: false },
    points: { size: 6 },
    sync: { key: "live", setSeries: false, scales: ["x", null] },
  };
}

/**
 * A chart that is as wide as `holder`. `end()` is the end of the x axis in seconds; `onCursor` is called when the
 * pointer moves over any chart.
 */
export function createPlot(holder, { series, axes, scales, end, height, hooks, onCursor }) {
  const options = {
    width: holder.clientWidth || 600,
    height,
    padding: [10, axes.some(({ side }) => side === 1) ? 0 : RIGHT_ROOM, 0, 0],
    legend: { show: false },
    cursor: cursor(),
    scales: { x: { time: false, range: () => [0, Math.max(end(), SHORTEST_S)] }, ...scales },
    axes: [axis({ values: (_, splits) => splits.map(seconds), size: AXIS_HEIGHT, space: 60, grid: { show: false } }), ...axes],
    series: [{}, ...series],
    hooks: { ...hooks, setCursor: [onCursor] },
  };
  const plot = new uPlot(options, [[], ...series.map(() => [])], holder);
  plots.add(plot);
  new ResizeObserver(() => {
    if (holder.clientWidth && holder.clientWidth !== plot.width) {
      plot.setSize({ width: holder.clientWidth, height: plot.height });
    }
  }).observe(holder);
  return plot;
}

document.addEventListener("themechange", () => {
  for (const plot of plots) {
    plot.redraw(false);
  }
});
