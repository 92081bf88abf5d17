import type {
  Blueprint,
  DataplaneClientBlueprint,
  ShaperBlueprint,
  SqmBlueprint,
} from "../../harness/blueprint/types.js";
import type { Metrics, MetricUnit } from "../../harness/metrics/types.js";
import type {
  CaseReport,
  LatencySeries,
  QueueSeries,
  ReportInput,
  RunSeries,
  ThroughputSeries,
} from "../../harness/report/types.js";
import type { Case, Sqm } from "../../harness/scenario/types.js";
import type { CaseResult, ExpectationResult, Results, Verdict } from "../../harness/verdict/types.js";
import { linesWith } from "../blueprint/line.js";

/** Synthetic runs that look like real ones; the same arguments always give the same bytes. */

export type Discipline = "fq_codel" | "pfifo" | "none";

export interface FixtureOptions {
  clients?: number;
  /** One case per discipline, as if by [matrix]. */
  disciplines?: Discipline[];
  runs?: number;
  /** Seconds between probes. */
  probeInterval?: number;
  seconds?: number;
  title?: string;
}

const MBIT = 1e6;
const DOWN = 20 * MBIT;
const UP = 10 * MBIT;
const RTT = 0.02;

/** mulberry32, public domain. */
export function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export function makeInput(options: FixtureOptions = {}): ReportInput {
  const disciplines = options.disciplines ?? ["fq_codel"];
  const cases = disciplines.map((discipline) => makeCase(discipline, disciplines.length > 1, options));
  const verdict: Verdict = cases.some((c) => c.result.verdict === "fail") ? "fail" : "pass";
  const results: Results = { schema: "mqoe-results/1", verdict, cases: cases.map((c) => c.result) };
  return {
    results,
    cases,
    generatedAt: "2026-11-21T09:31:36.000Z",
    command: "mqoe run scenarios/quickstart --html report.html",
    version: "0.1.0",
  };
}

function makeCase(discipline: Discipline, matrix: boolean, options: FixtureOptions): CaseReport {
  const names = clientNames(options.clients ?? 1);
  const runs = Array.from({ length: options.runs ?? 1 }, (_, i) => ({
    repeat: i + 1,
    blueprint: makeBlueprint(discipline, names, options),
    environment: makeEnvironment(),
    series: makeSeries(discipline, names, i + 1, options),
  }));
  return {
    result: makeResult(discipline, matrix, names, options),
    case: makeScenario(discipline, names, matrix, options),
    runs,
  };
}

export function clientNames(count: number): string[] {
  return Array.from({ length: count }, (_, i) => {
    if (count === 1) return "home";
    return i % 5 === 4 ? `office-${Math.floor(i / 5) + 1}` : `home-${i - Math.floor(i / 5) + 1}`;
  });
}

function sqmOf(discipline: Discipline): Sqm {
  if (discipline === "pfifo") return { discipline, limit: 1000 };
  if (discipline === "none") return { discipline };
  const fq = { target: 5e6, interval: 100e6, quantum: 1514, flows: 1024, limit: 10240, memoryLimit: 32 << 20 };
  return { discipline, ...fq, ecn: true, ceThreshold: null };
}

function makeScenario(discipline: Discipline, names: string[], matrix: boolean, options: FixtureOptions): Case {
  const seconds = options.seconds ?? 30;
  const sqm = sqmOf(discipline);
  const framing = { keyword: "ethernet", base: "frame", overhead: 24, mpu: 84, cell: "none" } as const;
  return {
    id: caseId(discipline, matrix),
    file: "scenarios/quickstart/home-line.toml",
    title: titleOf(options),
    tags: ["quickstart"],
    matrix: matrix ? { sqm: discipline } : {},
    duration: seconds * 1e9,
    phases: { idle: 5e9, ramp: 3e9, loaded: (seconds - 10) * 1e9, cooldown: 2e9 },
    repeat: options.runs ?? 1,
    seed: 1,
    mtu: 1500,
    dataplane: { kind: "afxdp", reactors: 1 },
    plans: { home: { down: DOWN, up: UP, framing, sqmDown: sqm, sqmUp: sqm, shaper: "tree" } },
    paths: { metro: linesWith((RTT / 2) * 1e9, (RTT / 2) * 1e9) },
    servers: { web: { path: "metro" } },
    clients: names.map((name) => ({
      name,
      group: name.replace(/-\d+$/u, ""),
      plan: "home",
      path: null,
      site: null,
      hosts: 1,
    })),
    sites: {},
    traffic: [],
    changes: [],
    expectations: [],
  };
}

