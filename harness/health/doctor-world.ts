import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Blueprint } from "../blueprint/types.js";
import { readRun } from "../recording/run-folder.js";
import { hermeticWorld } from "../world/hermetic.js";
import { askVersion, explainMissing, memoryFolder, searchGuestKernel } from "../world/kernel/index.js";
import type { RecordHooks } from "../world/record.js";
import type { World } from "../world/world.js";
import type { Finding } from "./doctor.js";

/** The preconditions of the hermetic world. None of them is one of the live world's, and none needs a privilege. */

/** Bytes of memory file that a guest of a few clients takes (harness/world/hermetic.ts). */
const USUAL_MEMORY = 2 ** 30;
/** A guest's own trial takes seconds; nobody waits longer for a verdict on a machine. */
const TRIAL_LIMITS = { boot: 60_000, still: 30_000 };

/** What can be seen without booting a guest; `ok` in all means that a trial makes sense. */
export function inspectGuest(): Finding[] {
  return [guestKernel(), guestMemory()];
}

function guestKernel(): Finding {
  const name = "guest kernel";
  try {
    const { kernel, looked } = searchGuestKernel();
    if (kernel === null) return { name, verdict: "warn", found: "none", advice: explainMissing(looked) };
    return { name, verdict: "ok", found: `Linux ${askVersion(kernel.path)}, ${kernel.path}`, advice: "" };
  } catch (error) {
    // From another machine's cache, with a newer C library: the build sees that, too.
    return { name, verdict: "warn", found: (error as Error).message.trim(), advice: "mqoe world build" };
  }
}

function guestMemory(): Finding {
  const name = "guest memory";
  const chosen = memoryFolder(USUAL_MEMORY);
  if ("problem" in chosen) return { name, verdict: "warn", found: "no folder for its file", advice: chosen.problem };
  return { name, verdict: "ok", found: `${chosen.folder} can hold its file`, advice: "" };
}

/**
 * Boots a guest and records the trial's lab in it, probes and TCP on virtual time: what a hermetic run needs is tried by
 * doing it. A world of the caller's may stand in (tests).
 */
export async function tryGuest(
  blueprint: Blueprint,
  signal: AbortSignal,
  open: () => World = () => hermeticWorld(TRIAL_LIMITS),
): Promise<Finding> {
  const name = "guest trial run";
  const folder = mkdtempSync(join(tmpdir(), "mqoe-doctor-"));
  const begin = performance.now();
  try {
    const recorded = await open().record({ blueprint, folder, command: "mqoe doctor" }, SILENT, signal);
    if (recorded.reason !== "complete") return broken(name, recorded.error);
    const { sent, back } = countProbes(folder);
    const seconds = ((performance.now() - begin) / 1000).toFixed(1);
    const found = `${back} of ${sent} probes came back; booted, run and gone within ${seconds} s`;
    return back > sent * 0.9 && back > 0 ? { name, verdict: "ok", found, advice: "" } : broken(name, found);
  } catch (error) {
    return broken(name, (error as Error).message);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const SILENT: RecordHooks = { building() {}, phase() {}, rates() {}, note() {} };

function broken(name: string, found: string): Finding {
  const advice = "see the message; mqoe world build --force makes the guest kernel anew";
  return { name, verdict: "warn", found, advice };
}

function countProbes(folder: string): { sent: number; back: number } {
  const { client_received: received } = readRun(folder).tables.probe.columns as Record<string, Float64Array>;
  const all = [...(received ?? [])];
  return { sent: all.length, back: all.filter((at) => at !== 0).length };
}
