import { z } from "zod";
import { dscp, name, oneOrMore, rate, time } from "./quantities.js";

/** Kinds of traffic. `from` and `to` have no default; everything else has. */

const common = {
  from: oneOrMore("a client group, a client, `site/*` or a glob").describe(
    'Clients: a group, one client, `"tower/*"` (everyone below a site), a glob, or a list of those.',
  ),
  to: name().describe("The server."),
  family: z.enum(["ipv4", "ipv6"]).default("ipv4").describe("Internet protocol."),
  dscp: dscp()
    .prefault("CS0")
    .describe("Code point of every packet, both ways: CS0 … CS7, AF11 … AF43, EF, VA, LE, or 0 … 63."),
  host: z
    .int()
    .min(1)
    .max(256)
    .optional()
    .describe(
      "Which of the client's `hosts` it belongs to, from 1. Left out, connections take turns over all of them; a probe or a stream is the first one's.",
    ),
};

const direction = () =>
  z.enum(["down", "up", "both"]).default("down").describe("Who sends: the server, the client, or each to the other.");
const payload = (bytes: number, min: number) =>
  z.int().min(min).max(1700).default(bytes).describe("UDP payload bytes.");

const tcp = z.strictObject({
  kind: z.literal("tcp"),
  ...common,
  direction: direction(),
  flows: z.int().min(1).max(1024).default(1).describe("Connections of each client, per direction."),
  congestion_control: z
    .string()
    .regex(/^[a-z0-9_]{1,15}$/u)
    .default("cubic")
    .describe("One the kernel offers, e.g. cubic, reno, bbr."),
  ecn: z.boolean().default(false).describe("Negotiates ECN. Linux decides per namespace: one client, one setting."),
});

const probe = z.strictObject({
  kind: z.literal("probe"),
  ...common,
  interval: time({ min: [100_000, "100us"], max: [10e9, "10s"] })
    .prefault("10ms")
    .describe("Between packets; they are sent on the clock, never paced by replies."),
  size: payload(64, 48),
});

const udp = z.strictObject({
  kind: z.literal("udp"),
  ...common,
  direction: direction(),
  rate: rate().describe("Constant rate of each client and direction, in IP bytes; nothing slows it down."),
  size: payload(1200, 12),
});

const exec = z.strictObject({
  kind: z.literal("exec"),
  ...common,
  command: z.array(z.string().min(1)).min(1).describe("Program and arguments, run in the client's namespace."),
});

const plain = <K extends string>(kind: K) => z.strictObject({ kind: z.literal(kind), ...common });

export const traffic = z
  .discriminatedUnion("kind", [
    tcp,
    udp,
    probe,
    plain("rpm"),
    plain("voip"),
    plain("web"),
    plain("video"),
    plain("game"),
    exec,
  ])
  .describe("Load, or a measurement.");