const titleOf = (options: FixtureOptions) => options.title ?? "A home link stays responsive while everyone downloads";
const caseId = (discipline: Discipline, matrix: boolean) => (matrix ? `home-line[sqm=${discipline}]` : "home-line");

function makeBlueprint(discipline: Discipline, names: string[], options: FixtureOptions): Blueprint {
  const seconds = options.seconds ?? 30;
  const reactors = names.length > 50 ? 2 : 1;
  const sqm = sqmOf(discipline);
  const blueprintSqm = (sqm.discipline === "fq_codel" ? { ...sqm, ceThreshold: -1 } : sqm) as SqmBlueprint;
  const shaper = (rate: number): ShaperBlueprint => ({
    rate,
    framing: { base: "frame", overhead: 24, mpu: 84, cell: "none" },
    sqm: blueprintSqm,
  });
  const client = (name: string, id: number): DataplaneClientBlueprint => ({
    id,
    name,
    reactor: id % reactors,
    addresses: [`10.0.${id >> 8}.${id & 255}`],
    path: -1,
    site: -1,
    node: null,
    down: shaper(DOWN),
    up: shaper(UP),
  });
  return {
    schema: "mqoe-blueprint/1",
    case: caseId(discipline, false),
    seed: 1,
    lab: makeLab(names, reactors),
    dataplane: {
      schema: "mqoe-dataplane/1",
      kind: "afxdp",
      lab: "mq1",
      netns: "/run/netns/mq1-dp",
      seed: 1,
      reactors: Array.from({ length: reactors }, (_, id) => ({
        id,
        core: id,
        access: `a${id}`,
        coreTrunk: `c${id}`,
        frames: 16384,
        frameSize: 2048 as const,
      })),
      paths: [{ id: 0, name: "metro", ...linesWith((RTT / 2) * 1e9, (RTT / 2) * 1e9) }],
      servers: [{ id: 0, name: "web", addresses: ["10.255.0.1", "fd00::1"], path: 0 }],
      clients: names.map(client),
      sites: [],
      link: null,
      external: null,
    },
    pathStages: [],
    traffic: {
      schema: "mqoe-traffic/1",
      lab: "mq1",
      seed: 1,
      cores: [1],
      clients: [],
      servers: [],
      flows: [],
      probes: [],
      streams: [],
      sampleInterval: 1e8,
      duration: seconds * 1e9,
    },
    timeline: {
      duration: seconds * 1e9,
      phases: phasesOf(seconds).map((p) => ({ name: p.name, start: p.start * 1e9, end: p.end * 1e9 })),
      shares: names.map((name) => ({ client: name, down: DOWN, up: UP })),
      changes: [],
    },
  };
}

function makeLab(names: string[], reactors: number): Blueprint["lab"] {
  const endpoint = (role: "client" | "server", name: string, id: number) => ({
    role,
    name,
    netns: `/run/netns/mq1-${name}`,
    port: `p${id}`,
    shard: id % reactors,
    ipv4: [`10.0.0.${id}`],
    ipv6: [],
    sysctl: {},
  });
  return {
    name: "mq1",
    mac: "02:00:00:00:00:01",
    mtu: 1500,
    gateway: { ipv4: "10.0.0.254", ipv6: "fe80::1" },
    access: "/run/netns/mq1-access",
    core: "/run/netns/mq1-core",
    stub: false,
    stages: [],
    dataplane: "/run/netns/mq1-dp",
    trunks: [],
    endpoints: [endpoint("server", "web", 0), ...names.map((name, i) => endpoint("client", name, i + 1))],
  };
}

function makeEnvironment(): object {
  return {
    date: "2026-11-21T09:31:36.000Z",
    command: "mqoe run scenarios/quickstart",
    mqoe: { version: "0.1.0", commit: "a5399a6" },
    node: "v20.20.2",
    kernel: { release: "6.18.0", version: "#1 SMP PREEMPT_DYNAMIC" },
    cpu: { model: "AMD EPYC 9R14", cores: 2 },
    memoryBytes: 8 * 2 ** 30,
    settings: {
      "net.ipv4.tcp_available_congestion_control": "reno cubic bbr",
      "net.core.default_qdisc": "pfifo_fast",
      "net.core.netdev_budget": "300",
    },
    native: { dataplane: { xdp: "native", need_wakeup: true } },
  };
}

