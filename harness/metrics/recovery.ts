import type { ProbeBlueprint } from "../blueprint/types.js";
import { percentileOfSorted } from "../stats/index.js";
import { type Context, overlaps, type Phase, rowsBy } from "./context.js";
import { BASELINE_PHASE, DEFAULT_PHASE, metricName } from "./names.js";
import { ProbeColumns } from "./probe-stream.js";
import { type Group, groupBy, type Sheet } from "./sheet.js";

const SECOND = 1e9;
/** What p95 is looked at over. */
const WINDOW = SECOND;
/** Where the scenario says nothing: the most that is grade A. */
const RECOVERED_BELOW = 30e6;
const RAMP = "ramp";

/** A packet of a probe by when it was due; `late`: beyond the bound, or lost. */
export interface Packet {
  due: number;
  late: boolean;
}

/**
 * Time (ns) until latency is back: over every second that begins later, p95 (nearest rank, on raw packets) is within the
 * bound until the phase ends. It ends with the last late packet of the last second whose p95 is not. A second begins
 * with each packet, and all of it is within the phase; a shorter phase is one. 0: it never was out of bounds. Whatever
 * is not back when the phase ends took at least the whole phase, which is the value then. Null without packets.
 */
export function recoveryTime(packets: readonly Packet[], { start, end }: Pick<Phase, "start" | "end">): number | null {
  if (packets.length === 0) return null;
  let bad: { from: number; to: number } | null = null;
  let isLastBad = false;
  let to = 0;
  let late = 0;
  for (const [from, { due }] of packets.entries()) {
    if (from > 0 && due + WINDOW > end) break;
    for (let next = packets[to]; next !== undefined && next.due < due + WINDOW; next = packets[to]) {
      late += Number(next.late);
      to += 1;
    }
    const count = to - from;
    isLastBad = count - late < Math.ceil(0.95 * count);
    if (isLastBad) bad = { from, to };
    late -= Number(packets[from]?.late);
  }
  if (bad === null) return 0;
  const last = packets.slice(bad.from, bad.to).findLastIndex((packet) => packet.late) + bad.from;
  return isLastBad ? end - start : (packets[last + 1]?.due ?? end) - start;
}

/**
 * `recovery_time` of everything that is measured by probes, in the phases under load: from the start of a phase – that a
 * change opens, mostly – and for `loaded` from the start of the ramp, when load sets in. What is looked at is induced
 * latency: beyond the client's idle median. Of several clients it is that of the last one.
 */
export function recoveryMetrics(context: Context, sheet: Sheet): void {
  const { run, blueprint, phases } = context;
  const columns = new ProbeColumns(run.tables.probe);
  const rows = rowsBy(run.tables.probe, "probe", "time");
  const idle = phases.find(({ name }) => name === BASELINE_PHASE);
  if (idle === undefined) return;
  for (const [traffic, probes] of groupBy(blueprint.traffic.probes, (probe) => [probe.traffic])) {
    const bound = boundOf(context, traffic);
    for (const [client, own] of groupBy(probes, (probe) => [context.shares.clientName(probe.client)])) {
      const all = own.flatMap((probe) => rows.get(probe.id) ?? []);
      const baseline = percentileOfSorted(columns.delays(all, idle).sort(), 50);
      for (const phase of underLoad(phases, own)) {
        const packets = baseline === null ? [] : columns.packets(all, phase, baseline + bound);
        const time = recoveryTime(packets, phase);
        const name = metricName(traffic, phase.name, "recovery_time");
        for (const group of context.groupsOf(client)) putLongest(sheet, group, name, time, packets.length);
      }
    }
  }
}

function boundOf({ run }: Context, traffic: string): number {
  const found = run.case?.traffic.find(({ name }) => name === traffic);
  return found !== undefined && "recoveredBelow" in found ? (found.recoveredBelow ?? RECOVERED_BELOW) : RECOVERED_BELOW;
}

/** Phases under load in which there is a probe, each from when the latency that is looked at may have begun to rise. */
function underLoad(phases: readonly Phase[], probes: readonly ProbeBlueprint[]): Phase[] {
  const ramp = phases.find(({ name }) => name === RAMP);
  return phases
    .filter(({ name, of = name }) => of === RAMP || of === DEFAULT_PHASE)
    .filter((phase) => probes.some(({ start, stop }) => overlaps(phase, start, stop)))
    .map((phase) => (phase.name === DEFAULT_PHASE && ramp !== undefined ? { ...phase, start: ramp.start } : phase));
}

function putLongest(sheet: Sheet, group: Group, name: string, time: number | null, packets: number): void {
  const before = sheet.get(group, name);
  const seconds = time === null ? null : time / SECOND;
  const known = [before?.value ?? null, seconds].filter((value) => value !== null);
  sheet.put(group, name, known.length > 0 ? Math.max(...known) : null, "s", (before?.count ?? 0) + packets);
}
