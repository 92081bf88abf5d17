import type { Direction, SessionBlueprint } from "../blueprint/types.js";
import { column, type Run, type Table } from "../recording/index.js";
import { percentile } from "../stats/index.js";
import { type Context, makeContext, rowsBy } from "./context.js";
import { DEFAULT_PHASE } from "./names.js";
import { groupBy } from "./sheet.js";

/** What is plotted over time. Times are seconds from t0, latencies seconds, rates bit/s of goodput. */
export interface RunSeries {
  /** `loaded`: under full load, the phases that changes cut out of it too. */
  phases: { name: string; start: number; end: number; loaded: boolean }[];
  /** What was changed while the run went on. */
  changes: { at: number; text: string }[];
  latency: LatencySeries[];
  throughput: ThroughputSeries[];
  queue: QueueSeries[];
}

/** One value per probe packet, at the time it was due; null = lost. */
export interface LatencySeries {
  client: string;
  traffic: string;
  time: number[];
  rtt: (number | null)[];
  owdDown: (number | null)[];
  owdUp: (number | null)[];
}

/** Goodput of all of a client's flows, streams and sessions in bins; `time` is a bin's end. */
export interface ThroughputSeries {
  client: string;
  time: number[];
  down: number[];
  up: number[];
}

/** One direction of a client's bottleneck queue. Drops and marks are per interval, backlog is at its end. */
export interface QueueSeries {
  client: string;
  direction: "down" | "up";
  time: number[];
  sojournP50: number[];
  sojournP99: number[];
  sojournMax: number[];
  backlogPackets: number[];
  drops: number[];
  marks: number[];
}

const SECOND = 1e9;
/** Bit of probe.flags: never sent. */
const NOT_SENT = 4;

/**
 * Everything that is plotted over time, sample by sample, nothing averaged. What bounds it: at most `maxPackets` probe
 * packets; where a run has more, whole clients are left out, those with the lowest p99 first, so that whoever suffered
 * stays. Throughput and queues are 10 Hz and kept for the same clients. Null when there is no blueprint to read by.
 */
export function deriveSeries(run: Run, maxPackets = 1_000_000): RunSeries | null {
  if (run.blueprint === null) return null;
  const context = makeContext(run, run.blueprint);
  const all = latencySeries(context);
  const latency = withinBudget(all, maxPackets);
  const omitted = new Set(all.map((s) => s.client));
  for (const { client } of latency) omitted.delete(client);
  return {
    phases: context.phases.map(({ name, start, end, of = name }) => {
      return { name, start: start / SECOND, end: end / SECOND, loaded: of === DEFAULT_PHASE };
    }),
    // Recordings of older versions have none.
    changes: (run.blueprint.timeline.changes ?? []).map(({ at, text }) => ({ at: at / SECOND, text })),
    latency,
    throughput: throughputSeries(context).filter((s) => !omitted.has(s.client)),
    queue: queueSeries(context).filter((s) => !omitted.has(s.client)),
  };
}

function latencySeries({ run, blueprint, shares }: Context): LatencySeries[] {
  const table = run.tables.probe;
  const [due, t1, t2] = ["time", "client_sent", "server_received"].map((name) => column(table, name));
  const [t3, t4, flags] = ["server_sent", "client_received", "flags"].map((name) => column(table, name));
  const rows = rowsBy(table, "probe", "time");
  const value = (values: Float64Array | undefined, row: number): number => values?.[row] as number;
  const between = (from: Float64Array | undefined, to: Float64Array | undefined, row: number): number | null =>
    value(from, row) !== 0 && value(to, row) !== 0 ? value(to, row) - value(from, row) : null;
  const seconds = (ns: number | null): number | null => (ns === null ? null : ns / SECOND);
  return blueprint.traffic.probes.map((probe) => {
    const sent = (rows.get(probe.id) ?? []).filter((row) => (value(flags, row) & NOT_SENT) === 0);
    const rtt = (row: number): number | null => {
      const total = between(t1, t4, row);
      return seconds(total === null ? null : total - (between(t2, t3, row) ?? 0));
    };
    return {
      client: shares.clientName(probe.client),
      traffic: probe.traffic,
      time: sent.map((row) => value(due, row) / SECOND),
      rtt: sent.map(rtt),
      owdDown: sent.map((row) => seconds(between(t3, t4, row))),
      owdUp: sent.map((row) => seconds(between(t1, t2, row))),
    };
  });
}

