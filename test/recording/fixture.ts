import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type {
  Blueprint,
  FlowBlueprint,
  ProbeBlueprint,
  RpmScript,
  SessionBlueprint,
  SqmBlueprint,
  StreamBlueprint,
  TransfersScript,
  VideoScript,
  WebScript,
} from "../../harness/blueprint/types.js";
import {
  decodeSegment,
  emptyTable,
  encodeSegment,
  parseRecordsDef,
  type Row,
  type Run,
  type RunEvent,
  TABLE_NAMES,
  type TableName,
  writeSeg,
} from "../../harness/recording/index.js";
import type { Case, Expectation } from "../../harness/scenario/types.js";
import { linesWith } from "../blueprint/line.js";

/** A small synthetic run: everything that a folder holds, in code, so that a test says only what it changes. */
export interface Synthetic {
  case: Case;
  blueprint: Blueprint;
  events: RunEvent[];
  rows: Record<TableName, Row[]>;
}

export const MS = 1e6;
export const SECOND = 1e9;
export const LAYOUTS = parseRecordsDef(readFileSync("native/record/records.def", "utf8"));

export const PHASES = [
  { name: "idle", start: 0, end: 1000 * MS },
  { name: "ramp", start: 1000 * MS, end: 1200 * MS },
  { name: "loaded", start: 1200 * MS, end: 3200 * MS },
  { name: "cooldown", start: 3200 * MS, end: 3500 * MS },
];
const END = 3500 * MS;
const INTERVAL = 10 * MS;
const FRAMING = { base: "ip", overhead: 38, mpu: 84, cell: "none" } as const;

export interface Shape {
  clients?: number;
  /** TCP flows per client, all down. */
  flows?: number;
  down?: number;
  up?: number;
  expectations?: Partial<Expectation>[];
}

/** RTT in seconds of each client's probe packets while idle and while loaded, and goodput of each flow in bit/s. */
export interface Behaviour {
  idle?: (client: number, seq: number) => number;
  loaded?: (client: number, seq: number) => number;
  goodput?: (flow: number, bin: number) => number;
}

/** A healthy run: 20 ms RTT idle, 25 ms loaded, every flow at its even share of 95 % of 20 Mbit/s. */
export function synthetic(shape: Shape = {}, behaviour: Behaviour = {}): Synthetic {
  const blueprint = makeBlueprint(shape);
  const probes = probeRows(blueprint, behaviour);
  return {
    case: makeCase(shape, blueprint),
    blueprint,
    events: healthyEvents(),
    rows: {
      probe: probes,
      tcp_bin: binRows(blueprint, behaviour, shape),
      tcp_info: infoRows(blueprint),
      flow_event: blueprint.traffic.flows.flatMap((flow) => [
        { time: 1000 * MS, flow: flow.id, event: 1 },
        { time: 1020 * MS, flow: flow.id, event: 2 },
        { time: 3200 * MS, flow: flow.id, event: 3 },
      ]),
      udp_bin: [],
      udp_sent: [],
      transfer: [],
      page: [],
      video: [],
      rpm: [],
      dp_client: clientRows(blueprint, probes),
      dp_tin: [],
      dp_reactor: every(100 * MS).map((time, i) => ({
        time,
        rx_access: 500 * i,
        rx_core: 500 * i,
        tx_access: 500 * i,
        tx_core: 500 * i,
        cpu: time * 0.3,
        timer_late_max: 40_000,
      })),
      traffic_reactor: every(100 * MS).map((time) => ({ time, cpu: time * 0.2, late_max: 100_000 })),
    },
  };
}

function every(step: number): number[] {
  return Array.from({ length: END / step }, (_, i) => (i + 1) * step);
}

function names(shape: Shape): string[] {
  return Array.from({ length: shape.clients ?? 2 }, (_, i) => `home-${i + 1}`);
}

