import { canonicalName } from "../metrics/names.js";
import type { Metrics, MetricValue } from "../metrics/types.js";
import type { CaseResult, ExpectationResult } from "../verdict/types.js";
import { isNoFault } from "./format.js";

/**
 * The few numbers of a case that people look for first, picked out of its metrics by their names (DESIGN §9:
 * `<traffic>[.<phase>].<quantity>[.<statistic>]`).
 */
export interface Headline {
  /** Worst grade of the case's probes; undefined when there is none. */
  grade: MetricValue | undefined;
  goodput: { name: string; metric: MetricValue }[];
  latency: LatencyHeadline[];
}

export interface LatencyHeadline {
  traffic: string;
  idleP50: MetricValue | undefined;
  idleP99: MetricValue | undefined;
  loadedP50: MetricValue | undefined;
  loadedP99: MetricValue | undefined;
  inducedP99: MetricValue | undefined;
  loss: MetricValue | undefined;
}

function latencyOf(traffic: string, metrics: Metrics): LatencyHeadline {
  return {
    traffic,
    idleP50: metrics[`${traffic}.idle.rtt.p50`],
    idleP99: metrics[`${traffic}.idle.rtt.p99`],
    loadedP50: metrics[`${traffic}.rtt.p50`],
    loadedP99: metrics[`${traffic}.rtt.p99`],
    inducedP99: metrics[`${traffic}.induced.p99`],
    loss: metrics[`${traffic}.loss`],
  };
}

function worstGrade(metrics: Metrics): MetricValue | undefined {
  const grades = Object.values(metrics).filter((metric) => metric.unit === "grade" && metric.value !== null);
  return grades.sort((a, b) => (a.value ?? 0) - (b.value ?? 0))[0];
}

/** Works on the metrics of a case, of one run or of one client. */
export function headline(metrics: Metrics): Headline {
  const names = Object.keys(metrics);
  const traffics = names.map((name) => /^([^.]+)\.rtt\.p50$/u.exec(name)?.[1]).filter((name) => name !== undefined);
  // TCP has round-trip times too, but none without load; what people compare is the probe's.
  const probes = traffics.filter((traffic) => names.includes(`${traffic}.induced.p99`));
  const goodput = names.filter((name) => /^[^.]+\.goodput(\.(down|up))?$|^[^.]+\.goodput_(down|up)$/u.test(name));
  return {
    grade: worstGrade(metrics),
    goodput: goodput.map((name) => ({ name, metric: metrics[name] as MetricValue })),
    latency: (probes.length > 0 ? probes : traffics).map((traffic) => latencyOf(traffic, metrics)),
  };
}

/** The headline without what has no data at all: a row of dashes tells nobody anything. */
export function knownHeadline(metrics: Metrics): Headline {
  const { grade, goodput, latency } = headline(metrics);
  return { grade, goodput: goodput.filter(({ metric }) => metric.value !== null), latency: latency.filter(hasData) };
}

function hasData({ traffic: _traffic, ...metrics }: LatencyHeadline): boolean {
  return Object.values(metrics).some((metric) => metric !== undefined && metric.value !== null);
}

/** Health checks that did not hold, by run, but for those that the case's reason quotes already. */
export function evidence(result: CaseResult): string[] {
  // What a run lacks that was stopped or never started is no news.
  if (isNoFault(result.reason)) return [];
  const seen = new Set<string>();
  for (const run of result.runs) {
    for (const check of run.health.checks) {
      if (check.verdict === "ok" || (check.reason !== "" && result.reason.includes(check.reason))) continue;
      const where = result.runs.length > 1 ? `run ${run.repeat}: ` : "";
      seen.add(`${where}${check.name} ${check.verdict}: ${check.reason || `${check.value} ${check.unit}`.trim()}`);
    }
  }
  return [...seen];
}

/** The unit of what was measured; a bound may have another (`95% of share` bounds a rate by a ratio). */
export function measuredUnit(result: CaseResult, { metric, bound }: ExpectationResult): string {
  const name = canonicalName(metric);
  const groups = [result.metrics, ...Object.values(result.by)];
  return groups.find((metrics) => metrics[name] !== undefined)?.[name]?.unit ?? bound.unit;
}
