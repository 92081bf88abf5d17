import type { Blueprint } from "../blueprint/types.js";
import type { DerivedMetrics } from "../metrics/index.js";
import type { Case } from "../scenario/types.js";
import type { RigHealth } from "./types.js";

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
}

/** A case with all its runs. */
export interface CaseEvidence {
  case: Case;
  runs: readonly RunEvidence[];
}
