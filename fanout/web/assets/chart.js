// What all charts of the live page share: a figure, a plot, the state they show, and the text beside it.

import { Figure } from "./figure.js";
import { seconds } from "./numbers.js";
import { createPlot } from "./plot.js";
import { emptySeries, times } from "./series.js";
import { plainTable } from "./tables.js";

export const TABLE_BUCKETS = 20;

/**
 * A subclass calls `plotted` when it is ready for it, and has `take(state)`, which prepares what follows, `keys()` for
 * the legend, `data()` for uPlot, `sentence(bucket)` for the bucket under the pointer or null, and `table()`.
 * A state is {series, heat, run, isGoing, isWhole}: whether the run goes on, and whether all Locust workers are shown.
 */
export class Chart {
  #plot;
  #state = { series: emptySeries(), heat: emptySeries(), run: null, isGoing: true, isWhole: true };

  constructor({ id, title, wide }) {
    this.title = title;
    this.figure = new Figure({ id, title, wide, makeTable: () => this.table() });
    this.root = this.figure.root;
  }

  plotted(options) {
    const end = () => Math.max(...[this.#state.series, this.#state.heat].map(({ total, width_s: width }) => total * width));
    this.#plot = createPlot(this.figure.drawing, { ...options, end, onCursor: () => this.#say() });
  }

  get plot() {
    return this.#plot;
  }

  get state() {
    return this.#state;
  }

  /** The buckets on the x axis. */
  get buckets() {
    return this.#state.series;
  }

  update(state) {
    this.#state = state;
    this.take(state);
    this.figure.setKeys(this.keys());
    this.#plot.setData([times(this.buckets), ...this.data()]);
    this.#say();
    this.figure.updateTable();
  }

  #say() {
    // The first event comes while the plot is still being made.
    if (this.#plot) {
      this.figure.say(this.sentence(this.#plot.cursor.idx ?? null));
    }
  }

  /** The time of a bucket in words, or that of the last values. */
  when(bucket) {
    const latest = this.#state.isGoing ? "Now" : `In the last ${seconds(this.buckets.width_s)}`;
    return bucket === null ? latest : `At ${seconds(bucket * this.buckets.width_s)}`;
  }

  /** A table of the last buckets, newest first, with a column for each list of values. */
  bucketTable(labels, columns, texts) {
    const { total, width_s: width } = this.buckets;
    const rows = [];
    for (let bucket = total - 1; bucket >= Math.max(0, total - TABLE_BUCKETS); bucket -= 1) {
      rows.push([seconds(bucket * width), ...columns.map((values, place) => texts[place](values[bucket]))]);
    }
    return plainTable(this.title, ["from", ...labels], rows);
  }
}
