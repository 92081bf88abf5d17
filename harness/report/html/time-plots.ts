import type { LatencySeries, QueueSeries, RunSeries } from "../../metrics/series.js";
import { percentileOfSorted, sorted } from "../../stats/index.js";
import { bucketTimes, envelope, envelopeTimes, marksOf, type Plot, type PlotSeries, resample, round } from "./plot.js";

/** What a run's plots may hold, so that the page keeps its size whatever was recorded. */
export interface PlotBudget {
  /** Values per plot, all series together. */
  values: number;
}

/** More lines than this cannot be told apart; beyond, clients are joined. */
export const MAX_LINES = 6;
const MAX_BUCKETS = 2000;
/** Ticks on the x axis for lost probes. */
const MAX_LOSSES = 300;

interface Span {
  start: number;
  end: number;
}

export interface PlotContext {
  /** Distinguishes the cursors of several runs on one page. */
  group: string;
  /** Table of the scenario that a client came from: `home` for `home-17`. */
  groupOf: (client: string) => string;
  budget: PlotBudget;
}

/** The plots over time of one run, in the order of the page; those without data are left out. */
export function timePlots(series: RunSeries, context: PlotContext): Plot[] {
  const span = spanOf(series);
  if (span.end <= span.start) return [];
  const plots = [
    latencyPlot(series, span, context),
    throughputPlot(series, span, context),
    queuePlot(series, "down", span, context),
    queuePlot(series, "up", span, context),
    dropPlot(series, span, context),
  ];
  return plots.filter((plot) => plot !== null);
}

function spanOf(series: RunSeries): Span {
  const times = [...series.latency, ...series.throughput, ...series.queue].flatMap((s) => s.time.slice(-1));
  const ends = [...series.phases.map((phase) => phase.end), ...(series.phases.length > 0 ? [] : times)];
  return { start: Math.min(0, ...series.phases.map((phase) => phase.start)), end: Math.max(0, ...ends) };
}

const toMs = (seconds: number | null) => (seconds === null ? null : round(seconds * 1e3));
const clientCount = (series: readonly { client: string }[]) => new Set(series.map((s) => s.client)).size;

// ---- latency -------------------------------------------------------------------------------------------------------

function latencyPlot(series: RunSeries, span: Span, context: PlotContext): Plot | null {
  const all = series.latency.filter((s) => s.time.length > 0);
  if (all.length === 0) return null;
  const joined = all.length > MAX_LINES;
  const lines = joined ? 4 : all.length;
  const buckets = bucketsFor(Math.max(...all.map((s) => s.time.length)), 2, lines, context.budget);
  const drawn = joined ? joinedLatency(all, span, buckets) : latencyLines(all, span, buckets);
  const x = joined ? bucketTimes(span.start, span.end, buckets) : envelopeTimes(span.start, span.end, buckets);
  return {
    title: "Latency",
    summary: joined
      ? `Round-trip times of ${all.length} probes from ${clientCount(all)} clients together, and of the worst one.`
      : "Round-trip time of every probe packet; ticks on the time axis are lost ones.",
    x: { label: "time", unit: "s", values: x },
    y: { label: "round-trip time", unit: "ms" },
    switchable: { axis: "y", log: isWide(drawn) },
    series: drawn,
    phases: series.phases,
    marks: marksOf(series.changes),
    losses: lossTicks(all),
    mirrored: false,
    group: context.group,
  };
}

/** As many buckets as there are points to fill them with and as the budget allows. */
function bucketsFor(points: number, perBucket: number, lines: number, budget: PlotBudget): number {
  const affordable = Math.floor(budget.values / (perBucket * lines));
  return Math.max(1, Math.min(MAX_BUCKETS, Math.floor(points / perBucket), affordable));
}