export function phasesOf(seconds: number): RunSeries["phases"] {
  return [
    { name: "idle", start: 0, end: 5, loaded: false },
    { name: "ramp", start: 5, end: 8, loaded: false },
    { name: "loaded", start: 8, end: seconds - 2, loaded: true },
    { name: "cooldown", start: seconds - 2, end: seconds, loaded: false },
  ];
}

function makeSeries(discipline: Discipline, names: string[], seed: number, options: FixtureOptions): RunSeries {
  const seconds = options.seconds ?? 30;
  const interval = options.probeInterval ?? 0.01;
  return {
    phases: phasesOf(seconds),
    changes: [],
    latency: names.map((name, i) => latencyOf(name, discipline, generator(seed * 1000 + i), seconds, interval)),
    throughput: names.map((name, i) => throughputOf(name, generator(seed * 2000 + i), seconds)),
    queue: names.flatMap((name, i) =>
      (["down", "up"] as const).map((direction) =>
        queueOf(name, direction, discipline, generator(seed * 3000 + i), seconds),
      ),
    ),
  };
}

const isLoaded = (time: number, seconds: number) => time >= 5.2 && time < seconds - 2;

/** Standing queue in seconds: a FIFO's sawtooth under Cubic, or CoDel's few milliseconds. */
function queueDelay(discipline: Discipline, time: number, seconds: number, random: () => number): number {
  if (!isLoaded(time, seconds) || discipline === "none") return 0;
  const ramp = Math.min(1, (time - 5.2) / 2);
  if (discipline === "pfifo") return ramp * (0.38 + 0.22 * ((((time * 0.23) % 1) + 1) % 1) - 0.02 * random());
  return ramp * 0.0045 * (random() ** 2 + 0.15) + (random() > 0.993 ? 0.004 * random() : 0);
}

function latencyOf(
  client: string,
  discipline: Discipline,
  random: () => number,
  seconds: number,
  interval: number,
): LatencySeries {
  const time: number[] = [];
  const rtt: (number | null)[] = [];
  for (let i = 0; i * interval < seconds; i++) {
    const at = i * interval;
    const lost = isLoaded(at, seconds) && random() < (discipline === "pfifo" ? 0.004 : 0.0003);
    time.push(at);
    rtt.push(lost ? null : RTT + 0.0002 * random() + queueDelay(discipline, at, seconds, random));
  }
  const half = rtt.map((v) => (v === null ? null : v / 2));
  return { client, traffic: "ping", time, rtt, owdDown: half, owdUp: half };
}

function throughputOf(client: string, random: () => number, seconds: number): ThroughputSeries {
  const time = Array.from({ length: Math.round(seconds * 10) }, (_, i) => (i + 1) / 10);
  const rate = (full: number) => (at: number) => (isLoaded(at, seconds) ? full * (0.9 + 0.05 * random()) : 0);
  return { client, time, down: time.map(rate(DOWN)), up: time.map(rate(UP)) };
}

function queueOf(
  client: string,
  direction: "down" | "up",
  discipline: Discipline,
  random: () => number,
  seconds: number,
): QueueSeries {
  const time = Array.from({ length: Math.round(seconds * 10) }, (_, i) => (i + 1) / 10);
  const p50 = time.map((at) => queueDelay(discipline, at, seconds, random));
  const dropping = (at: number) => (isLoaded(at, seconds) && random() > 0.7 ? Math.ceil(random() * 4) : 0);
  return {
    client,
    direction,
    time,
    sojournP50: p50,
    sojournP99: p50.map((v) => v * 1.6),
    sojournMax: p50.map((v) => v * (1.8 + random())),
    backlogPackets: p50.map((v) => Math.round((v * DOWN) / 12000)),
    drops: time.map(dropping),
    marks: time.map((at) => (discipline === "fq_codel" ? dropping(at) : 0)),
  };
}

const metric = (value: number | null, unit: MetricUnit, count = 1500) => ({ value, unit, count });

