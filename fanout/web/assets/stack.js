// The chart of where the time goes: each bucket's phases, one above the other.

import { Chart } from "./chart.js";
import { element } from "./common.js";
import { decimal, ms, tick } from "./numbers.js";
import { fromZero, UNSEEN, valueAxis } from "./plot.js";
import { column, lastKnown } from "./series.js";

const TITLE = "Where the time goes: mean time of a question by phase, ms";
const HEIGHT = 270;

function meanings(phases) {
  const pairs = phases.flatMap(({ name, meaning }) => [element("dt", {}, name), element("dd", {}, meaning)]);
  return element("details", {}, element("summary", {}, "What the phases mean"), element("dl", { class: "meanings" }, ...pairs));
}

function sums(columns, total) {
  return Array.from({ length: total }, (_, bucket) => (columns.every((values) => values[bucket] === null) ? null
    : columns.reduce((sum, values) => sum + (values[bucket] ?? 0), 0)));
}

function drawBar(plot, phases, heights, left, width) {
  let below = 0;
  phases.forEach((phase, place) => {
    const above = below + (heights[place] ?? 0);
    const top = plot.valToPos(above, "y", true);
    plot.ctx.fillStyle = phase.colour;
    plot.ctx.fillRect(left, top, width, plot.valToPos(below, "y", true) - top);
    below = above;
  });
}

/** Bars, not areas: a bucket without an answered question stays empty, and one between two such is still seen. */
function drawBars(plot, phases, columns, { total, width_s: width }) {
  plot.ctx.save();
  for (let bucket = 0; bucket < total; bucket += 1) {
    const left = plot.valToPos(bucket * width, "x", true);
    const room = plot.valToPos((bucket + 1) * width, "x", true) - left;
    drawBar(plot, phases, columns.map((values) => values[bucket]), left, room > 6 ? room - 1 : room);
  }
  plot.ctx.restore();
}

export class PhaseChart extends Chart {
  #phases;
  #used = [];
  #columns = [];

  /** `phases` is a list of {name, colour, meaning}, from the bottom of the stack to its top. */
  constructor(phases) {
    super({ id: "chart-phases", title: TITLE, wide: true });
    this.#phases = phases;
    this.figure.append(meanings(phases));
    this.plotted({
      series: [UNSEEN],
      axes: [valueAxis({ format: tick })],
      scales: { y: fromZero() },
      height: HEIGHT,
      hooks: { draw: [(plot) => drawBars(plot, this.#used, this.#columns, this.buckets)] },
    });
  }

  take({ series }) {
    this.#used = this.#phases.filter(({ name }) => column(series, name).some((value) => value));
    this.#columns = this.#used.map(({ name }) => column(series, name));
  }

  keys() {
    return this.#used.map(({ name, colour }) => ({ label: name, colour }));
  }

  data() {
    return [sums(this.#columns, this.buckets.total)];
  }

  sentence(bucket) {
    const told = bucket ?? lastKnown(this.#columns);
    if (told === null) {
      return "No question has been answered yet.";
    }
    const parts = this.#used.map(({ name }, place) => [name, this.#columns[place][told]]).filter(([, value]) => value);
    const words = parts.sort((a, b) => b[1] - a[1]).map(([name, value]) => `${name} ${ms(value)}`);
    return `${this.when(bucket)}: ${words.join(", ") || "no question was answered"}.`;
  }

  table() {
    return this.bucketTable(this.#used.map(({ name }) => name), this.#columns, this.#used.map(() => decimal));
  }
}
