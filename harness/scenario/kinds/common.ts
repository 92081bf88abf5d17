import { z } from "zod";
import { dscp, name, oneOrMore, percent, time } from "../quantities.js";

/** What every [traffic.*] table has. `from` and `to` have no default; everything else has. */
export const common = {
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
  enabled: z
    .boolean()
    .default(true)
    .describe("`false`: nothing of it is there until a `[[change]]` enables it, if one does."),
  active: z
    .union(
      [
        percent().transform((fraction) => ({ fraction })),
        z
          .int()
          .min(1)
          .max(40_000)
          .transform((count) => ({ count })),
      ],
      { error: 'expected a part of the clients such as "5%", or how many of them: 1 to 40000' },
    )
    .optional()
    .describe(
      "How many of the clients take part, as a percentage (rounded, at least one) or a number; who, the seed says. Clients that are not active have no metrics of it. Default: all.",
    ),
  reshuffle: time({ min: [1e9, "1s"] })
    .optional()
    .describe("Draws who is active anew at this interval; needs `active`. Whoever stays active goes on as before."),
};

/** Of probes, and what is measured as they are. */
export const recoveredBelow = () =>
  time({ min: [1000, "1us"] })
    .prefault("30ms")
    .describe(
      "What counts as recovered, for `recovery_time`: induced latency of at most this. Default: the most of grade A.",
    );

/** Who sends. */
export const direction = () =>
  z.enum(["down", "up", "both"]).default("down").describe("Who sends: the server, the client, or each to the other.");

export const payload = (bytes: number, min: number) =>
  z.int().min(min).max(1700).default(bytes).describe("UDP payload bytes.");

export const congestionControl = () =>
  z
    .string()
    .regex(/^[a-z0-9_]{1,15}$/u)
    .default("cubic")
    .describe("One the kernel offers, e.g. cubic, reno, bbr.");

export const ecn = () =>
  z.boolean().default(false).describe("Negotiates ECN. Linux decides per namespace: one client, one setting.");

/** The same, checked and expanded, of every kind. */
export interface TrafficCommon {
  name: string;
  /** Names of clients, expanded from groups, globs and lists; never empty. */
  from: string[];
  to: string;
  family: "ipv4" | "ipv6";
  dscp: number;
  /** Which of the addresses behind the circuit, from 1; null = its flows take turns over all of them. */
  host: number | null;
  /** Absent: it is there from its start. */
  enabled?: false;
  /** How many of `from` take part, at least one; absent: all. */
  active?: { fraction: number } | { count: number };
  /** ns after which others do; absent: the same ones all the time. */
  reshuffle?: number;
  /** Set by the blueprint (blueprint/kinds/segments.ts) where a traffic is not there all the time, or not for all. */
  life?: Life;
}

/** Part of a traffic's time, in which it is the same for all clients that its `from` then names. */
export interface Life {
  /** ns from the start of the run. */
  start: number;
  stop: number;
  /** Numbered as settings that differ come up; what has the same may share a port. */
  version: number;
  /** Of tcp: the first of its flows, when those before go on from another life. */
  first: number;
}
