import type { Case, Plan, Sqm } from "../scenario/types.js";
import { Backlog } from "./backlog.js";
import { roundTrip, slowestRate } from "./paths.js";
import type { DataplaneClientBlueprint, Direction, PathBlueprint, ShaperBlueprint, SqmBlueprint } from "./types.js";

/** One UMEM chunk holds one frame. */
export const FRAME_SIZE = 2048;

const ETHERNET_HEADER = 14;
const MIN_FRAMES = 4096;
const MAX_FRAMES = 262_144;
/** Frames in the rings of both ports (fill, receive, transmit, completion), never in a queue. */
const RING_FRAMES = 4096;
/** Mean frame for estimates: between full segments and bare ACKs, on the side of more frames. */
const MEAN_FRAME = 512;
/** Ethernet's smallest, without FCS rounded up: what a queue that counts bytes holds most of. */
const SMALLEST_FRAME = 64;
/** CAKE's packet limit, which caps its memory limit. */
const CAKE_PACKETS = 10_240;
/** No queue of a controlled discipline stands longer than this, in seconds, before its control has bitten. */
const LONGEST_QUEUE = 1;
/** What an unshaped client can move between two namespaces of one machine, bit/s (measured: 2.6 × 10^9). */
const UNSHAPED = 4e9;

/**
 * One direction of a plan as the dataplane runs it: `none` does not shape, so its rate is 0; nor does the leaf of a
 * tree (`inTree`), unless the plan wants it to.
 */
export function shaperOf(plan: Plan, direction: Direction, inTree = false): ShaperBlueprint {
  const { keyword: _, ...framing } = plan.framing;
  const sqm = direction === "down" ? plan.sqmDown : plan.sqmUp;
  const isFree = sqm.discipline === "none" || (inTree && plan.shaper === "tree");
  const rate = isFree ? 0 : plan[direction];
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

export interface Occupancy {
  down: ShaperBlueprint;
  up: ShaperBlueprint;
  /** Longest emulated round trip between this client and a server, ns. */
  rtt: number;
  /** The leaf's class below a site, which limits it when its shapers do not. */
  node?: DataplaneClientBlueprint["node"];
  /** Directions whose queue UDP streams fill to its limit, whatever controls it (backlog.ts). */
  flooded?: readonly Direction[];
}

/**
 * UMEM frames of one reactor: its rings, and for each client and direction the frames that its queue and its delay
 * lines may hold:
 *
 *   queue = pfifo: limit; bfifo: limit / 64 B; none: 0;
 *           fq_codel, cake, codel, cobalt, dualpi2: min(limit, memory limit / 2048, 1 s × rate / 512 B unless flooded)
 *   line  = rate × rtt / 512 B     (rate 0: 4 Gbit/s in full-size frames)
 *
 * and `backlog`, what stands before paths that are slower than their traffic (backlog.ts); rounded up to 1024 and
 * clamped to [4096, 262144] (512 MiB). Running out is counted as a `rig` drop, never silent.
 */
export function framesFor(clients: readonly Occupancy[], mtu: number, backlog = 0): number {
  const held = clients.reduce((sum, { down, up, rtt, node, flooded = [] }) => {
    const perFrame = mtu + ETHERNET_HEADER;
    const ofDown = framesOf(down, perFrame, node?.down.ceil, rtt, flooded.includes("down"));
    return sum + ofDown + framesOf(up, perFrame, node?.up.ceil, rtt, flooded.includes("up"));
  }, 0);
  return clamped(RING_FRAMES + held + backlog);
}

function framesOf({ rate, sqm }: ShaperBlueprint, largest: number, ceil = rate, rtt: number, flooded: boolean): number {
  const perSecond = ceil === 0 ? UNSHAPED / (8 * 1514) : ceil / (8 * MEAN_FRAME);
  const longest = flooded ? Number.POSITIVE_INFINITY : perSecond * LONGEST_QUEUE;
  return Math.ceil(queueFrames(sqm, rate, largest, longest) + (perSecond * rtt) / 1e9);
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
  const rtt = (path: PathBlueprint) => roundTrip(path) / 1e9;
  const framesPerSecond = ({ down, up }: PathBlueprint) => {
    const [towards, from] = [slowestRate(down), slowestRate(up)];
    return towards === null || from === null ? machine : Math.max(towards, from) / (8 * MEAN_FRAME);
  };
  const held = lines.reduce((sum, path) => sum + framesPerSecond(path) * rtt(path), 0);
  const longest = lines.reduce((most, path) => Math.max(most, rtt(path)), 0);
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

/**
 * Frames that a queue may hold, each in a chunk of its own; `longest` for those that something controls. `largest`: bytes
 * of a full frame.
 */
function queueFrames(sqm: SqmBlueprint, rate: number, largest: number, longest: number): number {
  switch (sqm.discipline) {
    case "pfifo":
      return sqm.limit;
    case "bfifo":
      return sqm.limit / SMALLEST_FRAME;
    case "fq_codel":
    case "dualpi2":
      return Math.min(sqm.limit, sqm.memoryLimit / FRAME_SIZE, longest);
    case "cake":
      return Math.min(cakeMemory(sqm, rate, largest) / FRAME_SIZE, longest);
    case "codel":
    case "cobalt":
      return Math.min(sqm.limit, longest);
    case "none":
    case "tc":
      return 0;
  }
}

type CakeBlueprint = Extract<SqmBlueprint, { discipline: "cake" }>;

/** Bytes that CAKE lets wait at `rate` bit/s, 0 = unlimited (algorithms.md §1.10); it counts whole chunks. */
function cakeMemory({ memoryLimit, rtt }: CakeBlueprint, rate: number, largest: number): number {
  const computed = rate === 0 ? Number.POSITIVE_INFINITY : Math.max(((rate / 8) * 4 * rtt) / 1e9, 4 * 2 ** 20);
  return Math.min(memoryLimit > 0 ? memoryLimit : computed, Math.max(CAKE_PACKETS * largest, memoryLimit));
}
