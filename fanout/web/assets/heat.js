// The heat strip: the mean adapter latency of each agent, or group of agents, over time.

import { Chart, TABLE_BUCKETS } from "./chart.js";
import { colourScale } from "./colours.js";
import { ms } from "./numbers.js";
import { AXIS_HEIGHT, colour, UNSEEN, valueAxis } from "./plot.js";
import { plainTable } from "./tables.js";

const LOWEST_ROW = 8;
const HIGHEST_ROW = 20;
const USUAL_HEIGHT = 320;
const LABEL_ROOM = 16;

function drawCells(plot, { cells, groups, width_s: width }, colourOf) {
  const { ctx, bbox } = plot;
  const nothing = colour("--line");
  const x = (bucket) => Math.round(plot.valToPos(bucket * width, "x", true));
  const y = (group) => Math.round(bbox.top + (bbox.height * group) / groups.length);
  ctx.save();
  cells.forEach((bucket, place) => {
    groups.forEach((_, group) => {
      const value = bucket?.[group] ?? null;
      ctx.fillStyle = value === null ? nothing : colourOf(value);
      ctx.fillRect(x(place), y(group), x(place + 1) - x(place), y(group + 1) - y(group));
    });
  });
  ctx.restore();
}

/** Each agent's mean over the last buckets, slowest first. */
function ranking({ cells, groups }) {
  const recent = cells.slice(-TABLE_BUCKETS);
  const means = groups.map((group, place) => {
    const known = recent.map((bucket) => bucket?.[place] ?? null).filter((value) => value !== null);
    return [group, known.length ? known.reduce((sum, value) => sum + value, 0) / known.length : null];
  });
  return means.sort((a, b) => (b[1] ?? -1) - (a[1] ?? -1));
}

function heightFor(rows) {
  const row = Math.min(HIGHEST_ROW, Math.max(LOWEST_ROW, USUAL_HEIGHT / Math.max(rows, 1)));
  return Math.round(row * Math.max(rows, 1)) + AXIS_HEIGHT + 10;
}

/** The rows that have room for their label. */
function labelled(plot, groups) {
  const step = Math.max(1, Math.ceil(LABEL_ROOM / (plot.over.clientHeight / groups.length)));
  return groups.map((_, place) => place + 0.5).filter((_, place) => place % step === 0);
}

export class AgentChart extends Chart {
  #scale = colourScale([]);

  constructor() {
    super({ id: "chart-agents", title: "Adapter latency by agent, ms", wide: true });
    const format = (value) => this.buckets.groups[Math.floor(value)] ?? "";
    this.plotted({
      series: [UNSEEN],
      axes: [{ ...valueAxis({ format }), splits: (plot) => labelled(plot, this.buckets.groups), grid: { show: false } }],
      scales: { y: { dir: -1, range: () => [0, Math.max(this.buckets.groups.length, 1)] } },
      height: heightFor(0),
      hooks: { draw: [(plot) => drawCells(plot, this.buckets, this.#scale.colourOf)] },
    });
  }

  get buckets() {
    return this.state.heat;
  }

  take({ heat }) {
    this.#scale = colourScale(heat.cells.flat().filter((value) => value !== null));
    const height = heightFor(heat.groups.length);
    if (height !== this.plot.height) {
      this.plot.setSize({ width: this.plot.width, height });
    }
  }

  keys() {
    return [...this.#scale.keys, { label: "no answer", colour: "var(--line)" }];
  }

  data() {
    return [this.buckets.cells.map(() => null)];
  }

  /** The cell under the pointer, or the slowest agents: the pointer may be over another chart. */
  sentence(bucket) {
    const { cells, groups } = this.buckets;
    const { cursor, over } = this.plot;
    const group = groups[Math.floor((cursor.top / over.clientHeight) * groups.length)];
    if (bucket !== null && group !== undefined && over.matches(":hover")) {
      const value = cells[bucket]?.[groups.indexOf(group)] ?? null;
      return `${this.when(bucket)}: agent ${group} ${value === null ? "answered nothing" : `took ${ms(value)} on average`}.`;
    }
    const slowest = ranking(this.buckets).filter(([, mean]) => mean !== null).slice(0, 3);
    const words = slowest.map(([name, mean]) => `agent ${name} with ${ms(mean)}`).join(", ");
    return words ? `${this.when(null)}: the slowest are ${words}.` : "No question has been answered yet.";
  }

  table() {
    const rows = ranking(this.buckets).map(([group, mean]) => [group, ms(mean)]);
    return plainTable(`${this.title}, slowest first`, ["agent", `mean of the last ${TABLE_BUCKETS} values`], rows);
  }
}
