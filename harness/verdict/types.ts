import type { Accounting, Metrics } from "../metrics/types.js";
import type { Expectation } from "../scenario/types.js";

export type Verdict = "pass" | "fail" | "no-data" | "invalid" | "inconclusive" | "skipped" | "expected-fail";

/** The file that `--json` writes and `mqoe schema results` describes (DESIGN §9). */
export interface Results {
  schema: "mqoe-results/1";
  verdict: Verdict;
  cases: CaseResult[];
}

export interface CaseResult {
  id: string;
  scenario: string;
  title: string;
  matrix: Record<string, string>;
  world: "live" | "hermetic";
  dataplane: string;
  verdict: Verdict;
  /** Why, when the verdict does not come from an expectation (invalid, skipped …); else empty. */
  reason: string;
  wall_s: number;
  /** The scenario's own clock over the same runs, seconds: where time is virtual, `wall_s` is another. Absent when live or not complete. */
  clock_s?: number | undefined;
  accounting: Accounting;
  /** Aggregate over the runs: the median of the runs' values; counts add up. */
  metrics: Metrics;
  by: Record<string, Metrics>;
  expectations: ExpectationResult[];
  runs: RunResult[];
}

export interface ExpectationResult {
  metric: string;
  bound: Expectation["bound"];
  gate: Expectation["gate"];
  per: Expectation["per"];
  for: number;
  outcome: Expectation["outcome"];
  value: number | null;
  /** Always the worst client (or flow), also when it passes; null when per = total. */
  worst: { client: string; value: number | null; limit: number | null } | null;
  verdict: Verdict;
  reason: string;
  file: string;
  line: number;
}

export interface RunResult {
  repeat: number;
  seed: number;
  verdict: Verdict;
  wall_s: number;
  metrics: Metrics;
  health: RigHealth;
  /** Packet captures that were kept; absent when there are none. */
  captures?: CaptureResult[] | undefined;
  /** The scenario's own programs, as they ended; absent when there were none. */
  programs?: ProgramResult[] | undefined;
}

export interface ProgramResult {
  /** `speed.home-1`, `speed.web.server` */
  name: string;
  /** null: nobody saw its end. */
  exit: number | null;
  /** It still ran when its time, or the run, was over. */
  over: boolean;
  wall_s: number | null;
  stdout: ProgramOutput;
  stderr: ProgramOutput;
  /** Why it could not be run. */
  error?: string | undefined;
}

export interface ProgramOutput {
  /** Below the folder of the whole run. */
  file: string;
  /** Printed, and kept of that. */
  bytes: number;
  kept: number;
}

export interface CaptureResult {
  name: string;
  /** pcapng, below the folder of the whole run. */
  file: string;
  packets: number;
  /** Older ones that fell out of the ring; packets that the kernel dropped before they were captured. */
  older: number;
  lost: number;
}

/** Evidence about the machine, not the product (harness/health fills it). */
export interface RigHealth {
  verdict: "ok" | "invalid";
  checks: HealthCheck[];
}

export interface HealthCheck {
  name: string;
  verdict: "ok" | "warn" | "invalid";
  value: number;
  limit: number;
  unit: string;
  reason: string;
}
