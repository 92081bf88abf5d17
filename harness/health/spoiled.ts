import type { Run } from "../recording/index.js";
import { judgeHealth } from "./judge.js";
import { LIMITS } from "./limits.js";

/**
 * Checks that only the machine and its neighbours can spoil. Everything else may be a defect of what is tested (frames
 * lost, unaccounted, unrecorded, a reactor that spends too much CPU): making such a run again would hide it.
 */
const OF_THE_MACHINE: ReadonlySet<string> = new Set([
  LIMITS.machineCpu.name,
  LIMITS.steal.name,
  LIMITS.lateProbes.name,
  LIMITS.lateness.name,
  LIMITS.probeLateness.name,
  LIMITS.streamsSkipped.name,
  LIMITS.clockStep.name,
  LIMITS.softnetDrops.name,
  LIMITS.stalls.name,
  // A reactor that takes frames in late shows in its CPU time, which is none of these.
  LIMITS.detours.name,
]);

/** Why the machine, and nothing but the machine, made this run no evidence; null when it may not be made again. */
export function spoiledByMachine(run: Run): string | null {
  const invalid = judgeHealth(run).checks.filter((check) => check.verdict === "invalid");
  if (invalid.length === 0 || !invalid.every((check) => OF_THE_MACHINE.has(check.name))) return null;
  return invalid.map((check) => check.reason).join(" ");
}
