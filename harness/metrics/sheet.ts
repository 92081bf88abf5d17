import { mean, percentileOfSorted, sorted } from "../stats/index.js";
import { PERCENTILES } from "./names.js";
import type { Metrics, MetricUnit, MetricValue, RunMetrics } from "./types.js";

/** `total`, or a key of RunMetrics.by: `client/home-1`, `site/tower`, `flow/3`. */
export type Group = "total" | `client/${string}` | `site/${string}` | `flow/${number}`;

type Layer = NonNullable<MetricValue["layer"]>;

/** Collects the metrics of a run, group by group. */
export class Sheet {
  private readonly total: Metrics = {};
  private readonly by: Record<string, Metrics> = {};

  /**
   * Stores a derived value, rounded to 12 significant digits: beyond what is measured, and the same for every order of
   * summing. What is not finite is no data.
   */
  put(group: Group, name: string, value: number | null, unit: MetricUnit, count: number, layer?: Layer): void {
    const known = value !== null && Number.isFinite(value) ? rounded(value) : null;
    this.metrics(group)[name] = { value: known, unit, count, ...(layer ? { layer } : {}) };
  }

  /** Every standard statistic of `samples`, as `<name>.p50` and so on; null values when there are none. */
  distribution(group: Group, name: string, samples: ArrayLike<number>, unit: MetricUnit): void {
    const ascending = sorted(samples);
    const metrics = this.metrics(group);
    const count = ascending.length;
    // Percentiles are samples, not sums: nothing to round, and there are hundreds of thousands in a large lab.
    for (const p of PERCENTILES) metrics[`${name}.p${p}`] = { value: percentileOfSorted(ascending, p), unit, count };
    metrics[`${name}.min`] = { value: percentileOfSorted(ascending, 0), unit, count };
    metrics[`${name}.max`] = { value: percentileOfSorted(ascending, 100), unit, count };
    this.put(group, `${name}.mean`, mean(ascending), unit, count);
  }

  get(group: Group, name: string): MetricValue | undefined {
    return this.metrics(group)[name];
  }

  metricsOfRun(): RunMetrics {
    return { total: this.total, by: this.by };
  }

  private metrics(group: Group): Metrics {
    if (group === "total") return this.total;
    this.by[group] ??= {};
    return this.by[group];
  }
}

/** Whole numbers, most of what there is, have nothing to round, and text on the way costs. */
function rounded(value: number): number {
  return Number.isInteger(value) && Math.abs(value) < 1e12 ? value : Number(value.toPrecision(12));
}

/** Joins arrays of samples into one. */
export function pool(parts: readonly Float64Array[]): Float64Array {
  const pooled = new Float64Array(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) {
    pooled.set(part, at);
    at += part.length;
  }
  return pooled;
}

/** Members by every key that each of them belongs to, in order of appearance. (Map.groupBy is younger than Node 20.) */
export function groupBy<T, K>(members: Iterable<T>, keysOf: (member: T) => readonly K[]): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const member of members) {
    for (const key of keysOf(member)) {
      const list = groups.get(key);
      if (list === undefined) groups.set(key, [member]);
      else list.push(member);
    }
  }
  return groups;
}
