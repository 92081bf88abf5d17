import { z } from "zod";
import { percent, quantity, rate, size, time } from "./quantities.js";

/**
 * Queue disciplines and their settings, named as tc names them (with "_" for "-"); ranges and defaults are tc's and
 * Linux's, so that one scenario means the same on every dataplane. What a plan owns is not repeated here: its rate and
 * its framing.
 */

/** What the attributes of the kernel's qdiscs hold: 32 bits. */
const MAX_BYTES = [2 ** 32 - 1, "4294967295B"] as [number, string];

const packets = (limit: number) =>
  z.int().min(1).max(1_000_000).default(limit).describe("Packets that may wait in all.");
const period = (from: [number, string]) => time({ min: from, max: [60e9, "60s"] });
const target = (text: string) =>
  period([1000, "1us"]).prefault(text).describe("Sojourn time that is acceptable (RFC 8289 §4.3).");
const interval = () =>
  period([2000, "2us"]).prefault("100ms").describe("Time over which the sojourn must stay above target.");
const ceThreshold = () =>
  time({ max: [60e9, "60s"] })
    .optional()
    .describe("Marks every ECN-capable packet that waited longer. Off when left out.");
const memory = () => size({ min: [4096, "4KiB"], max: MAX_BYTES });

const fqCodel = z.strictObject({
  discipline: z.literal("fq_codel"),
  target: target("5ms"),
  interval: interval(),
  quantum: z
    .int()
    .min(256)
    .max(2 ** 20)
    .default(1514)
    .describe("Bytes a flow may send in its turn."),
  flows: z.int().min(1).max(65_536).default(1024).describe("Queues that flows are hashed to."),
  limit: packets(10_240),
  memory_limit: memory().prefault("32MiB").describe("Bytes of buffers that may wait in all."),
  ecn: z.boolean().default(true).describe("Marks ECN-capable packets instead of dropping them."),
  ce_threshold: ceThreshold(),
});

/** tc's presets: the interval; the target is a twentieth of it in all of them (q_cake.c). */
const RTT_PRESETS: Readonly<Record<string, number>> = {
  datacentre: 100e3,
  lan: 1e6,
  metro: 10e6,
  regional: 30e6,
  internet: 100e6,
  oceanic: 300e6,
  satellite: 1e9,
  interplanetary: 1000e9,
};

const cake = z.strictObject({
  discipline: z.literal("cake"),
  tins: z
    .enum(["besteffort", "precedence", "diffserv3", "diffserv4", "diffserv8"])
    .default("diffserv3")
    .describe("Priority classes by DSCP."),
  rtt: quantity("time", { min: [1000, "1us"], max: [1000e9, "1000s"] }, RTT_PRESETS)
    .prefault("100ms")
    .describe(
      "COBALT's interval; the target is a twentieth of it. A time, or one of tc's presets: `datacentre` (100 µs), `lan` (1 ms), `metro` (10 ms), `regional` (30 ms), `internet` (100 ms), `oceanic` (300 ms), `satellite` (1 s), `interplanetary` (1000 s).",
    ),
  isolation: z
    .enum(["flowblind", "srchost", "dsthost", "hosts", "flows", "dual-srchost", "dual-dsthost", "triple-isolate"])
    .default("triple-isolate")
    .describe(
      "What shares fairly: nothing (`flowblind`), hosts by source or destination address, pairs of them (`hosts`), flows, or flows within hosts (`dual-…`, `triple-isolate`).",
    ),
  nat: z
    .boolean()
    .default(false)
    .describe("Looks behind NAT for host isolation; needs conntrack: the kernel dataplane's."),
  wash: z.boolean().default(false).describe("Clears DSCP after classification; ECN stays."),
  ack_filter: z
    .enum(["off", "on", "aggressive"])
    .default("off")
    .describe("Drops TCP ACKs that a later one in the queue makes redundant."),
  ingress: z
    .boolean()
    .default(false)
    .describe("Counts drops against the rate: the bottleneck is before us, not after us."),
  autorate_ingress: z
    .boolean()
    .default(false)
    .describe("Estimates the rate from what arrives; the plan's is where it starts."),
  split_gso: z
    .boolean()
    .optional()
    .describe(
      "Splits super-packets. Offloads are off in the lab, so none arrive: the kernel's qdisc is told `true` when left out, and afxdp, which cannot, refuses an explicit `true`.",
    ),
  memlimit: memory()
    .optional()
    .describe("Bytes of buffers; when left out, four times rate × rtt, at least 4 MiB and at most 10240 full frames."),
});

