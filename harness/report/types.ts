import type { Blueprint } from "../blueprint/types.js";
import type { Case } from "../scenario/types.js";
import type { CaseResult, Results } from "../verdict/types.js";

/** Everything a report is made from; reports read no file, clock or environment of their own. */
export interface ReportInput {
  results: Results;
  cases: CaseReport[];
  /** When the run was made, as the reader should see it: ISO 8601. */
  generatedAt: string;
  /** The command line, as it would be typed again. */
  command: string;
  /** mqoe's version. */
  version: string;
}

export interface CaseReport {
  result: CaseResult;
  case: Case | null;
  /** In the order of `result.runs`; a run of which nothing was stored may be missing. */
  runs: RunReport[];
}

export interface RunReport {
  repeat: number;
  /** null when the run's folder lost it. */
  blueprint: Blueprint | null;
  /** `environment.json`, shown as it is: nested objects of scalars and lists. */
  environment: object | null;
  /** null when the run left no samples. */
  series: RunSeries | null;
}

/** What is plotted over time. Times are seconds from t0, latencies seconds, rates bit/s. */
export interface RunSeries {
  phases: PhaseSpan[];
  latency: LatencySeries[];
  throughput: ThroughputSeries[];
  queue: QueueSeries[];
}

export interface PhaseSpan {
  name: string;
  start: number;
  end: number;
}

/** One value per probe packet, at the time it was due; null = lost. */
export interface LatencySeries {
  client: string;
  traffic: string;
  time: number[];
  rtt: (number | null)[];
}

/** Goodput of all of a client's flows in bins; `time` is a bin's end. */
export interface ThroughputSeries {
  client: string;
  time: number[];
  down: number[];
  up: number[];
}

/** One direction of a client's bottleneck queue. Counts are per interval, not cumulative. */
export interface QueueSeries {
  client: string;
  direction: "down" | "up";
  time: number[];
  sojournP50: number[];
  sojournP99: number[];
  sojournMax: number[];
  backlogPackets: number[];
  drops: number[];
  marks: number[];
}
