import type { Blueprint, DataplaneBlueprint } from "../blueprint/types.js";
import { accountingOf } from "../metrics/accounting.js";
import type { Accounting } from "../metrics/types.js";
import { column, emptyTable, type Run, type Table, type TableName } from "../recording/index.js";
import { largest, median, percentile, smallest } from "../stats/index.js";
import type { HealthCheck, RigHealth } from "../verdict/types.js";
import { kernelDrops, machineUse, numberAt } from "./counters.js";
import { delayFindings } from "./delays.js";
import { LIMITS, type Limit } from "./limits.js";
import { loadedSpan } from "./load.js";
import { streamFindings } from "./streams.js";

const SECOND = 1e9;

/**
 * Was the machine fit to measure? From a run's recording, events and counters alone. Every check carries its value,
 * the limit that decides and one sentence; a check whose counters were not taken is left out, except that a recording
 * without the dataplane's or the generator's own records is itself invalid. Never throws for what a crashed run lacks.
 */
export function judgeHealth(run: Run): RigHealth {
  const checks = [
    checkEnding(run),
    ...checkRecording(run),
    ...checkCpu(run),
    ...checkGenerator(run),
    ...streamFindings(run).map(([limit, value, found]) => check(limit, value, found)),
    ...checkFrames(run),
    ...checkClocks(run),
    ...(isVirtual(run) ? [] : delayFindings(run).map(([limit, value, found]) => check(limit, value, found))),
  ];
  return { verdict: checks.some((check) => check.verdict === "invalid") ? "invalid" : "ok", checks };
}

/** Time that code takes none of: nothing wakes late there, and no clock is set. */
function isVirtual(run: Run): boolean {
  return run.blueprint?.world === "hermetic";
}

/** Compares with the table. `found` is the start of the sentence: what was seen, with its number. */
function check(limit: Limit, value: number, found: string): HealthCheck {
  const exceeds = (bound: number | null): boolean => bound !== null && value > bound;
  const verdict = exceeds(limit.invalid) ? "invalid" : exceeds(limit.warn) ? "warn" : "ok";
  const deciding = verdict === "warn" ? limit.warn : (limit.invalid ?? limit.warn);
  const reason = verdict === "ok" ? `${found}.` : `${found}: ${limit.why}.`;
  return { name: limit.name, verdict, value, limit: deciding ?? 0, unit: limit.unit, reason };
}

// ---- how it ended, and what was kept -----------------------------------------------------------------------------

function checkEnding(run: Run): HealthCheck {
  const done = run.events.findLast((event) => event.event === "done");
  if (done?.reason === "complete") return check(LIMITS.ended, 0, "the run ended by itself");
  if (done === undefined)
    return check(LIMITS.ended, 1, "the run has no end: the harness was killed, or its disk was full");
  const words = typeof done.error === "string" ? ` (${done.error})` : "";
  return check(LIMITS.ended, 1, `the run ended with "${String(done.reason)}"${words}`);
}

/** What each kind of dataplane records of itself; generators always do. Without it neither can be judged. */
const ESSENTIAL = {
  afxdp: ["dp_client", "dp_reactor"],
  kernel: ["dp_client", "dp_reactor"],
  none: ["dp_client", "dp_reactor"],
  // Who waits in a user's queues is the user's to know.
  external: ["dp_reactor"],
  path: [],
} as const satisfies Record<DataplaneBlueprint["kind"], readonly TableName[]>;

/** Streams begin with the load: a run that ended early may have none, and is invalid for that. */
function essentialTables(run: Run): TableName[] {
  const isComplete = run.events.findLast((event) => event.event === "done")?.reason === "complete";
  const hasStreams = (run.blueprint?.traffic.streams ?? []).length > 0;
  const generated: TableName[] = isComplete && hasStreams ? ["traffic_reactor", "udp_sent"] : ["traffic_reactor"];
  return [...ESSENTIAL[run.blueprint?.dataplane.kind ?? "afxdp"], ...generated];
}

function checkRecording(run: Run): HealthCheck[] {
  const tables = Object.values(run.tables); // Decoding them completes run.problems.
  const empty = essentialTables(run).filter((name) => run.tables[name].rows === 0);
  const missing = empty.map((name) => `${name} is empty`);
  const damaged = run.problems.filter((problem) => /\.seg\b|blueprint\.json/.test(problem));
  const all = [...missing, ...damaged];
  const spool = run.events.find((event) => event.event === "spool" && typeof event.error === "string");
  if (spool) all.push(String(spool.error));
  const lost = tables.reduce((n, table) => n + table.lost, 0);
  const records = tables.reduce((n, table) => n + table.rows, 0);
  return [
    check(LIMITS.damage, all.length, all.length === 0 ? "all samples are there" : all.join("; ")),
    check(LIMITS.lostRecords, lost, `${lost} of ${lost + records} records were overwritten before they were stored`),
  ];
}

