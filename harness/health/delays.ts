import type { Blueprint, Direction, SiteBlueprint } from "../blueprint/types.js";
import { column, type Run, type Table } from "../recording/index.js";
import { numberAt } from "./counters.js";
import { LIMITS, type Limit } from "./limits.js";
import { loadedSpan, type Span } from "./load.js";
import { PathDelays } from "./path-delays.js";

/** A limit, the value to compare with it, and what was seen in words. */
type Finding = [limit: Limit, value: number, found: string];

/** ns: what is later than that is no timer's slack, but a machine that stands still. */
const PUNCTUAL = 5e6;
/** ns: what the kernel may need from an endpoint to the dataplane and on, beyond delay and queue. */
const TRANSIT = 2e6;
/** Width of a dp_client record's interval, ns. */
const BIN = 1e8;

/**
 * Did the machine stand still, or keep packets somewhere that is no part of the network under test? Either shows as
 * latency that the product did not cause, while every CPU figure may look fit: a CPU that a neighbour takes for 20 ms
 * is idle before and after.
 */
export function delayFindings(run: Run): Finding[] {
  const loaded = loadedSpan(run.blueprint);
  if (run.blueprint === null || loaded === null) return [];
  const stalls = [
    stallShare("the dataplane's timers", run.tables.dp_reactor, "timer_late_max", loaded),
    stallShare("the generator's timers", run.tables.traffic_reactor, "late_max", loaded),
  ].filter((finding) => finding !== null);
  const worst = stalls.reduce<Finding | null>((most, one) => (most === null || one[1] > most[1] ? one : most), null);
  const detour = detourShare(run, run.blueprint, loaded);
  return [worst, detour].filter((finding) => finding !== null);
}

/** The share of the time under load that the busiest reactor slept too long: in each 100 ms, its latest wake-up. */
function stallShare(what: string, table: Table, field: string, { start, end }: Span): Finding | null {
  const [time, reactor, late] = [column(table, "time"), column(table, "reactor"), column(table, field)];
  const stalled = new Map<number, number>();
  for (let row = 0; row < table.rows; row++) {
    const [at, by, ns] = [time[row] as number, reactor[row] as number, late[row] as number];
    if (at <= start || at > end || Number.isNaN(ns)) continue;
    stalled.set(by, (stalled.get(by) ?? 0) + (ns > PUNCTUAL ? ns : 0));
  }
  if (stalled.size === 0) return null;
  const share = Math.max(...stalled.values()) / (end - start);
  return [LIMITS.stalls, share, `${what} were more than 5 ms overdue for ${numberAt(share * 100, 2)} % of the load`];
}

/**
 * The share of probe packets, each way, that needed longer than the path's delay and the longest sojourn in their
 * client's queue at that time can explain. Only where the dataplane tells sojourns (ours), and no path queues by itself.
 */
function detourShare(run: Run, blueprint: Blueprint, loaded: Span): Finding | null {
  const { dp_client: queues, probe: probes } = run.tables;
  const { dataplane, timeline } = blueprint;
  const paths = new PathDelays(dataplane.paths, timeline.changes ?? []);
  if (dataplane.kind !== "afxdp" || probes.rows === 0 || paths.mayQueue) return null;
  const ways = waysOf(blueprint);
  const sojourns = new Sojourns(queues, new Set([...ways.values()].map(({ client }) => client)), timeline.duration);
  const names = ["time", "probe", "client_sent", "server_received", "server_sent", "client_received"] as const;
  const [due, probe, t1, t2, t3, t4] = names.map((name) => column(probes, name)) as [Float64Array, ...Float64Array[]];
  let [seen, detours] = [0, 0];
  for (let row = 0; row < probes.rows; row++) {
    const way = ways.get(probe?.[row] as number);
    if (way === undefined || (due[row] as number) < loaded.start || (due[row] as number) >= loaded.end) continue;
    for (const [direction, sent, received] of [
      ["down", t3?.[row], t4?.[row]],
      ["up", t1?.[row], t2?.[row]],
    ] as [Direction, number, number][]) {
      if (sent === 0 || received === 0) continue;
      seen++;
      const queued = sojourns.largest(way.client, direction, sent, received);
      if (received - sent - paths.largest(way.paths, direction, sent, received) - queued > TRANSIT) detours++;
    }
  }
  if (seen === 0) return null;
  const found = `${detours} of ${seen} probe packets took 2 ms longer than path and queue account for`;
  return [LIMITS.detours, detours / seen, found];
}

/** Between which two a probe goes: the dataplane's id of the client, and the paths of both. */
interface Way {
  client: number;
  paths: readonly number[];
}

/** By the probe's id. */
function waysOf({ dataplane, traffic }: Blueprint): Map<number, Way> {
  const clients = new Map(dataplane.clients.map((client) => [client.name, client]));
  const servers = new Map(dataplane.servers.map((server) => [server.name, server]));
  return new Map(
    traffic.probes.map(({ id, client, server }) => {
      const owner = clients.get(traffic.clients[client]?.name ?? "");
      const far = servers.get(traffic.servers[server]?.name ?? "");
      const paths = [owner?.path ?? -1, ...pathsAbove(dataplane.sites, owner?.site ?? -1), far?.path ?? -1];
      return [id, { client: owner?.id ?? -1, paths }];
    }),
  );
}

/** Of a site and those above it; recordings of older versions have no sites. */
function pathsAbove(sites: readonly SiteBlueprint[] | undefined, site: number): number[] {
  const found = sites?.[site];
  return found ? [found.path ?? -1, ...pathsAbove(sites, found.parent)] : [];
}

/** The longest sojourns by 100 ms of the queues of those clients that probe. */
class Sojourns {
  /** `2 × client + direction` → a value for each 100 ms of the run, ns. */
  readonly #queues = new Map<number, Float64Array>();

  constructor(table: Table, clients: ReadonlySet<number>, duration: number) {
    const names = ["time", "client", "direction", "sojourn_max"] as const;
    const [time, client, direction, longest] = names.map((name) => column(table, name)) as Float64Array[];
    const bins = Math.ceil(duration / BIN) + 2;
    for (let row = 0; row < table.rows; row++) {
      const ns = longest?.[row] as number;
      if (!(ns > 0) || !clients.has(client?.[row] as number)) continue;
      const key = (client?.[row] as number) * 2 + (direction?.[row] as number);
      const queue = this.#queues.get(key) ?? new Float64Array(bins);
      this.#queues.set(key, queue);
      const bin = Math.round((time?.[row] as number) / BIN);
      if (ns > (queue[bin] ?? Number.POSITIVE_INFINITY)) queue[bin] = ns;
    }
  }

  /** Of the frames delivered between `from` and `to`, ns; records come a little after the end of their interval. */
  largest(client: number, direction: Direction, from: number, to: number): number {
    const queue = this.#queues.get(client * 2 + (direction === "down" ? 0 : 1));
    let longest = 0;
    for (let bin = Math.floor(from / BIN); bin <= Math.ceil(to / BIN) + 1; bin++) {
      longest = Math.max(longest, queue?.[bin] ?? 0);
    }
    return longest;
  }
}
