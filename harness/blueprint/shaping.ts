import type { Case, Plan, Sqm } from "../scenario/types.js";
import { Backlog } from "./backlog.js";
import type { Direction, PathBlueprint, ShaperBlueprint, SqmBlueprint } from "./types.js";

/** One UMEM chunk holds one frame. */
export const FRAME_SIZE = 2048;

const MIN_FRAMES = 4096;
const MAX_FRAMES = 262_144;
/** Frames in the rings of both ports (fill, receive, transmit, completion), never in a queue. */
const RING_FRAMES = 4096;
/** Mean frame for estimates: between full segments and bare ACKs, on the side of more frames. */
const MEAN_FRAME = 512;
/** No queue of a controlled discipline stands longer than this, in seconds, before its control has bitten. */
const LONGEST_QUEUE = 1;
/** What an unshaped client can move between two namespaces of one machine, bit/s (measured: 2.6 × 10^9). */
const UNSHAPED = 4e9;

/** One direction of a plan as the dataplane runs it: `none` does not shape, so its rate is 0. */
export function shaperOf(plan: Plan, direction: "down" | "up"): ShaperBlueprint {
  const { keyword: _, ...framing } = plan.framing;
  const sqm = direction === "down" ? plan.sqmDown : plan.sqmUp;
  const rate = sqm.discipline === "none" ? 0 : plan[direction];
  return { rate, framing, sqm: sqmOf(sqm) };
}

function sqmOf(sqm: Sqm): SqmBlueprint {
  switch (sqm.discipline) {
    case "fq_codel":
    case "codel":
      return { ...sqm, ceThreshold: sqm.ceThreshold ?? -1 };
    case "cake":
      return { ...sqm, memoryLimit: sqm.memoryLimit ?? 0 };
    case "tc":
      return { ...sqm, rate: sqm.rate ?? 0 };
    default:
      return { ...sqm };
  }
}

/** The paths of a case, in order of appearance; an odd nanosecond goes up. */
export function pathsOf({ paths }: Case): PathBlueprint[] {
  return Object.entries(paths).map(([name, { rtt, rate }], id) => {
    const downDelay = Math.floor(rtt / 2);
    return { id, name, downDelay, upDelay: rtt - downDelay, rate: rate ?? 0 };
  });
}

export interface Occupancy {
  down: ShaperBlueprint;
  up: ShaperBlueprint;
  /** Longest emulated round trip between this client and a server, ns. */
  rtt: number;
  /** Directions whose queue UDP streams fill to its limit, whatever controls it (backlog.ts). */
  flooded?: readonly Direction[];
}

/**
 * UMEM frames of one reactor: its rings, and for each client and direction the frames that its queue and its delay
 * lines may hold:
 *
 *   queue = pfifo: limit; fq_codel: min(limit, memory_limit / 2048, 1 s × rate / 512 B unless flooded); none: 0
 *   line  = rate × rtt / 512 B     (rate 0: 4 Gbit/s in full-size frames)
 *
 * and `backlog`, what stands before paths that are slower than their traffic (backlog.ts); rounded up to 1024 and
 * clamped to [4096, 262144] (512 MiB). Running out is counted as a `rig` drop, never silent.
 */
export function framesFor(clients: readonly Occupancy[], backlog = 0): number {
  const held = clients.reduce((sum, { down, up, rtt, flooded = [] }) => {
    return sum + framesOf(down, rtt, flooded.includes("down")) + framesOf(up, rtt, flooded.includes("up"));
  }, 0);
  return clamped(RING_FRAMES + held + backlog);
}

function framesOf({ rate, sqm }: ShaperBlueprint, rtt: number, flooded: boolean): number {
  const perSecond = rate === 0 ? UNSHAPED / (8 * 1514) : rate / (8 * MEAN_FRAME);
  const longest = flooded ? Number.POSITIVE_INFINITY : perSecond * LONGEST_QUEUE;
  return Math.ceil(queueFrames(sqm, longest) + (perSecond * rtt) / 1e9);
}

/**
 * UMEM frames of a path stage: its rings, and what its lines (one for each endpoint with a path) hold:
 *
 *   line = rate × rtt / 512 B     (rate 0: 4 Gbit/s in full-size frames)
 *
 * all of them together at most what the machine moves within the longest rtt or, where a kernel with plans bounds it
 * (`shaped`), what plans and UDP streams fill it with; and the backlog of slow paths. Rounded and clamped as `framesFor`.
 */
export function lineFramesFor(lines: readonly PathBlueprint[], scenario: Case, shaped: boolean): number {
  const machine = UNSHAPED / (8 * 1514);
  const rtt = ({ downDelay, upDelay }: PathBlueprint) => (downDelay + upDelay) / 1e9;
  const held = lines.reduce((sum, line) => {
    return sum + (line.rate === 0 ? machine : line.rate / (8 * MEAN_FRAME)) * rtt(line);
  }, 0);
  const longest = lines.reduce((most, line) => Math.max(most, rtt(line)), 0);
  const bounded = Math.min(held, longest * Math.min(machine, shaped ? offeredFrames(scenario) : machine));
  return clamped(RING_FRAMES + bounded + new Backlog(scenario).frames());
}

function clamped(frames: number): number {
  return Math.min(Math.max(Math.ceil(frames / 1024) * 1024, MIN_FRAMES), MAX_FRAMES);
}

/** Frames/s each way: small ones at the plans' rates, which senders that listen keep to, and what streams send anyway. */
function offeredFrames({ clients, plans, traffic }: Case): number {
  const planned = clients.map((client) => {
    const plan = plans[client.plan];
    if (plan === undefined || isUnbounded(plan.sqmDown) || isUnbounded(plan.sqmUp)) return Number.POSITIVE_INFINITY;
    return (plan.down + plan.up) / (8 * MEAN_FRAME);
  });
  const streams = traffic.map((one) => (one.kind === "udp" ? (one.rate * one.from.length) / (8 * one.size) : 0));
  return [...planned, ...streams].reduce((sum, rate) => sum + rate, 0);
}

/** Does not shape, or not to the plan's rate: `tc` shapes as its arguments say. */
function isUnbounded({ discipline }: Sqm): boolean {
  return discipline === "none" || discipline === "tc";
}

function queueFrames(sqm: SqmBlueprint, longest: number): number {
  if (sqm.discipline === "pfifo") return sqm.limit;
  if (sqm.discipline === "fq_codel") return Math.min(sqm.limit, sqm.memoryLimit / FRAME_SIZE, longest);
  return 0;
}