// ---- CPU ---------------------------------------------------------------------------------------------------------

/** Not in virtual time: code takes none of it, so whatever a CPU clock says there means nothing. */
function checkCpu(run: Run): HealthCheck[] {
  if (isVirtual(run)) return [];
  const checks: HealthCheck[] = [];
  const add = (limit: Limit, what: string, use: ReactorUse | null): void => {
    if (use)
      checks.push(check(limit, use.ratio, `${what} ${use.reactor} was on the CPU ${percent(use.ratio)} of the time`));
  };
  add(LIMITS.reactorCpu, "dataplane reactor", busiest(ourReactors(run), run.blueprint));
  add(LIMITS.trafficCpu, "traffic reactor", busiest(run.tables.traffic_reactor, run.blueprint));
  const machine = machineUse(run.events);
  if (machine) {
    checks.push(check(LIMITS.machineCpu, machine.busy, `the machine was ${percent(machine.busy)} busy`));
    checks.push(check(LIMITS.steal, machine.steal, `the hypervisor took ${percent(machine.steal)} of the time`));
  }
  return checks;
}

/** Records of reactors that carry the frames: what only counts beside a user's command has the table for its counts. */
function ourReactors(run: Run): Table {
  const kind = run.blueprint?.dataplane.kind ?? "afxdp";
  return kind === "afxdp" ? run.tables.dp_reactor : emptyTable("dp_reactor");
}

interface ReactorUse {
  reactor: number;
  ratio: number;
}

/** The reactor with the largest thread CPU time per time, under load (or over the run when there is none). */
function busiest(table: Table, blueprint: Blueprint | null): ReactorUse | null {
  const cpu = column(table, "cpu");
  const time = column(table, "time");
  let worst: ReactorUse | null = null;
  for (const [reactor, rows] of loadedRows(table, blueprint)) {
    const [first, last] = [rows[0], rows.at(-1)] as [number, number];
    const elapsed = (time[last] as number) - (time[first] as number);
    const ratio = ((cpu[last] as number) - (cpu[first] as number)) / elapsed;
    if (elapsed > 0 && (worst === null || ratio > worst.ratio)) worst = { reactor, ratio };
  }
  return worst;
}

/** Rows of the time under load by reactor, in order of time. */
function loadedRows(table: Table, blueprint: Blueprint | null): Map<number, number[]> {
  const { start, end } = loadedSpan(blueprint) ?? { start: 0, end: Number.POSITIVE_INFINITY };
  const time = column(table, "time");
  const reactors = column(table, "reactor");
  const rows = new Map<number, number[]>();
  for (let row = 0; row < table.rows; row++) {
    if ((time[row] as number) < start || (time[row] as number) > end) continue;
    const reactor = reactors[row] as number;
    const own = rows.get(reactor);
    if (own === undefined) rows.set(reactor, [row]);
    else own.push(row);
  }
  for (const list of rows.values()) list.sort((a, b) => (time[a] as number) - (time[b] as number));
  return rows;
}

// ---- generator ---------------------------------------------------------------------------------------------------

function checkGenerator(run: Run): HealthCheck[] {
  const probes = run.blueprint?.traffic.probes ?? [];
  if (probes.length === 0) return [];
  const interval = smallest(probes.map((probe) => probe.interval)) / SECOND;
  const lateness = largest(column(run.tables.traffic_reactor, "late_max")) / SECOND;
  const limit = { ...LIMITS.lateness, warn: interval };
  const found = `the latest probe left ${ms(lateness)} after its time (interval ${ms(interval)})`;
  const checks = isVirtual(run) ? [] : [check(limit, lateness, found)];
  const slots = run.tables.probe.rows;
  if (slots > 0) {
    if (!isVirtual(run)) checks.push(...checkLateness(run.tables.probe));
    const late = lateProbes(run.tables.probe, new Map(probes.map((probe) => [probe.id, probe.interval])));
    checks.push(
      check(
        LIMITS.lateProbes,
        late / slots,
        `${late} of ${slots} probes left more than an interval late or not at all`,
      ),
    );
  }
  return checks;
}

/** How late packets left that did leave; the others are counted as late ones. */
function checkLateness(probes: Table): HealthCheck[] {
  const [due, sent, flags] = [column(probes, "time"), column(probes, "client_sent"), column(probes, "flags")];
  const lateness = sent
    .map((time, row) => (((flags[row] as number) & NOT_SENT) === 0 ? time - (due[row] as number) : Number.NaN))
    .filter((time) => !Number.isNaN(time));
  const p99 = percentile(lateness, 99);
  if (p99 === null) return [];
  return [
    check(
      LIMITS.probeLateness,
      p99 / SECOND,
      `one probe packet in a hundred left ${ms(p99 / SECOND)} after its time or later`,
    ),
  ];
}

