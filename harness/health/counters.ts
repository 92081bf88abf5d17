import type { DataplaneBlueprint } from "../blueprint/types.js";
import { column, type Run, type RunEvent } from "../recording/index.js";

/** What the machine as a whole did between the first counters of a run and the end of its traffic. */
export interface MachineUse {
  /** Parts of all CPUs' time. */
  busy: number;
  steal: number;
  /** Packets dropped from CPU backlogs; undefined when they were not counted. */
  softnetDropped: number | undefined;
}

type Tree = Record<string, unknown>;

/** From the `counters` events; null when they were not taken twice. */
export function machineUse(events: readonly RunEvent[]): MachineUse | null {
  const at = (when: string): RunEvent | undefined =>
    events.findLast((event) => event.event === "counters" && event.when === when);
  const start = at("start");
  const end = at("traffic-end") ?? at("end");
  const grown = (...path: string[]): number => numberIn(end, path) - numberIn(start, path);
  const total = grown("cpu", "total");
  if (!(total > 0)) return null;
  const dropped = grown("softnet", "dropped");
  return {
    busy: grown("cpu", "busy") / total,
    steal: grown("cpu", "steal") / total,
    softnetDropped: Number.isNaN(dropped) ? undefined : dropped,
  };
}

/** NaN for what is not there. */
function numberIn(tree: unknown, path: readonly string[]): number {
  let node = tree;
  for (const key of path) node = typeof node === "object" && node !== null ? (node as Tree)[key] : undefined;
  return typeof node === "number" ? node : Number.NaN;
}

/** Counters of a link that say: a frame was lost here. (`xdp_drops` also counts the noise that XDP drops by intent.) */
const LINK_LOSSES = ["tx_dropped", "rx_dropped", "qdisc_drops", "xdp_redirect_errors"];
/** Counters of an AF_XDP socket that say so. */
const SOCKET_LOSSES = ["xsk_rx_dropped", "xsk_rx_invalid", "xsk_tx_invalid"];

export interface KernelDrops {
  total: number;
  /** ` (12 tx_dropped at access/t0, …)`, the largest three; empty when there are none. */
  where: string;
}

/** Frames that the kernel lost outside the bottleneck, on links and at the dataplane's sockets. */
export function kernelDrops(run: Run): KernelDrops {
  const found = [...linkLosses(run), ...socketLosses(run)];
  const total = found.reduce((n, loss) => n + loss.count, 0);
  const worst = found.sort((a, b) => b.count - a.count).slice(0, 3);
  const words = worst.map((loss) => `${loss.count} ${loss.counter} at ${loss.at}`).join(", ");
  return { total, where: total === 0 ? "" : ` (${words}${found.length > 3 ? ", …" : ""})` };
}

interface Loss {
  at: string;
  counter: string;
  count: number;
}

/** Links are made for the run, so their last counters are the run's. */
function linkLosses({ events, blueprint }: Run): Loss[] {
  const dataplane = blueprint?.dataplane.kind ?? "afxdp";
  const end = events.findLast((event) => event.event === "counters" && event.when === "end");
  const losses: Loss[] = [];
  for (const kind of ["endpoints", "ports"]) {
    const links = end?.[kind];
    if (typeof links !== "object" || links === null) continue;
    for (const [at, counters] of Object.entries(links)) {
      for (const counter of LINK_LOSSES) {
        if (counter === "qdisc_drops" && isBottleneck(at, dataplane)) continue;
        const count = numberIn(counters, [counter]);
        if (count > 0) losses.push({ at, counter, count });
      }
    }
  }
  return losses;
}

/** The queues of a kernel dataplane, or of a user's command, are qdiscs: dropping there is what they are for. */
function isBottleneck(at: string, dataplane: DataplaneBlueprint["kind"]): boolean {
  return at.startsWith("dataplane/") && (dataplane === "kernel" || dataplane === "external");
}

function socketLosses(run: Run): Loss[] {
  const table = run.tables.dp_reactor;
  return [...lastRows(run)].flatMap(([reactor, row]) =>
    SOCKET_LOSSES.map((counter) => ({
      at: `dataplane reactor ${reactor}`,
      counter,
      count: column(table, counter)[row] as number,
    })).filter((loss) => loss.count > 0),
  );
}

/** The last record of each dataplane reactor. */
function lastRows(run: Run): Map<number, number> {
  const table = run.tables.dp_reactor;
  const time = column(table, "time");
  const reactors = column(table, "reactor");
  const last = new Map<number, number>();
  for (let row = 0; row < table.rows; row++) {
    const before = last.get(reactors[row] as number);
    if (before === undefined || (time[before] as number) <= (time[row] as number))
      last.set(reactors[row] as number, row);
  }
  return last;
}

/** A number with at most `digits` decimals, without trailing zeros. */
export function numberAt(value: number, digits: number): string {
  return String(Number(value.toFixed(digits)));
}