function makeBlueprint(shape: Shape): Blueprint {
  const clients = names(shape);
  const { down = 20e6, up = 5e6 } = shape;
  const sqm: SqmBlueprint = { discipline: "pfifo", limit: 1000 };
  const endpoint = (name: string, id: number) => ({ id, name, netns: `/run/netns/t-${name}`, ipv4: [], ipv6: [] });
  return {
    schema: "mqoe-blueprint/1",
    case: "home",
    seed: 1,
    lab: {
      name: "t",
      mac: "02:6d:71:6f:65:01",
      mtu: 1500,
      gateway: { ipv4: "169.254.1.1", ipv6: "fe80::1" },
      access: "/run/netns/t-access",
      core: "/run/netns/t-core",
      dataplane: "/run/netns/t-dataplane",
      stub: false,
      stages: [],
      trunks: [],
      endpoints: [],
    },
    dataplane: {
      schema: "mqoe-dataplane/1",
      kind: "afxdp",
      lab: "t",
      netns: "/run/netns/t-dataplane",
      seed: 1,
      reactors: [{ id: 0, core: 1, access: "a", coreTrunk: "c", frames: 4096, frameSize: 2048 }],
      // As probeRow divides a round trip: a quarter up, three down.
      paths: [{ id: 0, name: "metro", ...linesWith(15 * MS, 5 * MS) }],
      servers: [{ id: 0, name: "web", addresses: [], path: 0 }],
      sites: [],
      clients: clients.map((name, id) => ({
        id,
        name,
        reactor: 0,
        addresses: [],
        path: -1,
        site: -1,
        node: null,
        down: { rate: down, framing: FRAMING, sqm },
        up: { rate: up, framing: FRAMING, sqm },
      })),
      link: null,
      external: null,
    },
    pathStages: [],
    traffic: {
      schema: "mqoe-traffic/1",
      lab: "t",
      seed: 1,
      cores: [0],
      clients: clients.map(endpoint),
      servers: [endpoint("web", 0)],
      flows: clients.flatMap((_, client) =>
        Array.from({ length: shape.flows ?? 2 }, (_unused, i) => makeFlow(client * (shape.flows ?? 2) + i, client)),
      ),
      probes: clients.map((_, client) => makeProbe(client)),
      streams: [],
      sampleInterval: 100 * MS,
      duration: END,
    },
    timeline: { duration: END, phases: PHASES, shares: clients.map((client) => ({ client, down, up })), changes: [] },
  };
}

export function makeFlow(id: number, client: number): FlowBlueprint {
  const endpoints = {
    client,
    server: 0,
    direction: "down",
    family: "ipv4",
    port: 5001,
    clientPort: 0,
    host: 0,
  } as const;
  const socket = { congestionControl: "cubic", dscp: 0, ecn: false };
  return { id, traffic: "bulk", ...endpoints, ...socket, start: 1000 * MS, stop: 3200 * MS };
}

function makeProbe(client: number): ProbeBlueprint {
  const socket = {
    family: "ipv4",
    port: 6001,
    clientPort: 0,
    interval: INTERVAL,
    size: 48,
    dscp: 0,
    ecn: 0,
    host: 0,
  } as const;
  return { id: client, traffic: "ping", client, server: 0, ...socket, start: 0, stop: END, timeout: 2 * SECOND };
}

/**
 * Adds a UDP stream called `flood` to the run: 1000 bytes of payload every millisecond, of which one in ten is lost and
 * one in twenty comes late enough to be overtaken.
 */
export function addStream(s: Synthetic, client: number, direction: "down" | "up" = "down"): StreamBlueprint {
  const { flows, streams } = s.blueprint.traffic;
  const socket = {
    family: "ipv4",
    port: 8001,
    clientPort: 20_001,
    interval: MS,
    size: 1000,
    dscp: 0,
    host: 0,
  } as const;
  const life = { start: 1000 * MS, stop: 3200 * MS };
  const id = flows.length + streams.length;
  const stream = { id, traffic: "flood", client, server: 0, direction, ...socket, ...life };
  streams.push(stream);
  for (let end = 1100 * MS; end <= 3500 * MS; end += 100 * MS) {
    const packets = end <= 3200 * MS ? 100 : 0;
    const arrived = packets * 0.9;
    const out = { time: end, stream: id, packets, bytes: packets * 1000, lost: packets * 0.1, late_max: 50_000 };
    s.rows.udp_sent.push(out);
    s.rows.udp_bin.push({ time: end, stream: id, packets: arrived, bytes: arrived * 1000, reordered: packets / 20 });
  }
  return stream;
}

/** Adds a session of traffic `page`, ids from 100 on, that reads 2 Mbit/s; pages of two objects, which the rows of `addPage` say. */
export function addBrowser(s: Synthetic, client: number, life = { start: 0, stop: END }): SessionBlueprint {
  const script: WebScript = { kind: "web", connections: 6, reuse: false, pages: [[1000, 1000]], thinks: [0] };
  return addSession(s, client, { traffic: "page", script, ...life });
}

