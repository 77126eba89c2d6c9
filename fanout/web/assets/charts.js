// The charts of the live page, in their order.

import { AgentChart } from "./heat.js";
import { LineChart } from "./lines.js";
import { count, decimal, ms, percent, tick } from "./numbers.js";
import { PhaseChart } from "./stack.js";

const CPU = "cpu";

function line(name, label, format, more = {}) {
  return { name, label, format, colour: "--first", dash: "solid", ...more };
}

const SECOND = { colour: "--second", dash: "dashed" };

/** The three that decide how many connections are kept, for all coordinators together. */
function connectionReferences(run) {
  const { max_connections: most, max_keepalive_connections: kept } = run.limits;
  const limit = (value, words) => {
    const all = value * run.clients;
    return value && run.clients ? [{ value: all, label: `${words} ${all}` }] : [];
  };
  const agents = run.users === 1 ? "agents" : "agents × coordinators";
  const needed = { value: run.agents * run.users, label: `${agents} ${run.agents * run.users}` };
  return [...limit(kept, "kept alive"), needed, ...limit(most, "at most")];
}

const LINES = [
  {
    id: "chart-connections",
    title: "Connections",
    lines: [line("open", "open", count), line("in_pool", "in the pool", count, SECOND)],
    axes: [{ format: tick, isCount: true }],
    references: connectionReferences,
  },
  {
    id: "chart-reuse",
    title: "Connections opened and reused in a second",
    lines: [line("reused", "reused", decimal, { isRate: true }), line("opened", "opened", decimal, { ...SECOND, isRate: true })],
    axes: [{ format: tick }],
  },
  {
    id: "chart-in-flight",
    title: "Questions in flight",
    lines: [line("in_flight", "in flight", count)],
    axes: [{ format: tick, isCount: true }],
  },
  {
    id: "chart-ended",
    title: "Questions that ended in a second",
    lines: [line("questions", "all", decimal, { isRate: true }), line("failed", "failed", decimal, { ...SECOND, isRate: true })],
    axes: [{ format: tick }],
  },
  {
    id: "chart-arrivals",
    title: "Questions due and started in a second",
    lines: [line("started", "started", decimal, { isRate: true }), line("due", "due", decimal, { ...SECOND, isRate: true })],
    axes: [{ format: tick }],
    isShown: (run) => run.has_arrivals,
  },
  {
    id: "chart-load",
    title: "Event-loop lag (ms, left) and CPU of the coordinators (right)",
    lines: [line("lag_ms", "lag", ms, SECOND), line("cpu_share", "CPU", percent, { scale: CPU })],
    axes: [{ format: tick }, { scale: CPU, format: percent, isRight: true }],
  },
  {
    id: "chart-threads",
    title: "Name lookups that wait, and busy executor threads",
    lines: [line("threads_busy", "busy threads", count), line("lookups_waiting", "waiting lookups", count, SECOND)],
    axes: [{ format: tick, isCount: true }],
    references: ({ threads }) => (threads === null ? [] : [{ value: threads, label: `threads ${threads}` }]),
  },
];

/** Puts all charts into `place`. Returns a function that shows a new state, which chart.js describes. */
export function createCharts(place, phases) {
  const lines = LINES.map((description) => new LineChart(description));
  const charts = [new PhaseChart(phases), ...lines.slice(0, 2), new AgentChart(), ...lines.slice(2)];
  place.append(...charts.map(({ root }) => root));
  return (state) => {
    for (const chart of charts) {
      chart.update(state);
    }
  };
}
