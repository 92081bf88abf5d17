import type { Blueprint } from "../blueprint/types.js";
import type { RunSeries } from "../metrics/series.js";
import type { Case } from "../scenario/types.js";
import type { CaptureResult, CaseResult, ProgramResult, Results } from "../verdict/types.js";

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
  /** Packet captures whose files are there, by absolute path; absent when there are none. */
  captures?: CaptureResult[];
  /** The scenario's own programs, files by absolute path; absent when there were none. */
  programs?: ProgramResult[];
  /** null when the run's folder lost it. */
  blueprint: Blueprint | null;
  /** `environment.json`, shown as it is: nested objects of scalars and lists. */
  environment: object | null;
  /** null when the run left no samples. */
  series: RunSeries | null;
}

export type { LatencySeries, QueueSeries, RunSeries, ThroughputSeries } from "../metrics/series.js";