/** A page with its document and an object; times in ms, `result` as in the record. */
export function addPage(s: Synthetic, session: number, started: number, took: number, result = 0): void {
  const page = s.rows.page.filter((row) => row.session === session).length;
  const [at, end] = [started * MS, (started + took) * MS];
  s.rows.page.push({ time: end, session, page, started: at, objects: 2, failed: result === 1 ? 1 : 0, result });
  const document = { session, index: 2 * page, group: page, label: 1, fresh: 1, asked: at, connected: at + MS };
  s.rows.transfer.push({ ...document, time: at + (took / 2) * MS, first_byte: at + (took / 4) * MS });
  const object = { session, index: 2 * page + 1, group: page, label: 2, asked: at + (took / 2) * MS };
  s.rows.transfer.push({ ...object, time: end, first_byte: end, result });
}

/** Adds a session of traffic `file`, ids from 100 on, which loads 100 kB again and again; its transfers `addTransfer` says. */
export function addLoader(s: Synthetic, client: number): SessionBlueprint {
  const script: TransfersScript = { kind: "transfers", loop: "closed", transfers: [{ wait: 0, up: 0, down: 100_000 }] };
  const session = addSession(s, client, { traffic: "file", script, start: 1000 * MS, stop: 3200 * MS });
  const ofFirst = s.rows.tcp_info.filter((row) => row.flow === 0);
  s.rows.tcp_info.push(...ofFirst.map((row) => ({ ...row, flow: session.id })));
  return session;
}

/** A transfer that is connected after 20 ms; times in ms, `result` as in the record. */
export function addTransfer(s: Synthetic, session: number, asked: number, took: number, result = 0): void {
  const index = s.rows.transfer.filter((row) => row.session === session).length;
  const [at, time] = [asked * MS, (asked + took) * MS];
  const sizes = { up_bytes: 0, down_bytes: 100_000, down_received: result === 0 ? 100_000 : 0 };
  const connected = result === 1 ? 0 : at + 20 * MS;
  s.rows.transfer.push({ time, session, index, label: 0, result, fresh: 1, asked: at, connected, ...sizes });
}

/** Adds a session of traffic `film`, ids from 100 on; what happens in its player `addMoment` says. */
export function addPlayer(s: Synthetic, client: number): SessionBlueprint {
  const lengths = { segment: SECOND, buffer: 4 * SECOND, startup: SECOND, resume: SECOND };
  const script: VideoScript = { kind: "video", ...lengths, adaptation: "dynamic", bitrates: [1e6, 2e6], sizes: [1000] };
  return addSession(s, client, { traffic: "film", script, start: 1000 * MS, stop: 3200 * MS });
}

/** Adds a test of responsiveness, traffic `test`, ids from 100 on, whose intervals last 500 ms; `addInterval` says what happens. */
export function addTester(s: Synthetic, client: number, direction: RpmScript["direction"] = "down"): SessionBlueprint {
  const limits = { interval: 500 * MS, mad: 2, connections: 16, probes: 100, frame: 4096 };
  const script: RpmScript = { kind: "rpm", direction, ...limits };
  return addSession(s, client, { traffic: "test", script, start: 1000 * MS, stop: 3200 * MS });
}

/** The test's next interval, in which two probes are answered; ms of handshake, request, and request under load. */
export function addInterval(
  s: Synthetic,
  session: number,
  [tcp, http, loaded]: readonly [number, number, number],
  stable = 1,
): void {
  const interval = s.rows.rpm.filter((row) => row.session === session).length;
  const time = (1500 + interval * 500) * MS;
  s.rows.rpm.push({ time, session, interval, connections: interval + 1, stable, foreign: 1, self: 1, bytes: 1e6 });
  const end = time - 100 * MS;
  const connected = end - http * MS;
  const index = 2 * interval;
  const foreign = { session, index, group: interval, label: 1, fresh: 1, asked: connected - tcp * MS, connected };
  s.rows.transfer.push({ ...foreign, time: end });
  s.rows.transfer.push({ session, index: index + 1, group: interval, label: 2, asked: end - loaded * MS, time: end });
}

/** video.event */
export const VIDEO = { started: 1, segment: 2, plays: 3, stalls: 4, failed: 5, ended: 6 } as const;

/** Times and contents in ms. */
export function addMoment(
  s: Synthetic,
  session: number,
  time: number,
  event: keyof typeof VIDEO,
  [value = 0, buffered = 0, rung = 0]: readonly number[] = [],
): void {
  s.rows.video.push({ time: time * MS, session, event: VIDEO[event], rung, value, buffered: buffered * MS });
}

