import type { Traffic } from "./kinds/index.js";

export type {
  ExecMetric,
  ExecTraffic,
  GameTraffic,
  Isochronous,
  Life,
  ProbeTraffic,
  RpmTraffic,
  TcpTraffic,
  Traffic,
  TrafficCommon,
  UdpTraffic,
  VideoTraffic,
  VoipTraffic,
  WebTraffic,
} from "./kinds/index.js";

/**
 * A case: one scenario, merged, unit-checked and with every default filled in, for one cell of its matrix. This is
 * what the rest of mqoe reads; the TOML text and its zod schema stay in this folder. Times are nanoseconds, rates
 * bit/s, sizes bytes.
 */
export interface Case {
  /** `home` or `home[sqm=cake,rate=fast]`: the file's stem and its matrix values, in the order of the axes. */
  id: string;
  /** The scenario file, as the user named it. */
  file: string;
  title: string;
  tags: string[];
  /** axis → value name */
  matrix: Record<string, string>;
  /** What `over base` refers to: the same scenario with the first value of every axis. Absent without a matrix. */
  base?: Record<string, string>;
  duration: number;
  /** The four default phases; they partition the run. */
  phases: { idle: number; ramp: number; loaded: number; cooldown: number };
  repeat: number;
  seed: number;
  mtu: number;
  dataplane: DataplaneChoice;
  plans: Record<string, Plan>;
  paths: Record<string, Path>;
  servers: Record<string, { path: string | null }>;
  /** The access tree; parents need not come first. */
  sites: Record<string, Site>;
  /** Expanded: `count = 3` is three clients. In order of appearance. */
  clients: Client[];
  traffic: Traffic[];
  changes: Change[];
  expectations: Expectation[];
  /** Absent when nothing is captured. */
  captures?: Capture[];
}

export type DataplaneKind = "afxdp" | "kernel" | "external" | "none";

export interface DataplaneChoice {
  kind: DataplaneKind;
  /** 1 for every kind but afxdp. */
  reactors: number;
  /** external only: see ExternalBlueprint. */
  external?: { command: string[]; ready: "line" | number; xdp: "stub" | "own" };
}

export interface Plan {
  down: number;
  up: number;
  framing: { keyword: string; base: "frame" | "ip"; overhead: number; mpu: number; cell: "none" | "atm" | "ptm" };
  sqmDown: Sqm;
  sqmUp: Sqm;
  /** Below a site: who holds the client to its rate, the tree's class alone or its own discipline as well. */
  shaper: "tree" | "leaf";
}

export type Sqm =
  | {
      discipline: "fq_codel";
      target: number;
      interval: number;
      quantum: number;
      flows: number;
      limit: number;
      memoryLimit: number;
      ecn: boolean;
      ceThreshold: number | null;
    }
  | { discipline: "pfifo"; limit: number }
  | { discipline: "none" }
  | {
      discipline: "cake";
      tins: "besteffort" | "precedence" | "diffserv3" | "diffserv4" | "diffserv8";
      rtt: number;
      isolation:
        | "flowblind"
        | "srchost"
        | "dsthost"
        | "hosts"
        | "flows"
        | "dual-srchost"
        | "dual-dsthost"
        | "triple-isolate";
      nat: boolean;
      wash: boolean;
      ackFilter: "off" | "on" | "aggressive";
      ingress: boolean;
      splitGso: boolean;
      memoryLimit: number | null;
      autorateIngress: boolean;
    }
  | { discipline: "codel"; target: number; interval: number; limit: number; ecn: boolean; ceThreshold: number | null }
  | { discipline: "cobalt"; target: number; interval: number; limit: number; ecn: boolean }
  | { discipline: "bfifo"; limit: number }
  | {
      discipline: "dualpi2";
      limit: number;
      memoryLimit: number;
      target: number;
      tupdate: number;
      alpha: number;
      beta: number;
      step: { unit: "time" | "packets"; threshold: number };
      minQlenStep: number;
      coupling: number;
      classicProtection: number;
      dropOnOverload: boolean;
      dropEarly: boolean;
      ecnMask: "l4s" | "any" | "none";
    }
  | { discipline: "tc"; args: string; rate: number | null };

/** Emulated distance: a line each way. */
export interface Path {
  down: PathLine;
  up: PathLine;
}

