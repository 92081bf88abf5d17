import { z } from "zod";
import { rate, size, time } from "./quantities.js";

/** Queue disciplines and their settings; defaults are Linux's, so that one scenario means the same on both. */

const packets = (limit: number) =>
  z.int().min(1).max(1_000_000).default(limit).describe("Packets that may wait in all.");
const target = (text: string) => time().prefault(text).describe("Sojourn time that is acceptable (RFC 8289 §4.3).");
const interval = () => time().prefault("100ms").describe("Time over which the sojourn must stay above target.");
const ceThreshold = () =>
  time().optional().describe("Marks every ECN-capable packet that waited longer. Off when left out.");

const fqCodel = z.strictObject({
  discipline: z.literal("fq_codel"),
  target: target("5ms"),
  interval: interval(),
  quantum: z.int().min(256).max(65_536).default(1514).describe("Bytes a flow may send in its turn."),
  flows: z.int().min(1).max(65_536).default(1024).describe("Queues that flows are hashed to."),
  limit: packets(10_240),
  memory_limit: size({ min: [4096, "4KiB"] })
    .prefault("32MiB")
    .describe("Bytes of buffers that may wait in all."),
  ecn: z.boolean().default(true).describe("Marks ECN-capable packets instead of dropping them."),
  ce_threshold: ceThreshold(),
});

const cake = z.strictObject({
  discipline: z.literal("cake"),
  tins: z
    .enum(["besteffort", "precedence", "diffserv3", "diffserv4", "diffserv8"])
    .default("diffserv3")
    .describe("Priority classes by DSCP."),
  rtt: time().prefault("100ms").describe("CoDel's interval; the target is a twentieth of it."),
  isolation: z
    .enum(["flowblind", "srchost", "dsthost", "hosts", "flows", "dual-srchost", "dual-dsthost", "triple-isolate"])
    .default("triple-isolate")
    .describe("What shares fairly."),
  nat: z.boolean().default(false).describe("Looks behind NAT for host isolation."),
  wash: z.boolean().default(false).describe("Clears DSCP after classification."),
  ack_filter: z.enum(["off", "on", "aggressive"]).default("off").describe("Drops redundant TCP ACKs."),
  ingress: z.boolean().default(false).describe("Counts drops against the rate."),
  split_gso: z.boolean().default(true).describe("Splits super-packets."),
  memory_limit: size().optional().describe("Bytes of buffers; computed from the rate when left out."),
});

const codel = z.strictObject({
  discipline: z.literal("codel"),
  target: target("5ms"),
  interval: interval(),
  limit: packets(1000),
  ecn: z.boolean().default(false).describe("Marks instead of dropping."),
  ce_threshold: ceThreshold(),
});

const cobalt = z.strictObject({
  discipline: z.literal("cobalt"),
  target: target("5ms"),
  interval: interval(),
  limit: packets(10_240),
  ecn: z.boolean().default(true).describe("Marks instead of dropping."),
});

const dualpi2 = z.strictObject({
  discipline: z.literal("dualpi2"),
  target: target("15ms"),
  tupdate: time().prefault("16ms").describe("How often the probability is computed."),
  step_threshold: time().prefault("1ms").describe("Sojourn from which the L4S queue marks everything."),
  limit: packets(10_000),
});

const pfifo = z.strictObject({ discipline: z.literal("pfifo"), limit: packets(1000) });

const none = z.strictObject({ discipline: z.literal("none") });

const tc = z.strictObject({
  discipline: z.literal("tc"),
  args: z.string().min(1).describe("What follows `tc qdisc add dev … root`; for the kernel dataplane."),
  rate: rate().optional().describe("Rate of a token bucket above it, when the qdisc does not shape."),
});

/** The settings of a queue discipline. A function, because each place that uses it describes it in its own words. */
export const sqm = () => z.discriminatedUnion("discipline", [fqCodel, cake, codel, cobalt, dualpi2, pfifo, none, tc]);

export type SqmSpec = z.output<ReturnType<typeof sqm>>;
