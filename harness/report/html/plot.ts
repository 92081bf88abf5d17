/**
 * A plot as data: drawn twice from the same numbers, as static SVG (no scripting, print) and by uPlot. All series
 * share one x axis.
 */
export interface Plot {
  title: string;
  /** What it shows, in a sentence: the text alternative. */
  summary: string;
  x: { label: string; unit: Unit; values: number[] };
  y: { label: string; unit: Unit };
  /** The axis that can be switched between linear and logarithmic, and how it starts; null = always linear. */
  switchable: { axis: "x" | "y"; log: boolean } | null;
  series: PlotSeries[];
  phases: { name: string; start: number; end: number; loaded: boolean }[];
  /** What was changed while the run went on, in order of time. */
  marks?: Mark[];
  /** x positions of lost probes, drawn as ticks on the x axis. */
  losses: number[];
  /** Upload is drawn below zero; labels are positive on both sides. */
  mirrored: boolean;
  /** One of two plots that are read together. */
  half?: boolean;
  /** Plots of one group share their cursor. */
  group: string;
}

/** A change on the time axis: a line with a number, which the list of changes explains (changes.ts). */
export interface Mark {
  at: number;
  /** One for each text, from 1. */
  number: number;
  text: string;
}

/** More lines than these would hide what they are there to explain. */
const MAX_MARKS = 100;

/** Changes as marks, those of one text under one number; of very many only the first ones. */
export function marksOf(changes: readonly { at: number; text: string }[]): Mark[] {
  const numbers = new Map<string, number>();
  return changes.slice(0, MAX_MARKS).map(({ at, text }) => {
    const number = numbers.get(text) ?? numbers.size + 1;
    numbers.set(text, number);
    return { at: round(at), number, text };
  });
}

/** Which of the marks' numbers can be written beside each other when each takes `width`: of those too near, the first. */
export function labelledMarks(positions: readonly number[], width: number): boolean[] {
  let free = Number.NEGATIVE_INFINITY;
  return positions.map((at) => {
    if (at < free) return false;
    free = at + width;
    return true;
  });
}

export type Unit = "s" | "ms" | "Mbit/s" | "%" | "packets" | "";

export interface PlotSeries {
  label: string;
  /** Index into the palette (css: --c0 … --c7). */
  color: number;
  values: (number | null)[];
  /** Area down to this series of the plot, or to zero (−1); absent: a line. */
  stackOn?: number;
  /** Areas of the other direction are paler. */
  pale?: boolean;
  dashed?: boolean;
}

export const PALETTE_SIZE = 8;

/** Values with three decimals are finer than a pixel and than the clocks behind them, and keep the page small. */
export function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}

/** Bucket number of each sample on [start, end), or −1 outside. */
function bucketOf(time: number, start: number, end: number, buckets: number): number {
  if (time < start || time > end) return -1;
  return Math.min(buckets - 1, Math.floor(((time - start) / (end - start)) * buckets));
}

/**
 * Min/max downsampling onto a grid that is the same for every series of a plot: no peak is lost, whatever the number
 * of samples. Two values per bucket, in the order in which they came; buckets without a sample are null.
 */
export function envelope(
  time: readonly number[],
  values: readonly (number | null)[],
  start: number,
  end: number,
  buckets: number,
): (number | null)[] {
  const low = new Int32Array(buckets).fill(-1);
  const high = new Int32Array(buckets).fill(-1);
  const at = (i: number) => values[i] as number;
  for (let i = 0; i < time.length; i++) {
    const bucket = bucketOf(time[i] as number, start, end, buckets);
    if (bucket < 0 || values[i] === null || values[i] === undefined) continue;
    const [lowest, highest] = [low[bucket] as number, high[bucket] as number];
    if (lowest < 0 || at(i) < at(lowest)) low[bucket] = i;
    if (highest < 0 || at(i) > at(highest)) high[bucket] = i;
  }
  return Array.from({ length: buckets * 2 }, (_, k) => {
    const pair = [low[k >> 1] as number, high[k >> 1] as number].sort((a, b) => a - b);
    const i = pair[k & 1] as number;
    return i < 0 ? null : at(i);
  });
}

/** The x positions that belong to `envelope`: a quarter and three quarters into each bucket. */
export function envelopeTimes(start: number, end: number, buckets: number): number[] {
  const width = (end - start) / buckets;
  return Array.from({ length: buckets * 2 }, (_, i) =>
    round(start + (Math.floor(i / 2) + (i % 2 ? 0.75 : 0.25)) * width),
  );
}

/** How to join the values that fall into one bucket. */
export type Join = "mean" | "max" | "sum";

/** One value per bucket, for series that are values of an interval already (rates, counters, 10 Hz quantiles). */
export function resample(
  time: readonly number[],
  values: readonly number[],
  start: number,
  end: number,
  buckets: number,
  join: Join,
): (number | null)[] {
  const sum = new Array<number>(buckets).fill(0);
  const max = new Array<number>(buckets).fill(Number.NEGATIVE_INFINITY);
  const count = new Array<number>(buckets).fill(0);
  for (let i = 0; i < time.length; i++) {
    const bucket = bucketOf(time[i] as number, start, end, buckets);
    if (bucket < 0) continue;
    const value = values[i] as number;
    sum[bucket] = (sum[bucket] as number) + value;
    max[bucket] = Math.max(max[bucket] as number, value);
    count[bucket] = (count[bucket] as number) + 1;
  }
  return count.map((n, b) => {
    if (n === 0) return null;
    if (join === "max") return max[b] as number;
    return join === "sum" ? (sum[b] as number) : (sum[b] as number) / n;
  });
}

export function bucketTimes(start: number, end: number, buckets: number): number[] {
  const width = (end - start) / buckets;
  return Array.from({ length: buckets }, (_, i) => round(start + (i + 0.5) * width));
}
