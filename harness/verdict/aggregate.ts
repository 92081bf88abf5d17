import { canonicalName } from "../metrics/index.js";
import type { Accounting, Metrics, MetricValue } from "../metrics/types.js";
import type { Case } from "../scenario/types.js";
import { median, sum } from "../stats/index.js";
import type { RunEvidence } from "./evidence.js";

/** Each metric over the runs: the median of their values; counts add up. A run without a value has no say. */
export function aggregate(runs: readonly Metrics[]): Metrics {
  if (runs.length === 1) return runs[0] as Metrics;
  const names = new Set(runs.flatMap((metrics) => Object.keys(metrics)));
  const result: Metrics = {};
  for (const name of names) {
    const values = runs.map((metrics) => metrics[name]).filter((value) => value !== undefined);
    const known = values.map((metric) => metric.value).filter((value) => value !== null);
    const first = values[0] as MetricValue;
    result[name] = { ...first, value: median(known), count: sum(values.map((metric) => metric.count)) };
  }
  return result;
}

/** Statistics that are kept of each client; every one is kept of the total. */
const KEPT = /\.(p50|p90|p95|p99|p99\.9|mean|max)$/;
const STATISTIC = /\.(p\d+(\.\d+)?|mean|min|max)$/;
const KEPT_PHASES = ["loaded", "idle"];

/**
 * Aggregates by group. A client has some hundred metrics and a lab hundreds of clients: of each, the results keep the
 * idle and the loaded phase with the statistics that people compare, and whatever an expectation of the case names.
 * `mqoe report` derives the rest again at any time.
 */
export function aggregateGroups(which: Case, runs: readonly RunEvidence[]): Record<string, Metrics> {
  const named = new Set(which.expectations.map((expectation) => canonicalName(expectation.metric)));
  const dropped = Object.keys(which.phases).filter((phase) => !KEPT_PHASES.includes(phase));
  const keep = (name: string): boolean =>
    named.has(name) || (!dropped.includes(name.split(".")[1] ?? "") && (KEPT.test(name) || !STATISTIC.test(name)));
  // The same names come up in every group, and there are hundreds of groups.
  const decided = new Map<string, boolean>();
  const keepOnce = (name: string): boolean => {
    const known = decided.get(name) ?? keep(name);
    decided.set(name, known);
    return known;
  };
  const groups = new Set(runs.flatMap((run) => Object.keys(run.metrics.by)));
  const result: Record<string, Metrics> = {};
  for (const group of groups) {
    const parts = runs.map((run) => pick(run.metrics.by[group] ?? {}, keepOnce));
    result[group] = aggregate(parts);
  }
  return result;
}

function pick(metrics: Metrics, keep: (name: string) => boolean): Metrics {
  return Object.fromEntries(Object.entries(metrics).filter(([name]) => keep(name)));
}

/** Frames of all runs together. What one run could not account for is known of none of them. */
export function addAccounting(runs: readonly RunEvidence[]): Accounting {
  const parts = runs.map((run) => run.metrics.accounting);
  const known = parts.filter((part) => part !== null);
  const total = (value: (part: Accounting) => number): number => sum(known.map(value));
  const unaccounted = known.map((part) => part.unaccounted).filter((value) => value !== null);
  return {
    in: total((a) => a.in),
    duplicated: total((a) => a.duplicated),
    out: total((a) => a.out),
    dropped: {
      aqm: total((a) => a.dropped.aqm),
      overflow: total((a) => a.dropped.overflow),
      path: total((a) => a.dropped.path),
      rig: total((a) => a.dropped.rig),
    },
    held: total((a) => a.held),
    unaccounted: parts.length > 0 && unaccounted.length === parts.length ? sum(unaccounted) : null,
  };
}
