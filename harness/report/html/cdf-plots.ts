import { sorted } from "../../stats/index.js";
import type { CaseReport } from "../types.js";
import { PALETTE_SIZE, type Plot, type PlotSeries, round } from "./plot.js";

const GRID_POINTS = 400;
/** What a share of probes means below; the phase that carries the verdicts. */
const LOADED = "loaded";
const IDLE = "idle";

/** Round-trip times in seconds, ascending, of all clients and all runs of a case in the phases of that name. */
export function pooledRtt(report: CaseReport, phase: string): Float64Array {
  const pooled: number[] = [];
  for (const { series } of report.runs) {
    for (const span of series?.phases.filter((p) => p.name === phase) ?? []) {
      for (const { time, rtt } of series?.latency ?? []) {
        rtt.forEach((value, i) => {
          const at = time[i] as number;
          if (value !== null && at >= span.start && at < span.end) pooled.push(value);
        });
      }
    }
  }
  return sorted(pooled);
}

/** The share of `ascending` that is at most `value`. */
function cumulative(ascending: Float64Array, value: number): number {
  let [low, high] = [0, ascending.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ascending[middle] as number) <= value) low = middle + 1;
    else high = middle;
  }
  return low / ascending.length;
}

interface Distribution {
  label: string;
  color: number;
  dashed: boolean;
  samples: Float64Array;
}

/** Evaluated on one grid for all, evenly spaced in the logarithm: alike on both kinds of axis. */
function cdfPlot(title: string, summary: string, all: Distribution[], group: string): Plot | null {
  const some = all.filter((one) => one.samples.length > 0);
  if (some.length === 0) return null;
  const low = Math.max(1e-6, Math.min(...some.map((one) => one.samples[0] as number)) * 0.98);
  const high = Math.max(
    low * 1.05,
    Math.max(...some.map((one) => one.samples[one.samples.length - 1] as number)) * 1.02,
  );
  const xs = Array.from({ length: GRID_POINTS }, (_, i) => low * (high / low) ** (i / (GRID_POINTS - 1)));
  const series: PlotSeries[] = some.map(({ label, color, dashed, samples }) => ({
    label,
    color,
    dashed,
    values: xs.map((x) => round(cumulative(samples, x) * 100)),
  }));
  return {
    title,
    summary,
    x: { label: "round-trip time", unit: "ms", values: xs.map((x) => round(x * 1e3)) },
    y: { label: "probes at most this slow", unit: "%" },
    switchable: { axis: "x", log: high > low * 4 },
    series,
    phases: [],
    losses: [],
    mirrored: false,
    group,
  };
}

/** Idle against loaded, of one case. */
export function caseCdf(report: CaseReport, group: string): Plot | null {
  const summary =
    "Share of answered probes that took at most this long, idle and loaded, all clients and runs together.";
  const distributions = [
    { label: "idle", color: 0, dashed: true, samples: pooledRtt(report, IDLE) },
    { label: "loaded", color: 1, dashed: false, samples: pooledRtt(report, LOADED) },
  ];
  return cdfPlot("Latency distribution", summary, distributions, group);
}

/** Loaded latency of several cases over each other. */
export function comparisonCdf(cases: { name: string; report: CaseReport }[]): Plot | null {
  const summary = "Share of answered probes that took at most this long while loaded, one line per case.";
  const distributions = cases.map(({ name, report }, i) => ({
    label: name,
    color: i % PALETTE_SIZE,
    dashed: i >= PALETTE_SIZE,
    samples: pooledRtt(report, LOADED),
  }));
  return cdfPlot("Loaded latency, case by case", summary, distributions, "comparison");
}