function metricsOf(discipline: Discipline, spread: number): Metrics {
  const loaded = discipline === "pfifo" ? 0.512 : 0.0221;
  const grade = discipline === "pfifo" ? 1 : 6;
  return {
    "ping.idle.rtt.p50": metric(0.0201, "s", 500),
    "ping.idle.rtt.p99": metric(0.0203, "s", 500),
    "ping.rtt.p50": metric(loaded * (1 + spread), "s"),
    "ping.rtt.p99": metric(loaded * (1.16 + spread), "s"),
    "ping.induced.p99": metric(loaded * (1.16 + spread) - 0.0201, "s"),
    "ping.loss": metric(discipline === "pfifo" ? 0.004 : 0.0003, "ratio"),
    "ping.grade": metric(grade, "grade"),
    "bulk.goodput": { ...metric(DOWN * (0.93 - spread / 10), "bit/s", 200), layer: "goodput" },
    "bulk.rtt.p50": metric(loaded, "s", 300),
    "bulk.rtt.p99": metric(loaded * 1.2, "s", 300),
    "dataplane.drops": metric(412, "packets"),
    "dataplane.marks": metric(discipline === "fq_codel" ? 387 : 0, "packets"),
  };
}

export function makeExpectation(part: Partial<ExpectationResult> = {}): ExpectationResult {
  return {
    metric: "ping.induced.p99",
    bound: { op: "below", value: 0.03, unit: "s", of: null, text: "30ms" },
    gate: "absolute",
    per: "client",
    for: 1,
    outcome: "pass",
    value: 0.0055,
    worst: { client: "home-2", value: 0.0058, limit: 0.03 },
    verdict: "pass",
    reason: "",
    file: "scenarios/quickstart/home-line.toml",
    line: 52,
    ...part,
  };
}

function expectationsOf(discipline: Discipline, worst: string): ExpectationResult[] {
  const slow = discipline === "pfifo";
  return [
    makeExpectation({
      value: slow ? 0.574 : 0.0055,
      worst: { client: worst, value: slow ? 0.579 : 0.0058, limit: 0.03 },
      verdict: slow ? "expected-fail" : "pass",
      outcome: slow ? "fail" : "pass",
      reason: slow ? "a 1000-packet FIFO is the thing this suite must detect" : "",
    }),
    makeExpectation({
      metric: "bulk.goodput",
      bound: { op: "at_least", value: 0.9, unit: "ratio", of: "share", text: "90% of share" },
      value: 18.6e6,
      worst: { client: worst, value: 18.4e6, limit: 18e6 },
      line: 56,
    }),
    makeExpectation({
      metric: "dataplane.unaccounted",
      bound: { op: "equals", value: 0, unit: "packets", of: null, text: "0" },
      per: "total",
      value: 0,
      worst: null,
      line: 60,
    }),
  ];
}

export function makeResult(
  discipline: Discipline = "fq_codel",
  matrix = false,
  names: string[] = ["home"],
  options: FixtureOptions = {},
): CaseResult {
  const worst = names[Math.min(1, names.length - 1)] as string;
  const random = generator(7);
  return {
    id: caseId(discipline, matrix),
    scenario: "scenarios/quickstart/home-line.toml",
    title: titleOf(options),
    matrix: matrix ? { sqm: discipline } : {},
    world: "live",
    dataplane: "afxdp",
    verdict: discipline === "pfifo" ? "expected-fail" : "pass",
    reason: "",
    wall_s: 31.24,
    accounting: {
      in: 101_412,
      duplicated: 0,
      out: 100_608,
      dropped: { aqm: 412, overflow: discipline === "pfifo" ? 390 : 0, path: 0, rig: 0 },
      held: discipline === "pfifo" ? 2 : 392,
      unaccounted: 0,
    },
    metrics: metricsOf(discipline, 0),
    by: Object.fromEntries(names.map((name) => [`client/${name}`, metricsOf(discipline, random() * 0.2)])),
    expectations: expectationsOf(discipline, worst),
    runs: Array.from({ length: options.runs ?? 1 }, (_, i) => ({
      repeat: i + 1,
      seed: i + 1,
      verdict: "pass" as const,
      wall_s: 31.24,
      metrics: metricsOf(discipline, 0),
      health: {
        verdict: "ok" as const,
        checks: [
          { name: "cpu-headroom", verdict: "ok" as const, value: 0.41, limit: 0.1, unit: "ratio", reason: "" },
          { name: "generator-late", verdict: "ok" as const, value: 0.0008, limit: 0.01, unit: "s", reason: "" },
          { name: "kernel-drops", verdict: "ok" as const, value: 0, limit: 0, unit: "packets", reason: "" },
        ],
      },
    })),
  };
}