/** Plays from 1.1 s on, stalls from 2.1 to 2.4 s, and ends with 200 ms buffered. */
export function addFilm(s: Synthetic, session: number): void {
  addMoment(s, session, 1000, "started");
  addMoment(s, session, 1100, "segment", [1e6, 1000]);
  addMoment(s, session, 1100, "plays", [100 * MS, 1000]);
  addMoment(s, session, 2100, "stalls", [0, 0, 1]);
  addMoment(s, session, 2400, "segment", [2e6, 1000, 1]);
  addMoment(s, session, 2400, "plays", [300 * MS, 1000, 1]);
  addMoment(s, session, 2600, "segment", [2e6, 1800, 1]);
  addMoment(s, session, 3000, "segment", [1e6, 2400, 0]);
  addMoment(s, session, 3200, "ended", [0, 2200]);
}

function addSession(
  s: Synthetic,
  client: number,
  own: Pick<SessionBlueprint, "traffic" | "script" | "start" | "stop">,
): SessionBlueprint {
  s.blueprint.traffic.sessions ??= [];
  const id = 100 + s.blueprint.traffic.sessions.length;
  const ends = { client, server: 0, family: "ipv4", port: 6001, host: 0, rtt: 20 * MS } as const;
  const session = { id, ...ends, congestionControl: "cubic", dscp: 0, ecn: false, ...own };
  s.blueprint.traffic.sessions.push(session);
  for (let end = own.start + 100 * MS; end <= own.stop; end += 100 * MS)
    s.rows.tcp_bin.push({ time: end, flow: id, bytes: 25_000, reads: 1 });
  return session;
}

function makeCase(shape: Shape, blueprint: Blueprint): Case {
  const clients = names(shape);
  const sqm = { discipline: "pfifo", limit: 1000 } as const;
  const { down = 20e6, up = 5e6 } = shape;
  return {
    id: "home",
    file: "home.toml",
    title: "A home line",
    tags: [],
    matrix: {},
    duration: END,
    phases: { idle: 1000 * MS, ramp: 200 * MS, loaded: 2000 * MS, cooldown: 300 * MS },
    repeat: 1,
    seed: 1,
    mtu: 1500,
    dataplane: { kind: "afxdp", reactors: 1 },
    plans: {
      home: { down, up, framing: { keyword: "ethernet", ...FRAMING }, sqmDown: sqm, sqmUp: sqm, shaper: "tree" },
    },
    paths: {},
    sites: {},
    changes: [],
    servers: { web: { path: null } },
    clients: clients.map((name) => ({ name, group: "home", plan: "home", path: null, site: null, hosts: 1 })),
    traffic: [
      {
        kind: "tcp",
        name: "bulk",
        from: clients,
        to: "web",
        family: "ipv4",
        dscp: 0,
        host: null,
        direction: "down",
        flows: blueprint.traffic.flows.length / clients.length,
        congestionControl: "cubic",
        ecn: false,
      },
      {
        kind: "probe",
        name: "ping",
        from: clients,
        to: "web",
        family: "ipv4",
        dscp: 0,
        host: null,
        interval: INTERVAL,
        size: 48,
      },
    ],
    expectations: (shape.expectations ?? []).map(expectation),
  };
}

export function expectation(given: Partial<Expectation> = {}): Expectation {
  return {
    metric: "ping.rtt.p99",
    bound: { op: "below", value: 0.03, unit: "s", of: null, text: "30ms" },
    gate: "absolute",
    per: "client",
    for: 1,
    outcome: "pass",
    because: "",
    file: "home.toml",
    line: 1,
    ...given,
  };
}

function probeRows(blueprint: Blueprint, behaviour: Behaviour): Row[] {
  const idle = behaviour.idle ?? (() => 0.02);
  const loaded = behaviour.loaded ?? (() => 0.025);
  return blueprint.traffic.probes.flatMap((probe) =>
    every(probe.interval).map((_, seq) => {
      const due = seq * probe.interval;
      const underLoad = due >= 1000 * MS && due < 3200 * MS;
      return probeRow(probe.id, seq, due, Math.round((underLoad ? loaded : idle)(probe.client, seq) * SECOND));
    }),
  );
}

/** A packet that took `rtt` ns, a quarter of it up, and 50 µs in the server. */
export function probeRow(probe: number, seq: number, due: number, rtt: number): Row {
  const client_sent = due + 20_000;
  const server_received = client_sent + rtt / 4;
  const server_sent = server_received + 50_000;
  const client_received = server_sent + (rtt * 3) / 4;
  const times = { client_sent, server_received, server_sent, client_received };
  return { time: due, probe, seq, ...times, up_copies: 1, down_copies: 1 };
}

/** The same packet, lost on its way up. */
export function lose(row: Row): Row {
  return { ...row, server_received: 0, server_sent: 0, client_received: 0, up_copies: 0, down_copies: 0 };
}

