import { readFileSync } from "node:fs";
import type { LabBlueprint } from "../blueprint/types.js";
import type { MiddleAccounting } from "../dataplane/middle.js";
import type { DataplaneAccounting } from "../ffi/native-process.js";
import type { LabCounters } from "../lab/lab.js";
import type { Accounting } from "../metrics/types.js";
import { sum } from "../stats/index.js";

/** Counters of the machine as a whole: what the rig had left, and what the kernel dropped for lack of it. */
export interface MachineCounters {
  /** Clock ticks (10 ms) summed over CPUs since boot. */
  cpu: { busy: number; total: number; steal: number; cores: { busy: number; total: number; steal: number }[] };
  /** /proc/net/softnet_stat summed over CPUs: backlog drops, and rounds that ran out of their share of time. */
  softnet: { dropped: number; squeezed: number };
}

export function readMachineCounters(): MachineCounters {
  return {
    cpu: parseCpu(readFileSync("/proc/stat", "utf8")),
    softnet: parseSoftnet(readFileSync("/proc/net/softnet_stat", "utf8")),
  };
}

/** /proc/stat: user nice system idle iowait irq softirq steal guest guest_nice. Idle is idle + iowait. */
function parseCpu(text: string): MachineCounters["cpu"] {
  const lines = text.split("\n").filter((line) => /^cpu\d* /.test(line));
  const [all, ...cores] = lines.map((line) => {
    const [user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0] = line
      .trim()
      .split(/\s+/)
      .slice(1)
      .map(Number);
    const busy = user + nice + system + irq + softirq + steal;
    return { busy, total: busy + idle + iowait, steal };
  });
  return { ...(all ?? { busy: 0, total: 0, steal: 0 }), cores };
}

function parseSoftnet(text: string): MachineCounters["softnet"] {
  const sum = { dropped: 0, squeezed: 0 };
  for (const line of text.split("\n").filter(Boolean)) {
    const columns = line.split(/\s+/).map((column) => Number.parseInt(column, 16));
    sum.dropped += columns[1] ?? 0;
    sum.squeezed += columns[2] ?? 0;
  }
  return sum;
}

/** The lab's link counters by the names that people know: endpoints by name, inner ports as `access/c0`. */
export function namedCounters(lab: LabBlueprint, counters: LabCounters): object {
  const endpoints: Record<string, object> = {};
  const ports: Record<string, object> = {};
  const names = new Map(lab.endpoints.map((endpoint) => [endpoint.netns, endpoint.name]));
  const inner = new Map([
    [lab.access, "access"],
    [lab.core, "core"],
    [lab.dataplane, "dataplane"],
    ...lab.stages.map(({ netns, side }): [string, string] => [netns, `path-${side}`]),
  ]);
  for (const [key, values] of Object.entries(counters.links)) {
    const cut = key.lastIndexOf("/");
    const netns = key.slice(0, cut);
    const ifname = key.slice(cut + 1);
    const endpoint = names.get(netns);
    if (endpoint !== undefined) {
      const { tx_packets: tx, rx_packets: rx, ...rest } = values;
      endpoints[endpoint] = { tx, rx, ...rest };
    } else ports[`${inner.get(netns) ?? netns}/${ifname}`] = values;
  }
  return { endpoints, ports, access: counters.access, core: counters.core, delivered: counters.delivered };
}

/**
 * Frame conservation from endpoint to endpoint: what clients and servers handed to the inner network against what
 * reached a stack at the other side. `rig` is every loss that a counter outside the bottleneck admits to; whatever
 * then remains is unaccounted, and makes the run invalid.
 */
export function endToEnd(counters: LabCounters, { dataplane, stages }: MiddleAccounting): Accounting {
  const entered = counters.access.in + counters.core.in;
  const processes = [dataplane, ...Object.values(stages)];
  const total = (value: (one: DataplaneAccounting) => number): number => sum(processes.map(value));
  const unclassified = total((one) => one.unclassified);
  const unmatched = counters.access.unmatched + counters.core.unmatched;
  // A frame in whose header a path has flipped a bit may be nobody's, or no packet of an endpoint at all, and the next
  // switch drops it: the path's doing, not the rig's.
  const corrupted = total((one) => one.corrupted ?? 0);
  // A kernel beside the stages that corrupt tells its drops for a bad header like any others.
  const badHeaders = dataplane.corrupted === undefined ? dataplane.dropped.rig : 0;
  const nobodys = unclassified + Math.max(unmatched, droppedFromTrunks(counters)) + badHeaders;
  const astray = Math.min(corrupted, nobodys);
  const duplicated = total((one) => one.duplicated ?? 0);
  const rigDrops = total((one) => one.dropped.rig) + unclassified + unmatched;
  const inSockets = total(({ kernel }) => kernel.rx_dropped + kernel.rx_invalid + kernel.tx_invalid);
  const dropped = {
    aqm: total((one) => one.dropped.aqm),
    overflow: total((one) => one.dropped.overflow),
    path: total((one) => one.dropped.path) + astray,
    rig: rigDrops - Math.min(astray, badHeaders + unclassified + unmatched) + inSockets + linkDrops(counters),
  };
  const held = total((one) => one.held);
  const accounted = counters.delivered + dropped.aqm + dropped.overflow + dropped.path + dropped.rig + held;
  const unaccounted = entered + duplicated - accounted;
  return { in: entered, duplicated, out: counters.delivered, dropped, held, unaccounted };
}

/** Frames out of the dataplane that its neighbours' switches did not know where to send, or took for control. */
function droppedFromTrunks({ links }: LabCounters): number {
  const trunks = Object.entries(links).filter(([key]) => /\/trunk\d+$/u.test(key));
  return sum(trunks.map(([, link]) => link.xdp_drops ?? 0));
}

/** Frames that the kernel dropped on links between an endpoint's port and the other endpoint's stack. */
function linkDrops(counters: LabCounters): number {
  let drops = 0;
  for (const [key, link] of Object.entries(counters.links)) {
    drops += link.xdp_redirect_errors ?? 0;
    // What an endpoint's own stack could not hand to its link was never "in". Elsewhere tx_dropped holds what XDP could
    // not transmit too (veth counts xdp_xmit_errors into it).
    if (!key.endsWith("/eth0")) drops += link.tx_dropped ?? 0;
  }
  return drops;
}