const codel = z.strictObject({
  discipline: z.literal("codel"),
  target: target("5ms"),
  interval: interval(),
  limit: packets(1000),
  ecn: z.boolean().default(false).describe("Marks ECN-capable packets instead of dropping them."),
  ce_threshold: ceThreshold(),
});

const cobalt = z.strictObject({
  discipline: z.literal("cobalt"),
  target: target("5ms"),
  interval: interval(),
  limit: packets(10_240),
  ecn: z.boolean().default(true).describe("Marks ECN-capable packets instead of dropping them."),
});

/** tc's range of a u32 that counts 1/256 Hz. */
const hertz = (value: number) =>
  z
    .number()
    .min(1 / 256)
    .max(65_535)
    .default(value);

type Step = { unit: "time" | "packets"; threshold: number };
const inTime = (threshold: number): Step => ({ unit: "time", threshold });
const inPackets = (threshold: number): Step => ({ unit: "packets", threshold });

const dualpi2 = z.strictObject({
  discipline: z.literal("dualpi2"),
  limit: packets(10_000),
  memlimit: memory().optional().describe("Bytes of buffers; when left out, twice `limit` full frames."),
  target: period([1000, "1us"]).prefault("15ms").describe("Delay of the classic queue that the PI controller aims at."),
  tupdate: period([1000, "1us"]).prefault("16ms").describe("How often the probability is computed."),
  alpha: hertz(0.16).describe(
    "Gain on the distance from the target, Hz; kept in steps of 1/256 Hz, to the nearest (41 by default, as Linux).",
  ),
  beta: hertz(3.2).describe("Gain on the change of the delay, Hz; likewise."),
  step_thresh: z
    .union([period([1000, "1us"]).transform(inTime), z.int().min(1).max(1_000_000).transform(inPackets)], {
      error: 'expected a time such as "1ms", or a whole number of packets, 1 … 1000000',
    })
    .prefault("1ms")
    .describe("From which the L4S queue marks everything: a sojourn time, or packets in the queue."),
  min_qlen_step: z
    .int()
    .min(0)
    .max(1_000_000)
    .default(0)
    .describe("Packets that the L4S queue must hold for the step to mark."),
  coupling_factor: z
    .int()
    .min(1)
    .max(255)
    .default(2)
    .describe("The L4S queue's probability is so many times the square root of the classic one's."),
  drop_on_overload: z
    .boolean()
    .default(true)
    .describe("Drops L4S packets too when marking no longer suffices; `false` is tc's `overflow`."),
  drop_enqueue: z
    .boolean()
    .default(false)
    .describe("Decides when a packet comes in; `false`, tc's `drop_dequeue`: when it leaves."),
  classic_protection: percent({ zero: true }).prefault("10%").describe("Of the line for the classic queue, at least."),
  ecn_mask: z
    .enum(["l4s_ect", "any_ect"])
    .default("l4s_ect")
    .describe("What goes to the L4S queue: ECT(1) and CE, or every ECN-capable packet."),
});

const pfifo = z.strictObject({ discipline: z.literal("pfifo"), limit: packets(1000) });

const bfifo = z.strictObject({
  discipline: z.literal("bfifo"),
  limit: size({ min: [1792, "1792B"], max: MAX_BYTES })
    .prefault("1514kB")
    .describe("Bytes of frames that may wait in all; at least the largest frame. Default: 1000 full ones."),
});

const none = z.strictObject({ discipline: z.literal("none") });

const tc = z.strictObject({
  discipline: z.literal("tc"),
  args: z.string().min(1).describe("What follows `tc qdisc add dev … root`; for the kernel dataplane."),
  rate: rate().optional().describe("Rate of a token bucket above it, when the qdisc does not shape."),
});

/** The settings of a queue discipline. A function, because each place that uses it describes it in its own words. */
export const sqm = () =>
  z.discriminatedUnion("discipline", [fqCodel, cake, codel, cobalt, dualpi2, pfifo, bfifo, none, tc]);

export type SqmSpec = z.output<ReturnType<typeof sqm>>;