/** Spans more than a decade: a linear axis would press the small values onto the floor. */
function isWide(series: readonly PlotSeries[]): boolean {
  let [low, high] = [Number.POSITIVE_INFINITY, 0];
  for (const { values } of series) {
    for (const value of values) {
      if (value === null || value <= 0) continue;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  }
  return high > low * 10;
}

function latencyLines(all: LatencySeries[], span: Span, buckets: number): PlotSeries[] {
  const several = new Set(all.map((s) => s.traffic)).size > 1;
  return all.map((s, i) => ({
    label: several ? `${s.client} · ${s.traffic}` : s.client,
    color: i,
    values: envelope(s.time, s.rtt, span.start, span.end, buckets).map(toMs),
  }));
}

/** Many clients: how the middle, the tail and the worst of all samples move. */
function joinedLatency(all: LatencySeries[], span: Span, buckets: number): PlotSeries[] {
  const samples: number[][] = Array.from({ length: buckets }, () => []);
  for (const { time, rtt } of all) {
    rtt.forEach((value, i) => {
      const share = ((time[i] as number) - span.start) / (span.end - span.start);
      if (value !== null && share >= 0 && share <= 1) {
        samples[Math.min(buckets - 1, Math.floor(share * buckets))]?.push(value);
      }
    });
  }
  const ascending = samples.map(sorted);
  const quantile = (p: number) => ascending.map((values) => toMs(percentileOfSorted(values, p)));
  const worst = worstOf(all);
  const own = worst.rtt.map((value) => value ?? Number.NaN);
  const answered = own.map((value, i) => (Number.isNaN(value) ? -1 : i)).filter((i) => i >= 0);
  const times = answered.map((i) => worst.time[i] as number);
  const values = answered.map((i) => own[i] as number);
  return [
    { label: "p50 of all", color: 0, values: quantile(50) },
    { label: "p99 of all", color: 1, values: quantile(99) },
    { label: "max of all", color: 3, values: quantile(100), dashed: true },
    {
      label: `max of ${worst.client}`,
      color: 2,
      values: resample(times, values, span.start, span.end, buckets, "max").map(toMs),
    },
  ];
}

function worstOf(all: LatencySeries[]): LatencySeries {
  const p99 = (s: LatencySeries) => percentileOfSorted(sorted(s.rtt.filter((v) => v !== null)), 99) ?? Number.MAX_VALUE;
  return all.map((series) => ({ series, p99: p99(series) })).reduce((worst, one) => (one.p99 > worst.p99 ? one : worst))
    .series;
}

function lossTicks(all: LatencySeries[]): number[] {
  const lost = all.flatMap((s) => s.time.filter((_, i) => s.rtt[i] === null)).sort((a, b) => a - b);
  const step = Math.max(1, Math.ceil(lost.length / MAX_LOSSES));
  return lost.filter((_, i) => i % step === 0).map(round);
}

// ---- intervals -----------------------------------------------------------------------------------------------------

/** 10 Hz series stand at the end of their interval; half an interval back they are in the middle of it. */
function grid(series: readonly { time: number[] }[], span: Span, lines: number, budget: PlotBudget) {
  const times = series.reduce((longest, s) => (s.time.length > longest.length ? s.time : longest), [] as number[]);
  const steps = sorted(times.slice(1).map((time, i) => time - (times[i] as number)));
  const interval = percentileOfSorted(steps, 50) || span.end - span.start;
  const points = Math.max(1, Math.round((span.end - span.start) / interval));
  const buckets = bucketsFor(points, 1, lines, budget);
  return { buckets, centred: (time: number[]) => time.map((t) => t - interval / 2) };
}

interface Stack {
  label: string;
  color: number;
  values: number[];
}

/** Areas on top of each other: each carries the sum up to itself. `sign` −1 puts them below zero. */
function stacked(stacks: Stack[], sign: 1 | -1, offset: number): PlotSeries[] {
  let below: number[] | null = null;
  return stacks.map(({ label, color, values }, i) => {
    const base: number[] | null = below;
    const total = values.map((value, k) => value + (base?.[k] ?? 0));
    below = total;
    const stackOn = i === 0 ? -1 : offset + i - 1;
    return { label, color, stackOn, pale: sign < 0, values: total.map((v) => round(v * sign)) };
  });
}

function throughputPlot(series: RunSeries, span: Span, context: PlotContext): Plot | null {
  const all = series.throughput;
  if (all.length === 0) return null;
  const parts = throughputParts(all, context);
  const { buckets, centred } = grid(all, span, parts.length * 2, context.budget);
  const sumOf = (members: RunSeries["throughput"], direction: "down" | "up") => {
    const sum = new Array<number>(buckets).fill(0);
    for (const s of members) {
      resample(centred(s.time), s[direction], span.start, span.end, buckets, "mean").forEach((value, b) => {
        sum[b] = (sum[b] as number) + (value ?? 0) / 1e6;
      });
    }
    return sum;
  };
  const stacks = (direction: "down" | "up", arrow: string): Stack[] =>
    parts
      .map(({ label, members }, i) => ({ label: `${label} ${arrow}`, color: i, values: sumOf(members, direction) }))
      .filter(({ values }) => values.some((value) => value > 0));
  const down = stacked(stacks("down", "↓"), 1, 0);
  return {
    title: "Throughput",
    summary: "Goodput, stacked: download above the line, upload below it.",
    x: { label: "time", unit: "s", values: bucketTimes(span.start, span.end, buckets) },
    y: { label: "goodput", unit: "Mbit/s" },
    switchable: null,
    series: [...down, ...stacked(stacks("up", "↑"), -1, down.length)],
    phases: series.phases,
    marks: marksOf(series.changes),
    losses: [],
    mirrored: true,
    group: context.group,
  };
}

/** A part per client; for many, one per group of the scenario; for many groups, the largest and the rest. */
function throughputParts(all: RunSeries["throughput"], context: PlotContext) {
  const keyOf = all.length <= MAX_LINES ? (client: string) => client : context.groupOf;
  const groups = new Map<string, RunSeries["throughput"]>();
  for (const s of all) groups.set(keyOf(s.client), [...(groups.get(keyOf(s.client)) ?? []), s]);
  const parts = [...groups].map(([label, members]) => ({
    label: members.length > 1 ? `${label} × ${members.length}` : (members[0]?.client ?? label),
    members,
  }));
  if (parts.length <= MAX_LINES) return parts;
  const volume = (members: RunSeries["throughput"]) =>
    members.reduce((sum, s) => sum + s.down.reduce((a, b) => a + b, 0) + s.up.reduce((a, b) => a + b, 0), 0);
  parts.sort((a, b) => volume(b.members) - volume(a.members));
  const rest = parts.slice(MAX_LINES - 1).flatMap((part) => part.members);
  return [...parts.slice(0, MAX_LINES - 1), { label: `${rest.length} others`, members: rest }];
}

function queuePlot(series: RunSeries, direction: "down" | "up", span: Span, context: PlotContext): Plot | null {
  const all = series.queue.filter((s) => s.direction === direction && s.sojournMax.some((value) => value > 0));
  if (all.length === 0) return null;
  const { buckets, centred } = grid(all, span, 3, context.budget);
  const over = (pick: (s: QueueSeries) => number[], p: number) => {
    const own = all.map((s) => resample(centred(s.time), pick(s), span.start, span.end, buckets, "max"));
    return Array.from({ length: buckets }, (_, b) =>
      toMs(percentileOfSorted(sorted(own.map((values) => values[b] ?? null).filter((v) => v !== null)), p)),
    );
  };
  const many = all.length > 1;
  const lines: PlotSeries[] = [
    { label: many ? "p50, median client" : "p50", color: 0, values: over((s) => s.sojournP50, 50) },
    { label: many ? "p99, worst client" : "p99", color: 1, values: over((s) => s.sojournP99, 100) },
    { label: many ? "max, worst client" : "max", color: 3, values: over((s) => s.sojournMax, 100), dashed: true },
  ];
  const name = direction === "down" ? "download" : "upload";
  return {
    title: `Queue sojourn, ${name}`,
    half: true,
    summary: `Time that packets waited in the ${name} queue${many ? `s of ${all.length} clients` : ""}, per interval.`,
    x: { label: "time", unit: "s", values: bucketTimes(span.start, span.end, buckets) },
    y: { label: "sojourn", unit: "ms" },
    switchable: { axis: "y", log: false },
    series: lines,
    phases: series.phases,
    marks: marksOf(series.changes),
    losses: [],
    mirrored: false,
    group: context.group,
  };
}

function dropPlot(series: RunSeries, span: Span, context: PlotContext): Plot | null {
  const all = series.queue;
  if (!all.some((s) => [...s.drops, ...s.marks].some((value) => value > 0))) return null;
  const { buckets, centred } = grid(all, span, 4, context.budget);
  const perBucket = (direction: "down" | "up", pick: (s: QueueSeries) => number[]) => {
    const sum = new Array<number>(buckets).fill(0);
    for (const s of all.filter((one) => one.direction === direction)) {
      resample(centred(s.time), pick(s), span.start, span.end, buckets, "sum").forEach((value, b) => {
        sum[b] = (sum[b] as number) + (value ?? 0);
      });
    }
    return sum;
  };
  const stacks = (direction: "down" | "up", arrow: string): Stack[] =>
    [
      { label: `drops ${arrow}`, color: 1, values: perBucket(direction, (s) => s.drops) },
      { label: `CE marks ${arrow}`, color: 4, values: perBucket(direction, (s) => s.marks) },
    ].filter(({ values }) => values.some((value) => value > 0));
  const down = stacked(stacks("down", "↓"), 1, 0);
  const width = round(((span.end - span.start) / buckets) * 1000);
  return {
    title: "Drops and marks",
    summary: `Packets dropped by the queue and marked CE per ${width} ms: download above the line, upload below it.`,
    x: { label: "time", unit: "s", values: bucketTimes(span.start, span.end, buckets) },
    y: { label: `per ${width} ms`, unit: "packets" },
    switchable: null,
    series: [...down, ...stacked(stacks("up", "↑"), -1, down.length)],
    phases: series.phases,
    marks: marksOf(series.changes),
    losses: [],
    mirrored: true,
    group: context.group,
  };
}
