import { z } from "zod";
import { framingKeys } from "./framing.js";
import { traffic } from "./kinds/index.js";
import { path } from "./path-schema.js";
import { PRESET_KEYS } from "./presets.js";
import { name, oneOrMore, percent, rate, time } from "./quantities.js";
import { capture } from "./schema-capture.js";
import { sqm } from "./schema-sqm.js";

/**
 * THE schema of the scenario language (DESIGN §9). The JSON Schema that editors use and docs/scenario.md are generated
 * from it; what a case contains is its output. It describes the whole language, also what this version cannot do yet:
 * that is refused by name in capabilities.ts.
 */

/** IPv6's minimum (RFC 8200 §5), and what a 2 KiB UMEM chunk holds beside the headroom of XDP and the kernel. */
export const MTU = { min: 1280, max: 1778, default: 1500 } as const;

const phases = z
  .strictObject({
    idle: time({ zero: true })
      .prefault("5s")
      .describe("Probes alone: the baseline that `induced` is measured against."),
    ramp: time({ zero: true }).prefault("3s").describe("Load starts; not judged, so that slow start does not count."),
    cooldown: time({ zero: true }).prefault("2s").describe("Load has ended; queues drain, late probes come back."),
  })
  .describe("How the run is divided; the loaded phase is the rest. Load runs in ramp + loaded, probes always.");

const dataplane = z
  .discriminatedUnion("kind", [
    z.strictObject({
      kind: z.literal("afxdp"),
      reactors: z.int().min(1).max(64).default(1).describe("Pinned threads; clients are packed on them by rate."),
    }),
    z.strictObject({ kind: z.literal("kernel") }),
    z.strictObject({
      kind: z.literal("external"),
      command: z
        .array(z.string().min(1))
        .min(1)
        .describe(
          "Program and arguments, run in the dataplane's namespace. A program with a slash in its name is relative to this file. Needs `--allow-exec`.",
        ),
      ready: z
        .union([z.literal("line"), time({ max: [60e9, "60s"] })], {
          error: 'expected "line" or a time such as "1s", at most "60s"',
        })
        .prefault("1s")
        .describe("When it forwards: once it has printed a line that is `ready`, or so long after its start."),
      xdp: z
        .enum(["stub", "own"])
        .default("stub")
        .describe(
          "`own`: it attaches XDP programs to its interfaces itself; otherwise they pass frames to the kernel.",
        ),
    }),
    z.strictObject({ kind: z.literal("none") }),
  ])
  .describe("What shapes, in the middle between clients and servers.");

export const plan = z
  .strictObject({
    down: rate({ min: [1000, "1kbit"] }).describe("Rate towards the client, at the layer that `overhead` accounts."),
    up: rate({ min: [1000, "1kbit"] }).describe("Rate from the client."),
    ...framingKeys,
    sqm: sqm()
      .optional()
      .describe("The queue discipline of both directions. Needed unless both of the next are given."),
    sqm_down: sqm().optional().describe("Replaces `sqm` towards the client."),
    sqm_up: sqm().optional().describe("Replaces `sqm` from the client."),
    shaper: z
      .enum(["tree", "leaf"])
      .default("tree")
      .describe(
        "Only below a site: who holds the client to its rate. `tree`: its class in the shaper tree; the discipline runs without a rate, as LibreQoS does it. `leaf`: the discipline as well, as it does without a site, so that what CAKE derives from the rate (tins, target, memory) is right.",
      ),
  })
  .describe("What a subscriber bought, and the queue management that enforces it.");

export const server = z
  .strictObject({ path: name().optional().describe("The path between the core and this server.") })
  .describe("An endpoint in the internet.");

export const site = z
  .strictObject({
    down: rate({ min: [1000, "1kbit"] }).describe(
      "Capacity towards the clients below, in bytes as their plans count them.",
    ),
    up: rate({ min: [1000, "1kbit"] }).describe("Capacity from the clients below."),
    parent: name().optional().describe("The site above; without it, the core."),
    path: name().optional().describe("The path between this site and its parent."),
  })
  .describe("An inner node of the access tree: a tower, an AP, an OLT.");

export const client = z
  .strictObject({
    count: z
      .int()
      .min(1)
      .max(40_000)
      .optional()
      .describe("Makes `name-1` … `name-count`; without it, one client called `name`."),
    plan: name().describe("The plan of each."),
    path: name().optional().describe("The path between the access network and each client."),
    site: name().optional().describe("The site they hang under."),
    online: z
      .boolean()
      .default(true)
      .describe(
        "`false`: its traffic starts when a `[[change]]` brings it online (`client.home.online = true`). Its namespace and its circuit are there all the time.",
      ),
    hosts: z
      .int()
      .min(1)
      .max(256)
      .default(1)
      .describe("Addresses of each family behind each circuit, for host fairness; a fixed one is the first of them."),
    ipv4: z
      .string()
      .optional()
      .describe("A fixed IPv4 address; without it, assigned from 100.64.0.0/10. Not with `count`."),
    ipv6: z.string().optional().describe("A fixed IPv6 address; without it, assigned. Not with `count`."),
  })
  .describe("A subscriber, or `count` alike ones.");