/** All of it when it fits; else the worst first, in the order they were given. */
function withinBudget(all: LatencySeries[], maxPackets: number): LatencySeries[] {
  if (all.reduce((n, s) => n + s.time.length, 0) <= maxPackets) return all;
  const p99 = (s: LatencySeries): number =>
    percentile(
      s.rtt.filter((rtt) => rtt !== null),
      99,
    ) ?? Number.POSITIVE_INFINITY;
  const kept = new Set<LatencySeries>();
  let left = maxPackets;
  for (const { series } of all.map((series) => ({ series, p99: p99(series) })).sort((a, b) => b.p99 - a.p99)) {
    left -= series.time.length;
    if (left < 0) break;
    kept.add(series);
  }
  return all.filter((series) => kept.has(series));
}

function throughputSeries({ run, blueprint, shares }: Context): ThroughputSeries[] {
  const binsOfFlows = binReader(run.tables.tcp_bin, "flow");
  const binsOfStreams = binReader(run.tables.udp_bin, "stream");
  const toRate = (8 * SECOND) / blueprint.traffic.sampleInterval;
  // Absent from recordings of older versions.
  const sessions = groupBy(blueprint.traffic.sessions ?? [], (s) => [`${directionOf(s)} ${s.client}`]);
  return blueprint.traffic.clients.flatMap((client) => {
    const bins = new Map<number, { down: number; up: number }>();
    for (const direction of ["down", "up"] as const) {
      const flows = shares.flowsOf(client.name, direction).flatMap(({ id }) => binsOfFlows(id));
      const streams = shares.streamsOf(client.name, direction).flatMap(({ id }) => binsOfStreams(id));
      const asked = (sessions.get(`${direction} ${client.id}`) ?? []).flatMap(({ id }) => binsOfFlows(id));
      for (const { end, bytes } of [...flows, ...streams, ...asked]) {
        const bin = bins.get(end) ?? { down: 0, up: 0 };
        bin[direction] += bytes * toRate;
        bins.set(end, bin);
      }
    }
    const ends = [...bins.keys()].sort((a, b) => a - b);
    if (ends.length === 0) return [];
    return {
      client: client.name,
      time: ends.map((end) => end / SECOND),
      down: ends.map((end) => bins.get(end)?.down ?? 0),
      up: ends.map((end) => bins.get(end)?.up ?? 0),
    };
  });
}

/** Which way most of a session's bytes go. */
function directionOf({ script }: SessionBlueprint): Direction {
  if (script.kind === "transfers") return script.transfers.some(({ up }) => up > 0) ? "up" : "down";
  return "direction" in script ? (script.direction as Direction) : "down";
}

/** Finds the bins of one flow, session or stream. */
function binReader(table: Table, id: "flow" | "stream"): (id: number) => { end: number; bytes: number }[] {
  const time = column(table, "time");
  const bytes = column(table, "bytes");
  const rows = rowsBy(table, id, "time");
  return (of) => (rows.get(of) ?? []).map((row) => ({ end: time[row] as number, bytes: bytes[row] as number }));
}

function queueSeries({ run, blueprint }: Context): QueueSeries[] {
  const table = run.tables.dp_client;
  const rows = rowsBy(table, "client", "time");
  const directions = column(table, "direction");
  return blueprint.dataplane.clients.flatMap((client) =>
    (["down", "up"] as const).flatMap((direction, code) => {
      const own = (rows.get(client.id) ?? []).filter((row) => directions[row] === code);
      return own.length === 0 ? [] : { client: client.name, direction, ...queueOf(own, (name) => column(table, name)) };
    }),
  );
}

function queueOf(rows: readonly number[], columnOf: (name: string) => Float64Array) {
  const gauge = (name: string, unit = 1): number[] => {
    const values = columnOf(name);
    return rows.map((row) => (values[row] as number) / unit);
  };
  // The first record has nothing before it: counters start at 0 with the dataplane.
  const growth = (name: string): number[] => gauge(name).map((value, i, all) => value - (all[i - 1] ?? 0));
  const overflow = growth("drop_overflow");
  return {
    time: gauge("time", SECOND),
    sojournP50: gauge("sojourn_p50", SECOND),
    sojournP99: gauge("sojourn_p99", SECOND),
    sojournMax: gauge("sojourn_max", SECOND),
    backlogPackets: gauge("backlog_packets"),
    drops: growth("drop_aqm").map((drops, i) => drops + (overflow[i] as number)),
    marks: growth("marks"),
  };
}