function binRows(blueprint: Blueprint, behaviour: Behaviour, shape: Shape): Row[] {
  const even = ((shape.down ?? 20e6) * 0.93) / (shape.flows ?? 2);
  const goodput = behaviour.goodput ?? (() => even);
  return blueprint.traffic.flows.flatMap((flow) =>
    Array.from({ length: 22 }, (_, bin) => ({
      time: 1100 * MS + bin * 100 * MS,
      flow: flow.id,
      reads: 1,
      bytes: Math.round(goodput(flow.id, bin) / 80),
    })),
  );
}

function infoRows(blueprint: Blueprint): Row[] {
  return blueprint.traffic.flows.flatMap((flow) =>
    Array.from({ length: 22 }, (_, i) => ({
      time: 1100 * MS + i * 100 * MS,
      flow: flow.id,
      rtt: 25_000 + i,
      cwnd: 10 + i,
      bytes_sent: 100_000 * (i + 1),
      bytes_retrans: 1_000 * i,
    })),
  );
}

/**
 * Every 100 ms 150 full frames down and 75 acknowledgements up, sojourn 2 ms (p50), 8 ms (p99), 10 ms (max) – or, where
 * a probe packet was longer on its way, as long as that: it waited in the queue.
 */
function clientRows(blueprint: Blueprint, probes: readonly Row[]): Row[] {
  return blueprint.dataplane.clients.flatMap((client) => {
    const own = probes.filter(({ probe }) => blueprint.traffic.probes[probe as number]?.client === client.id);
    const waits = own.map((row) => (row.client_received as number) - (row.client_sent as number) - 20 * MS);
    const longest = waits.reduce((most, ns) => Math.max(most, ns), 10 * MS);
    return [0, 1].flatMap((direction) =>
      every(100 * MS).map((time, i) => {
        const packets = (i + 1) * (direction === 0 ? 150 : 75);
        const size = direction === 0 ? 1538 : 90;
        return {
          time,
          client: client.id,
          direction,
          in_packets: packets,
          out_packets: packets,
          out_bytes: packets * size,
          out_shaped_bytes: packets * size,
          drop_aqm: i,
          drop_overflow: 2 * i,
          marks: 3 * i,
          sojourn_sum: packets * 3 * MS,
          sojourn_max: longest,
          sojourn_p50: 2 * MS,
          sojourn_p99: 8 * MS,
          backlog_packets: 5,
        };
      }),
    );
  });
}

export function healthyEvents(): RunEvent[] {
  const machine = (busy: number, total: number) => ({
    cpu: { busy, total, steal: 0, cores: [] },
    softnet: { dropped: 7, squeezed: 0 },
  });
  const dropped = { aqm: 100, overflow: 0, path: 0, rig: 0 };
  return [
    { event: "counters", time: -0.1, when: "start", ...machine(1000, 2000) },
    { event: "counters", time: 3.5, when: "traffic-end", ...machine(1300, 2700) },
    { event: "counters", time: 3.6, when: "end", ...machine(1300, 2720), endpoints: {}, ports: {} },
    { event: "accounting", time: 3.6, in: 50_000, out: 49_900, dropped, held: 0, unaccounted: 0 },
    { event: "done", time: 3.7, reason: "complete" },
  ];
}

/** The run in memory, its tables having gone through the bytes of a segment. */
export function runOf(s: Synthetic): Run {
  const tables = Object.fromEntries(
    TABLE_NAMES.map((name) => {
      const layout = LAYOUTS.get(name);
      if (layout === undefined || s.rows[name].length === 0) return [name, emptyTable(name)];
      return [name, decodeSegment(encodeSegment(layout, "test", s.rows[name]), `test.${name}.seg`)];
    }),
  ) as Run["tables"];
  const { events, blueprint } = s;
  return { dir: "test", case: s.case, blueprint, environment: {}, events, tables, problems: [] };
}

/** Writes `<dir>/<case>/run-1` as a real run leaves it; returns the run's folder. */
export function writeRunFolder(dir: string, s: Synthetic): string {
  const run = join(dir, "home", "run-1");
  mkdirSync(run, { recursive: true });
  writeFileSync(join(dirname(run), "case.json"), JSON.stringify(s.case));
  writeFileSync(join(run, "blueprint.json"), JSON.stringify(s.blueprint));
  writeFileSync(join(run, "environment.json"), "{}");
  writeFileSync(join(run, "events.jsonl"), s.events.map((event) => `${JSON.stringify(event)}\n`).join(""));
  for (const name of TABLE_NAMES) {
    const layout = LAYOUTS.get(name);
    if (layout !== undefined) writeSeg(join(run, "samples"), layout, "test-0", s.rows[name]);
  }
  return run;
}
