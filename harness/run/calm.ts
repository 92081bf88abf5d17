import { setTimeout as sleep } from "node:timers/promises";
import { readMachineCounters } from "../world/counters.js";

/** ms: how long a look at the machine takes, and how long a quiet moment is waited for. */
const LOOK = 1000;
const PATIENCE = 20_000;
/** Part of all CPUs' time that others may use: a run needs the rest. */
const QUIET = 0.25;

/**
 * Waits until neighbours leave the machine alone: a run that they spoiled, begun again at once, is spoiled again. Returns
 * after one second in which they used at most a quarter of it, after 20 s all the same, or when aborted.
 */
export async function calmMachine(signal: AbortSignal): Promise<void> {
  for (let waited = 0; waited < PATIENCE && !signal.aborted; waited += LOOK) {
    const before = readMachineCounters().cpu;
    await sleep(LOOK, undefined, { signal }).catch(() => undefined);
    const after = readMachineCounters().cpu;
    if (after.busy - before.busy <= QUIET * (after.total - before.total)) return;
  }
}
