import { z } from "zod";
import { dscp, name, oneOrMore } from "../quantities.js";

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
};

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
}
