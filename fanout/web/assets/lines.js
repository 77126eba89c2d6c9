// Charts with lines.

import { Chart } from "./chart.js";
import { colour, fromZero, valueAxis } from "./plot.js";
import { drawReferences, reach } from "./references.js";
import { column, lastKnown } from "./series.js";

const HEIGHT = 190;
const SHORTEST_TIME_S = 0.2; // A rate over less would be chance.
const DASHES = { solid: [], dashed: [9, 5] };

/** The last bucket is not full: its rate is unknown while the run goes on, and then one of a shorter time. */
function valuesOf(line, { series, run, isGoing }) {
  const found = column(series, line.name);
  if (!line.isRate) {
    return found;
  }
  const last = series.total - 1;
  const lastTime = isGoing ? 0 : Math.min(series.width_s, run.elapsed_s - last * series.width_s);
  return found.map((value, bucket) => {
    const time = bucket < last ? series.width_s : lastTime;
    return value === null || time < SHORTEST_TIME_S ? null : value / time;
  });
}

/** A value between unknown ones has no line, so only such values get a point. */
function alone(plot, number) {
  const list = plot.data[number];
  const isKnown = (place) => (list[place] ?? null) !== null;
  return list.flatMap((_, place) => (isKnown(place) && !isKnown(place - 1) && !isKnown(place + 1) ? [place] : []));
}

function seriesOf({ label, colour: name, dash, scale = "y" }) {
  const stroke = () => colour(name);
  return { label, stroke, width: 2, dash: DASHES[dash], scale, points: { show: true, size: 6, fill: stroke, filter: alone } };
}

/**
 * A description is {id, title, lines: [{name, label, colour, dash, format, scale?, isRate?}], axes,
 * references?: (run) => [{value, label}], isShown?: (run) => boolean}. A rate is counted in buckets and shown per second.
 */
export class LineChart extends Chart {
  #description;
  #values;
  #references = [];

  constructor(description) {
    super(description);
    this.#description = description;
    this.#values = description.lines.map(() => []);
    const scales = description.axes.map(({ scale = "y" }) => [scale, fromZero(scale === "y" ? () => this.#top() : undefined)]);
    this.plotted({
      series: description.lines.map(seriesOf),
      axes: description.axes.map(valueAxis),
      scales: Object.fromEntries(scales),
      height: HEIGHT,
      hooks: { draw: [(plot) => drawReferences(plot, this.#references)] },
    });
  }

  #top() {
    return reach(this.#references, this.#values.flat().reduce((most, value) => Math.max(most, value ?? 0), 0));
  }

  take(state) {
    const { run, isWhole } = state;
    const { lines, references, isShown } = this.#description;
    this.#values = lines.map((line) => valuesOf(line, state));
    // The limits and threads are those of all coordinators, so they say nothing about one worker's.
    this.#references = (isWhole && references?.(run)) || [];
    this.root.hidden = isShown ? !isShown(run) : false;
  }

  keys() {
    return this.#description.lines.map(({ label, colour: name, dash }) => ({ label, colour: `var(${name})`, dash }));
  }

  data() {
    return this.#values;
  }

  sentence(bucket) {
    const told = bucket ?? lastKnown(this.#values);
    if (told === null) {
      return "No values yet.";
    }
    const parts = this.#description.lines.map(({ label, format }, place) => `${label} ${format(this.#values[place][told])}`);
    return `${this.when(bucket)}: ${parts.join(", ")}.`;
  }

  table() {
    const { lines } = this.#description;
    return this.bucketTable(lines.map(({ label }) => label), this.#values, lines.map(({ format }) => format));
  }
}