const overrides: z.ZodType<Record<string, unknown>> = z.record(z.string(), z.unknown());

export const change = z
  .strictObject({
    at: z
      .string()
      .min(1)
      .meta({ examples: ["15s", "loaded+10s"] })
      .describe("When: from the start of the run, or from the start of a phase."),
    phase: name().optional().describe("Opens a phase of this name, which ends the one before it."),
    set: overrides.describe("Overrides, as in `[matrix]`."),
    every: time().optional().describe("Repeats at this interval."),
    until: z.string().min(1).optional().describe("Last repetition; written like `at`."),
  })
  .describe("A change while the run goes on.");

const bound = () =>
  z
    .union([z.string().min(1), z.number()], {
      error: 'expected a bound: a quantity such as "30ms", "95% of share", or a count',
    })
    .optional();

export const BOUND_OPS = ["below", "at_most", "above", "at_least", "equals"] as const;

export const expect = z
  .strictObject({
    metric: z
      .string()
      .min(1)
      .meta({ examples: ["ping.induced.p99", "bulk.goodput"] })
      .describe("`<traffic>[.<phase>].<quantity>[.<statistic>]`; the phase is `loaded` when left out."),
    below: bound().describe("The metric must be less. Exactly one of the five bounds is given."),
    at_most: bound().describe("… less or equal."),
    above: bound().describe("… more."),
    at_least: bound().describe("… more or equal."),
    equals: bound().describe("… exactly this; for counts."),
    per: z
      .enum(["client", "flow", "site", "total"])
      .optional()
      .describe("What must hold it. Default: `client`, or `total` for a metric that exists only as a total."),
    for: percent().prefault("100%").describe("How many of them must hold it."),
    when: z
      .record(z.string(), oneOrMore("a value of the axis"))
      .optional()
      .describe("Only in these cases: axis = value, or a list of values."),
    outcome: z
      .enum(["pass", "fail"])
      .default("pass")
      .describe("`fail` makes it a control: it must fail, or the rig is blind."),
    because: z.string().default("").describe('Why a control must fail; needed with `outcome = "fail"`.'),
  })
  .describe("A bound on a metric.");

/** For editors only: presets.ts expands and checks it before anything else reads it. */
const preset = z.strictObject({
  preset: z
    .string()
    .meta({ examples: ["rrul", "tcp_8down"] })
    .describe("Stands for several tables of traffic, under a name that people know."),
  from: oneOrMore("a client group, a client, `site/*` or a glob").describe("Clients of all of them."),
  to: name().describe("The server of all of them."),
  ...Object.fromEntries(PRESET_KEYS.map((key) => [key, z.unknown().describe("As of the tables that have it.")])),
});

const named = <T extends z.ZodType>(value: T) => z.record(name(), value).prefault({} as never);

export const scenario = z
  .strictObject({
    extends: oneOrMore("a file")
      .optional()
      .describe("Files this one builds on, relative to it. Tables merge, [[lists]] append."),
    title: z.string().optional().describe("One line for people. Default: the file's name."),
    tags: z.array(name()).default([]).describe("Words for `--filter`."),
    duration: time({ max: [86400e9, "24h"] })
      .prefault("30s")
      .describe("The whole run."),
    phases: phases.prefault({}),
    repeat: z.int().min(1).max(1000).default(1).describe("Runs of each case; run n uses seed + n − 1."),
    seed: z
      .int()
      .min(0)
      .max(2 ** 31 - 1)
      .default(1)
      .describe("Of everything random."),
    mtu: z
      .int()
      .min(MTU.min, { error: ({ input }) => `${input} is too small; IPv6 needs at least ${MTU.min}` })
      .max(MTU.max, {
        error: ({ input }) => `${input} is too large; a frame must fit in a 2 KiB chunk: at most ${MTU.max}`,
      })
      .default(MTU.default)
      .describe("Of every link; what a 2 KiB chunk holds, at most."),
    dataplane: dataplane.prefault({ kind: "afxdp" }),
    plan: named(plan),
    path: named(path),
    server: named(server),
    site: named(site),
    client: named(client),
    traffic: named(z.union([traffic, preset])),
    capture: named(capture),
    change: z.array(change).default([]),
    expect: z.array(expect).default([]),
    matrix: z
      .record(
        z.string(),
        z.union([z.record(z.string(), overrides), z.array(z.union([z.string(), z.number(), z.boolean()]))]),
      )
      .default({})
      .describe('Axis → value → overrides, or `"path" = [values]`. Every combination is a case: `stem[axis=value,…]`.'),
  })
  .describe("A scenario of mqoe: a network, its load, and what must hold.");

export type PlanSpec = z.output<typeof plan>;
export { type PathSpec, path } from "./path-schema.js";
export type ServerSpec = z.output<typeof server>;
export type SiteSpec = z.output<typeof site>;
export type ClientSpec = z.output<typeof client>;
export { type TrafficSpec, traffic } from "./kinds/index.js";
export type ChangeSpec = z.output<typeof change>;
export type ExpectSpec = z.output<typeof expect>;
export type PhasesSpec = z.output<typeof phases>;
export type DataplaneSpec = z.output<typeof dataplane>;
