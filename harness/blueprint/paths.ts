import { sitesFrom } from "../scenario/ancestry.js";
import { farthest, longestDelay } from "../scenario/path-lines.js";
import type { Case, Client, Path, PathLine } from "../scenario/types.js";
import type { Direction, PathBlueprint } from "./types.js";

/** Emulated distance in the blueprint, and what of it is decided elsewhere: memory, buffers, waiting times. */

const DIRECTIONS: readonly Direction[] = ["down", "up"];
/** Bytes of mahimahi's delivery opportunity. */
const OPPORTUNITY = 1504;
/** As Ethernet's smallest: what a FIFO that counts bytes holds most of. */
const SMALLEST_FRAME = 64;
/** Mean frame for estimates, on the side of more frames (shaping.ts). */
const MEAN_FRAME = 512;

/** The paths of a case, in order of appearance. */
export function pathsOf({ paths }: Case): PathBlueprint[] {
  return Object.entries(paths).map(([name, { down, up }], id) => ({ id, name, down, up }));
}

/** The longest that a packet and its answer take on a path whose queues are empty, ns. */
export function roundTrip({ down, up }: Path): number {
  return longestWait(down) + longestWait(up);
}

function longestWait(line: PathLine): number {
  return longestDelay(line) + slotSpan(line);
}

/** The longest time between two slots, ns. */
function slotSpan({ slot }: PathLine): number {
  if (slot === null) return 0;
  return "max" in slot ? slot.max : slot.delay + Math.ceil(slot.jitter * farthest(slot.distribution));
}

/** Does a path do anything to frames, in some direction? */
export function acts(path: Path): boolean {
  return DIRECTIONS.some((direction) => !isPlain(path[direction]));
}

function isPlain(line: PathLine): boolean {
  const nothing = [line.delay, line.jitter, line.rate, line.duplicate.probability, line.corrupt.probability];
  return line.up && nothing.every((one) => one === 0) && line.loss.model === "none" && !line.slot && !line.trace;
}

/** Can frames wait on it for others, so that its delay is not all that they need? */
export function queues({ rate, slot, trace }: PathLine): boolean {
  const steps = trace?.format === "steps" ? trace.steps : [];
  return rate > 0 || slot !== null || trace?.format === "mahimahi" || steps.some((step) => (step.rate ?? 0) > 0);
}

/** What passes a line at its slowest, on average over a trace's round, bit/s; null: whatever comes. */
export function slowestRate({ rate, slot, trace }: PathLine): number | null {
  const steps = trace?.format === "steps" ? trace.steps : [];
  const rates = [rate, ...steps.map((step) => step.rate ?? 0), slotRate(slot)];
  if (trace?.format === "mahimahi") {
    const period = (trace.opportunities.at(-1) ?? 1) / 1e3;
    rates.push((trace.opportunities.length * OPPORTUNITY * 8) / period);
  }
  const limits = rates.filter((one) => one > 0);
  return limits.length > 0 ? Math.min(...limits) : null;
}

function slotRate(slot: PathLine["slot"]): number {
  if (slot === null) return 0;
  const apart = Math.max("max" in slot ? (slot.min + slot.max) / 2 : slot.delay, 1) / 1e9;
  const bytes = Math.min(
    slot.bytes > 0 ? slot.bytes : Number.POSITIVE_INFINITY,
    slot.packets > 0 ? slot.packets * MEAN_FRAME : Number.POSITIVE_INFINITY,
  );
  return Number.isFinite(bytes) ? (bytes * 8) / apart : 0;
}

/** Frames that the FIFO before a line holds at most. */
export function bufferFrames({ limitPackets, limitBytes }: PathLine): number {
  const packets = limitPackets > 0 ? limitPackets : Number.POSITIVE_INFINITY;
  return Math.min(packets, limitBytes > 0 ? limitBytes / SMALLEST_FRAME : Number.POSITIVE_INFINITY);
}

/** The names of the paths between a client and the core, its own first. */
export function pathsBelow({ sites }: Case, { path, site }: Pick<Client, "path" | "site">): string[] {
  const above = sitesFrom(site ?? undefined, (name) => sites[name]?.parent);
  return [path, ...above.map((name) => sites[name]?.path)].filter((name) => typeof name === "string");
}
