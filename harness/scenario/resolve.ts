import { selectClients } from "./clients.js";
import type { Draft } from "./draft.js";
import { framingOf } from "./framing.js";
import type { DataplaneSpec, PlanSpec, TrafficSpec } from "./schema.js";
import type { SqmSpec } from "./schema-sqm.js";
import type { Case, Client, DataplaneChoice, Expectation, Plan, Sqm, Traffic } from "./types.js";

interface Identity {
  id: string;
  file: string;
  /** The file's name without folder and ending. */
  stem: string;
  matrix: Record<string, string>;
  /** The first value of every axis; empty without a matrix. */
  base: Record<string, string>;
}

/**
 * The typed case of a draft without problems. Whatever is missing here was reported before, so a hole is a bug of
 * mqoe, not of the scenario, and says so.
 */
export function resolveCase(draft: Draft, clients: Client[], expectations: Expectation[], identity: Identity): Case {
  const { id, file, stem, matrix, base } = identity;
  const duration = sure(draft.duration, "duration");
  const phases = sure(draft.phases, "phases");
  const dataplane = sure(draft.dataplane, "dataplane");
  return {
    id,
    file,
    title: draft.title ?? stem,
    tags: sure(draft.tags, "tags"),
    matrix,
    ...(Object.keys(base).length > 0 ? { base } : {}),
    duration,
    phases: {
      idle: phases.idle,
      ramp: phases.ramp,
      loaded: duration - phases.idle - phases.ramp - phases.cooldown,
      cooldown: phases.cooldown,
    },
    repeat: sure(draft.repeat, "repeat"),
    seed: sure(draft.seed, "seed"),
    mtu: sure(draft.mtu, "mtu"),
    dataplane: resolveDataplane(dataplane),
    plans: entries(draft.plans, resolvePlan),
    paths: entries(draft.paths, ({ rtt, rate = null }) => ({ rtt, rate })),
    servers: entries(draft.servers, ({ path }) => ({ path: path ?? null })),
    sites: {},
    clients,
    traffic: [...draft.traffic.values()].map(({ name, value }) =>
      resolveTraffic(name, sure(value, name), draft, clients),
    ),
    changes: [],
    expectations,
  };
}

function sure<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`mqoe: ${what} passed the checks without a value; please report this`);
  return value;
}

function entries<S, T>(sections: Map<string, { value: S | undefined }>, convert: (value: S) => T): Record<string, T> {
  return Object.fromEntries([...sections].map(([name, { value }]) => [name, convert(sure(value, name))]));
}

function resolveDataplane(dataplane: DataplaneSpec): DataplaneChoice {
  const { kind } = dataplane;
  if (kind !== "external") return { kind, reactors: kind === "afxdp" ? dataplane.reactors : 1 };
  const { command, ready, xdp } = dataplane;
  return { kind, reactors: 1, external: { command, ready, xdp } };
}

function resolvePlan(plan: PlanSpec): Plan {
  return {
    down: plan.down,
    up: plan.up,
    framing: framingOf(plan),
    sqmDown: resolveSqm(sure(plan.sqm_down ?? plan.sqm, "sqm")),
    sqmUp: resolveSqm(sure(plan.sqm_up ?? plan.sqm, "sqm")),
  };
}

/** sch_dualpi2's defaults. */
const DUALPI2 = {
  alpha: 41,
  beta: 819,
  minQlenStep: 0,
  coupling: 2,
  classicProtection: 10,
  dropOnOverload: true,
  dropEarly: false,
  ecnMask: "l4s",
} as const;

function resolveSqm(sqm: SqmSpec): Sqm {
  switch (sqm.discipline) {
    case "fq_codel": {
      const { memory_limit: memoryLimit, ce_threshold: ceThreshold = null, ...rest } = sqm;
      return { ...rest, memoryLimit, ceThreshold };
    }
    case "cake": {
      const { ack_filter: ackFilter, split_gso: splitGso, memory_limit: memoryLimit = null, ...rest } = sqm;
      return { ...rest, ackFilter, splitGso, memoryLimit, autorateIngress: false };
    }
    case "codel": {
      const { ce_threshold: ceThreshold = null, ...rest } = sqm;
      return { ...rest, ceThreshold };
    }
    case "dualpi2": {
      const { step_threshold: threshold, ...rest } = sqm;
      return { ...rest, ...DUALPI2, memoryLimit: 2 * 1514 * sqm.limit, step: { unit: "time", threshold } };
    }
    case "tc":
      return { ...sqm, rate: sqm.rate ?? null };
    case "cobalt":
    case "pfifo":
    case "none":
      return sqm;
  }
}

function resolveTraffic(name: string, spec: TrafficSpec, draft: Draft, clients: readonly Client[]): Traffic {
  const { to, family, dscp, host = null } = spec;
  const common = { name, from: selectClients(spec.from, clients, draft).names, to, family, dscp, host };
  switch (spec.kind) {
    case "tcp": {
      const { direction, flows, ecn, congestion_control: congestionControl } = spec;
      return { kind: "tcp", ...common, direction, flows, congestionControl, ecn };
    }
    case "probe":
      return { kind: "probe", ...common, interval: spec.interval, size: spec.size };
    case "udp":
      return { kind: "udp", ...common, direction: spec.direction, rate: spec.rate, size: spec.size };
    default:
      throw new Error(`mqoe: traffic kind "${spec.kind}" passed the checks without being built; please report this`);
  }
}
