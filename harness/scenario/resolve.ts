import { resolveCapture } from "./capture.js";
import { selectClients } from "./clients.js";
import type { Draft } from "./draft.js";
import { framingOf } from "./framing.js";
import { resolveTraffic, type TrafficCommon } from "./kinds/index.js";
import { pathOf } from "./path-lines.js";
import { Problems } from "./problem.js";
import type { DataplaneSpec, PlanSpec, SiteSpec, TrafficSpec } from "./schema.js";
import type { SqmSpec } from "./schema-sqm.js";
import type { Capture, Case, Change, Client, DataplaneChoice, Expectation, Path, Plan, Site, Sqm } from "./types.js";

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
export function resolveCase(
  draft: Draft,
  clients: Client[],
  changes: Change[],
  expectations: Expectation[],
  identity: Identity,
): Case {
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
    plans: entries(draft.plans, (plan) => resolvePlan(plan, sure(draft.mtu, "mtu"))),
    paths: pathsOf(draft),
    servers: entries(draft.servers, ({ path }) => ({ path: path ?? null })),
    sites: entries(draft.sites, resolveSite),
    clients,
    traffic: [...draft.traffic.values()].map(({ name, value }) => {
      const spec = sure(value, name);
      return resolveTraffic(spec, sharedOf(name, spec, draft, clients));
    }),
    changes,
    expectations,
    ...(draft.captures.size > 0 ? { captures: resolveCaptures(draft, clients) } : {}),
  };
}

function resolveCaptures(draft: Draft, clients: readonly Client[]): Capture[] {
  return [...draft.captures.values()].map(({ name, value }) => resolveCapture(name, sure(value, name), draft, clients));
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

/** Those without problems. */
export function resolvedPaths({ paths, files }: Draft): Record<string, Path> {
  const ignored = new Problems(); // they were reported when the draft was checked
  return Object.fromEntries(
    [...paths].flatMap(([name, section]) => {
      const path = pathOf(section, files, ignored);
      return path ? [[name, path]] : [];
    }),
  );
}

function pathsOf(draft: Draft): Record<string, Path> {
  const paths = resolvedPaths(draft);
  for (const name of draft.paths.keys()) sure(paths[name], `path ${name}`);
  return paths;
}

export function resolveSite({ down, up, parent, path }: SiteSpec): Site {
  return { down, up, parent: parent ?? null, ...(path === undefined ? {} : { path }) };
}

export function resolvePlan(plan: PlanSpec, mtu: number): Plan {
  return {
    down: plan.down,
    up: plan.up,
    framing: framingOf(plan),
    sqmDown: resolveSqm(sure(plan.sqm_down ?? plan.sqm, "sqm"), mtu),
    sqmUp: resolveSqm(sure(plan.sqm_up ?? plan.sqm, "sqm"), mtu),
    shaper: plan.shaper,
  };
}

function resolveSqm(sqm: SqmSpec, mtu: number): Sqm {
  switch (sqm.discipline) {
    case "fq_codel": {
      const { memory_limit: memoryLimit, ce_threshold: ceThreshold = null, ...rest } = sqm;
      return { ...rest, memoryLimit, ceThreshold };
    }
    case "cake": {
      const { ack_filter, split_gso, memlimit, autorate_ingress, ...rest } = sqm;
      const limits = { memoryLimit: memlimit ?? null, autorateIngress: autorate_ingress };
      return { ...rest, ackFilter: ack_filter, splitGso: split_gso ?? true, ...limits };
    }
    case "codel": {
      const { ce_threshold: ceThreshold = null, ...rest } = sqm;
      return { ...rest, ceThreshold };
    }
    case "dualpi2":
      return resolveDualPi2(sqm, mtu);
    case "tc":
      return { ...sqm, rate: sqm.rate ?? null };
    case "cobalt":
    case "pfifo":
    case "bfifo":
    case "none":
      return sqm;
  }
}

const ETHERNET_HEADER = 14;
/** sch_dualpi2 keeps its gains in these parts of a Hz. */
const GAIN_STEPS = 256;

function resolveDualPi2(sqm: Extract<SqmSpec, { discipline: "dualpi2" }>, mtu: number): Sqm {
  const { discipline, limit, target, tupdate, step_thresh: step } = sqm;
  return {
    discipline,
    limit,
    memoryLimit: sqm.memlimit ?? 2 * (mtu + ETHERNET_HEADER) * limit,
    target,
    tupdate,
    alpha: Math.round(sqm.alpha * GAIN_STEPS),
    beta: Math.round(sqm.beta * GAIN_STEPS),
    step,
    minQlenStep: sqm.min_qlen_step,
    coupling: sqm.coupling_factor,
    classicProtection: Math.round(sqm.classic_protection * 100),
    dropOnOverload: sqm.drop_on_overload,
    dropEarly: sqm.drop_enqueue,
    ecnMask: sqm.ecn_mask === "l4s_ect" ? "l4s" : "any",
  };
}

export function sharedOf(name: string, spec: TrafficSpec, draft: Draft, clients: readonly Client[]): TrafficCommon {
  const { to, family, dscp, host = null, enabled, active, reshuffle } = spec;
  return {
    name,
    from: selectClients(spec.from, clients, draft).names,
    to,
    family,
    dscp,
    host,
    ...(enabled ? {} : { enabled }),
    ...(active === undefined ? {} : { active }),
    ...(reshuffle === undefined ? {} : { reshuffle }),
  };
}
