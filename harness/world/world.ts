import type { Recorded, RecordHooks, RecordRequest } from "./record.js";

export type WorldName = "live" | "hermetic";

/**
 * Where a lab can be built and a blueprint become a recording. Everything before (scenario, blueprint) and after
 * (metrics, verdicts, reports) is the same in every world and stays outside.
 */
export interface World {
  readonly name: WorldName;
  /** CPUs that the lab's threads may be placed on; the blueprint needs to know. */
  readonly cores: number;
  /** May several runs be recorded at once without disturbing each other's numbers? */
  readonly concurrent: boolean;
  /** A lab's name when the user gives none. */
  labName(): string;
  /**
   * Blueprint → Recording. Whatever happens, the lab is gone afterwards and the samples so far are in the folder.
   * Throws only when nothing could be started.
   */
  record(request: RecordRequest, hooks: RecordHooks, signal: AbortSignal): Promise<Recorded>;
}