/** What a line does to frames; as PathLineBlueprint. Times are ns, rates bit/s, sizes bytes, probabilities 0 … 1. */
export interface PathLine {
  up: boolean;
  loss:
    | { model: "none" }
    | { model: "random"; probability: number; correlation: number }
    | { model: "gemodel"; p: number; r: number; oneMinusH: number; oneMinusK: number }
    | { model: "state"; p13: number; p31: number; p32: number; p23: number; p14: number }
    | { model: "packets"; packets: number[] };
  ecn: boolean;
  duplicate: { probability: number; correlation: number };
  corrupt: { probability: number; correlation: number };
  reorder: { probability: number; correlation: number; gap: number };
  delay: number;
  jitter: number;
  delayCorrelation: number;
  /** A table ascends. */
  distribution: "uniform" | "normal" | "pareto" | "paretonormal" | { table: number[] };
  keepOrder: boolean;
  rate: number;
  packetOverhead: number;
  cellSize: number;
  cellOverhead: number;
  limitPackets: number;
  limitBytes: number;
  ecnThreshold: number;
  slot:
    | null
    | { min: number; max: number; packets: number; bytes: number }
    | { delay: number; jitter: number; distribution: PathLine["distribution"]; packets: number; bytes: number };
  trace:
    | null
    | { format: "mahimahi"; opportunities: number[] }
    | { format: "steps"; loop: number; steps: { at: number; rate?: number; delay?: number; loss?: number }[] };
}

/** An inner node of the access tree. */
export interface Site {
  down: number;
  up: number;
  parent: string | null;
  /** Between it and its parent; absent: none. */
  path?: string | null;
}

/** An alteration of the running network at a time of the run, in order of `at`. */
export interface Change {
  /** ns from the start of the run */
  at: number;
  /** Opens a phase of this name. */
  phase: string | null;
  /** For plots and events: `plan.home.down = 5mbit`. */
  text: string;
  /** What is altered, as the case would be with it: the plans and paths that differ from those in force before, whole. */
  plans: Record<string, Plan>;
  paths: Record<string, Path>;
  /** Likewise traffic, by name, and sites; absent: none. */
  traffic?: Record<string, Traffic>;
  sites?: Record<string, Site>;
  /** Clients that join (true) or leave; absent: nobody. */
  online?: Record<string, boolean>;
  /** Where the [[change]] table stands. */
  file: string;
  line: number;
}

/** Packets of a run that become a file. */
export interface Capture {
  name: string;
  at: "client" | "dataplane";
  /** Names of clients; null = everybody. */
  from: string[] | null;
  side: "access" | "core" | "both";
  /** Bytes of each packet. */
  snaplen: number;
  /** Bytes of all packets. */
  limit: number;
  /** null = the whole run. */
  phases: string[] | null;
  keep: "on-fail" | "always";
}

export interface Client {
  name: string;
  /** The [client.*] table it came from. */
  group: string;
  plan: string;
  path: string | null;
  site: string | null;
  /** Addresses behind the circuit, ≥ 1. */
  hosts: number;
  /** Absent: it is when the run begins. */
  online?: false;
  /** Fixed addresses; assigned by the blueprint when absent. */
  ipv4?: string;
  ipv6?: string;
}

export type BoundOp = "below" | "at_most" | "above" | "at_least" | "equals";

/** A bound in the metric's own unit (seconds, bit/s, ratio, count …). */
export interface Bound {
  op: BoundOp;
  /** For `of: null` the bound itself; for share and plan a fraction (0.95); for `over` the amount added. */
  value: number;
  unit: string;
  /** What `value` is relative to: nothing, the client's share or plan, or the same metric in another case. */
  of: null | "share" | "plan" | { base: true } | { axis: string; value: string };
  /** As written: `95% of share`. */
  text: string;
}

export interface Expectation {
  metric: string;
  bound: Bound;
  gate: "invariant" | "absolute" | "relative";
  per: "client" | "flow" | "site" | "total";
  /** Fraction of the clients that must hold it; 1 = each. */
  for: number;
  /** `pass` normally, `fail` for a control that must fail. */
  outcome: "pass" | "fail";
  because: string;
  /** Where the [[expect]] table stands. */
  file: string;
  line: number;
}