/** Bit of probe.flags: never sent. */
const NOT_SENT = 4;

function lateProbes(table: Table, intervals: ReadonlyMap<number, number>): number {
  const [due, sent] = [column(table, "time"), column(table, "client_sent")];
  const [flags, probe] = [column(table, "flags"), column(table, "probe")];
  let late = 0;
  for (let row = 0; row < table.rows; row++) {
    const refused = ((flags[row] as number) & NOT_SENT) !== 0;
    const interval = intervals.get(probe[row] as number) ?? Number.POSITIVE_INFINITY;
    if (refused || (sent[row] as number) - (due[row] as number) > interval) late++;
  }
  return late;
}

// ---- frames ------------------------------------------------------------------------------------------------------

function checkFrames(run: Run): HealthCheck[] {
  const accounting = accountingOf(run);
  const entered = Math.max(1, accounting?.in ?? 0);
  const kernel = kernelDrops(run);
  const of = (n: number, words: string): string => `${n} of ${entered} frames ${words}`;
  const checks = [
    check(LIMITS.kernelDrops, kernel.total / entered, of(kernel.total, `were dropped by the kernel${kernel.where}`)),
  ];
  if (accounting) {
    const { rig } = accounting.dropped;
    checks.push(check(LIMITS.rigDrops, rig / entered, of(rig, "were lost by the rig")));
  }
  const softnet = machineUse(run.events)?.softnetDropped;
  if (softnet !== undefined) {
    checks.push(check(LIMITS.softnetDrops, softnet / entered, `${softnet} packets were dropped from CPU backlogs`));
  }
  return [...checks, ...checkUnaccounted(run, accounting, entered)];
}

/** A run broken off need not account for what was under way; one that says it is complete must. */
function checkUnaccounted(run: Run, accounting: Accounting | null, entered: number): HealthCheck[] {
  const unaccounted = accounting?.unaccounted ?? null;
  if (unaccounted !== null) {
    const found = `${unaccounted} of ${entered} frames are unaccounted for`;
    return [check(LIMITS.unaccounted, Math.abs(unaccounted), found)];
  }
  if (run.events.findLast((event) => event.event === "done")?.reason !== "complete") return [];
  return [check(LIMITS.unaccounted, entered, "the run is complete but has no last accounting")];
}

// ---- clocks ------------------------------------------------------------------------------------------------------

function checkClocks(run: Run): HealthCheck[] {
  if (isVirtual(run)) return [];
  const checks: HealthCheck[] = [];
  if (run.tables.traffic_reactor.rows > 0) {
    const step = sustainedOffset(run.tables.traffic_reactor) / SECOND;
    checks.push(check(LIMITS.clockStep, step, `the wall clock moved ${ms(step)} against the monotonic one`));
  }
  const reactors = ourReactors(run);
  const lateness = column(reactors, "timer_late_max");
  const rows = [...loadedRows(reactors, run.blueprint).values()].flat();
  // The median over 100 ms of the latest of some hundred wake-ups: about the 99th percentile of all of them.
  const typical = median(rows.map((row) => lateness[row] as number).filter((value) => !Number.isNaN(value)));
  if (typical !== null) {
    const late = typical / SECOND;
    checks.push(
      check(LIMITS.timerLate, late, `the dataplane woke up ${ms(late)} late (the latest of 100 ms, typically)`),
    );
  }
  return checks;
}

/** How many samples in a row must show an offset: a step stays, being preempted between two clock reads does not. */
const SUSTAINED = 3;

/** Largest offset (ns) that held for SUSTAINED samples of one reactor in a row. */
function sustainedOffset(table: Table): number {
  const offsets = column(table, "clock_offset");
  const time = column(table, "time");
  const reactors = column(table, "reactor");
  const rows = Array.from({ length: table.rows }, (_, row) => row);
  rows.sort((a, b) => (reactors[a] as number) - (reactors[b] as number) || (time[a] as number) - (time[b] as number));
  let worst = 0;
  for (let i = 0; i + SUSTAINED <= rows.length; i++) {
    const window = rows.slice(i, i + SUSTAINED);
    if (reactors[window[0] as number] !== reactors[window.at(-1) as number]) continue;
    worst = Math.max(worst, Math.min(...window.map((row) => Math.abs(offsets[row] as number))));
  }
  return worst;
}

// ---- words -------------------------------------------------------------------------------------------------------

function percent(ratio: number): string {
  return `${numberAt(ratio * 100, 1)} %`;
}

function ms(seconds: number): string {
  return `${numberAt(seconds * 1e3, 3)} ms`;
}
