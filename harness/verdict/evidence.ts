import type { Blueprint } from "../blueprint/types.js";
import type { DerivedMetrics } from "../metrics/index.js";
import type { Case } from "../scenario/types.js";
import type { RigHealth } from "./types.js";

/** How a run ended, as its last `done` event tells it. */
export interface Ending {
  /** `complete`, `interrupted`, `error` … */
  reason: string;
  /** In the harness's own words; empty when there is nothing to say. */
  error: string;
  /** Did it get as far as a lab with everything in it? */
  started: boolean;
}

/** One run of a case as its folder tells it. */
export interface RunEvidence {
  repeat: number;
  seed: number;
  /** Wall time of the run, lab included, seconds. */
  wall_s: number;
  /** null when the run ended before it was decided. */
  blueprint: Blueprint | null;
  metrics: DerivedMetrics;
  health: RigHealth;
  /** null when nobody wrote it down: the harness was killed, or its disk was full. */
  ending: Ending | null;
}

/** A case with all its runs. */
export interface CaseEvidence {
  case: Case;
  runs: readonly RunEvidence[];
}

/** What the kernel lacks of what was to be compared, when no run found it; null when any run got further, or none is. */
export function lackingOf(runs: readonly RunEvidence[]): string | null {
  const all = runs.length > 0 && runs.every((run) => run.ending?.reason === "unsupported");
  return all ? (runs[0]?.ending?.error ?? "") : null;
}
