import type { RpmScript, SessionBlueprint } from "../blueprint/types.js";
import { column, type Table } from "../recording/index.js";
import { largest, mean, smallest, sorted, sum } from "../stats/index.js";
import { type Context, overlaps, type Phase, rowsBy } from "./context.js";
import { DEFAULT_PHASE, metricName } from "./names.js";
import { putSessionGoodput } from "./session-goodput.js";
import { groupBy, type Sheet } from "./sheet.js";

/** draft-ietf-ippm-responsiveness-09, in its form without TLS. */

const SECOND = 1e9;
const MINUTE = 60;
/** TMP: what the trimmed mean keeps. */
const KEPT = 0.95;
/** SDT: of the last moving average. */
const TOLERANCE = 0.05;
/** transfer.label: what script_rpm.c asks for. */
const FOREIGN = 1;
const SELF = 2;
/** transfer.result */
const COMPLETE = 0;
const FAILED = 1;

/** Seconds, of probes that were answered. */
export interface Probed {
  /** Handshakes of new connections, and a request and its answer over them. */
  tcpForeign: number[];
  httpForeign: number[];
  /** The same over a connection that generates load. */
  httpLoaded: number[];
}

/** Round trips per minute; null = no probe of that kind was answered. */
export interface Responsiveness {
  foreign: number | null;
  loaded: number | null;
  rpm: number | null;
}

export type Confidence = 0 | 1 | 2;

/** Of the ascending samples the first 95 %, rounded up; null for none. */
export function trimmedMean(samples: ArrayLike<number>): number | null {
  const ascending = sorted(samples);
  // The small term keeps 95 % of 100 at 95 whatever binary makes of it.
  return mean(ascending.subarray(0, Math.ceil(KEPT * ascending.length - 1e-9)));
}

export function responsivenessOf({ tcpForeign, httpForeign, httpLoaded }: Probed): Responsiveness {
  const [tcp, http, own] = [tcpForeign, httpForeign, httpLoaded].map(trimmedMean) as [number | null, ...number[]];
  const foreign = tcp === null || http === null ? null : perMinute((tcp + (http as number)) / 2);
  const loaded = own === null ? null : perMinute(own as number);
  return { foreign, loaded, rpm: foreign === null || loaded === null ? null : (foreign + loaded) / 2 };
}

function perMinute(roundTrip: number): number | null {
  return roundTrip > 0 ? MINUTE / roundTrip : null;
}

/** After how many of the averages have the last `window` of them a standard deviation below 5 % of the last? */
export function isStable(averages: readonly (number | null)[], window: number): boolean {
  const last = averages.slice(-window).filter((value) => value !== null);
  if (last.length < window) return false;
  const middle = mean(last) as number;
  const deviation = Math.sqrt(mean(last.map((value) => (value - middle) ** 2)) as number);
  return deviation < TOLERANCE * (last.at(-1) as number);
}

/** What the intervals of a test say: its result, how far to trust it, and when it was stable first. */
export function judgeIntervals(
  intervals: readonly { end: number; goodputStable: boolean; probed: Probed }[],
  window: number,
): { probed: Probed; confidence: Confidence; stableAt: number | null } {
  const until = (n: number): Probed => joined(intervals.slice(Math.max(0, n + 1 - window), n + 1));
  const averages = intervals.map((_, n) => responsivenessOf(until(n)).rpm);
  const stable = intervals.map(({ goodputStable }, n) => goodputStable && isStable(averages.slice(0, n + 1), window));
  return {
    probed: until(intervals.length - 1),
    confidence: intervals.length < window ? 0 : stable.at(-1) === true ? 2 : 1,
    stableAt: intervals[stable.indexOf(true)]?.end ?? null,
  };
}

function joined(parts: readonly { probed: Probed }[]): Probed {
  const all = (pick: (probed: Probed) => number[]): number[] => parts.flatMap(({ probed }) => pick(probed));
  return {
    tcpForeign: all(({ tcpForeign }) => tcpForeign),
    httpForeign: all(({ httpForeign }) => httpForeign),
    httpLoaded: all(({ httpLoaded }) => httpLoaded),
  };
}

// ---- metrics ---------------------------------------------------------------------------------------------------------

type RpmSession = SessionBlueprint & { script: RpmScript };

/** One direction of one client's test. */
interface Test {
  client: string;
  direction: RpmScript["direction"];
  intervals: number;
  probed: Probed;
  confidence: Confidence;
  /** s from its start */
  stableAfter: number | null;
  connections: number;
}

/**
 * Metrics of RPM tests. A result is of a test's last intervals; of several tests – clients, directions – their probes are
 * pooled before anything is trimmed, like all samples. Without a whole interval there is none.
 */
export function rpmMetrics(context: Context, sheet: Sheet): void {
  const sessions = (context.blueprint.traffic.sessions ?? []).filter(isRpm);
  if (sessions.length === 0) return;
  putSessionGoodput(context, sheet, sessions);
  const recording = new RpmRecording(context);
  for (const [traffic, own] of groupBy(sessions, (session) => [session.traffic])) {
    const name = (quantity: string): string => metricName(traffic, DEFAULT_PHASE, quantity);
    const tests = own.map((session) => recording.test(session));
    for (const [group, members] of groupBy(tests, ({ client }) => context.groupsOf(client))) {
      putResult(sheet, group, name, members);
      putStability(sheet, group, name, members);
    }
    for (const phase of context.phases) putProbes(context, sheet, traffic, phase, own, recording);
  }
}

function isRpm(session: SessionBlueprint): session is RpmSession {
  return session.script.kind === "rpm";
}

type Group = Parameters<Sheet["put"]>[0];

function putResult(sheet: Sheet, group: Group, name: (quantity: string) => string, tests: readonly Test[]): void {
  const put = (quantity: string, which: "rpm" | "foreign" | "loaded", some: readonly Test[]): void => {
    const probed = joined(some);
    const count = probed.tcpForeign.length + probed.httpLoaded.length;
    sheet.put(group, name(quantity), responsivenessOf(probed)[which], "score", count);
  };
  put("rpm", "rpm", tests);
  put("rpm_foreign", "foreign", tests);
  put("rpm_loaded", "loaded", tests);
  for (const direction of ["down", "up"] as const) {
    const some = tests.filter((test) => test.direction === direction);
    if (some.length > 0) put(`rpm_${direction}`, "rpm", some);
  }
}

function putStability(sheet: Sheet, group: Group, name: (quantity: string) => string, tests: readonly Test[]): void {
  const intervals = sum(tests.map((test) => test.intervals));
  const put = (quantity: string, value: number | null, unit: "count" | "s"): void =>
    sheet.put(group, name(quantity), intervals > 0 ? value : null, unit, intervals);
  const confidences = tests.map((test) => test.confidence);
  put("rpm_confidence", smallest(confidences), "count");
  const times = tests.flatMap(({ stableAfter }) => stableAfter ?? []);
  put("stable_after", times.length === tests.length ? largest(times) : null, "s");
  put("connections", sum(tests.map(({ connections }) => connections)), "count");
}

/** Distributions of the probes that were sent in a phase. */
function putProbes(
  context: Context,
  sheet: Sheet,
  traffic: string,
  phase: Phase,
  sessions: readonly RpmSession[],
  recording: RpmRecording,
): void {
  const name = (quantity: string): string => metricName(traffic, phase.name, quantity);
  const members = sessions
    .filter((session) => overlaps(phase, session.start, session.stop))
    .map((session) => ({ client: recording.clientOf(session), ...recording.during(session, phase) }));
  for (const [group, some] of groupBy(members, ({ client }) => context.groupsOf(client))) {
    const { tcpForeign, httpForeign, httpLoaded } = joined(some);
    sheet.distribution(group, name("tcp_f"), tcpForeign, "s");
    sheet.distribution(group, name("http_f"), httpForeign, "s");
    sheet.distribution(group, name("http_l"), httpLoaded, "s");
    const sent = sum(some.map((member) => member.sent));
    const failed = sum(some.map((member) => member.failed));
    sheet.put(group, name("failed"), sent > 0 ? failed : null, "count", sent);
  }
}

/** Finds the intervals and the probes of each test. */
class RpmRecording {
  private readonly intervals: Map<number, number[]>;
  private readonly probes: Map<number, number[]>;

  constructor(private readonly context: Context) {
    const { tables } = context.run;
    this.intervals = rowsBy(tables.rpm, "session", "time");
    this.probes = rowsBy(tables.transfer, "session", "time");
  }

  clientOf({ client }: SessionBlueprint): string {
    return this.context.shares.clientName(client);
  }

  test(session: RpmSession): Test {
    const { rpm, transfer } = this.context.run.tables;
    const rows = this.intervals.get(session.id) ?? [];
    const { direction, interval, mad } = session.script;
    const at = (name: string, row: number): number => column(rpm, name)[row] as number;
    // A probe belongs to the interval in which it was answered: none of the last one's is missing for being slow.
    const answered = rows.map((): number[] => []);
    const times = column(transfer, "time");
    for (const row of this.probes.get(session.id) ?? []) {
      answered[Math.floor(((times[row] as number) - session.start) / interval)]?.push(row);
    }
    const found = rows.map((row, n) => ({
      end: at("time", row),
      goodputStable: at("stable", row) === 1,
      probed: this.probed(answered[n] ?? []),
    }));
    const { stableAt, ...judged } = judgeIntervals(found, mad);
    return {
      client: this.clientOf(session),
      direction,
      intervals: rows.length,
      ...judged,
      stableAfter: stableAt === null ? null : (stableAt - session.start) / SECOND,
      connections: rows.length === 0 ? 0 : at("connections", rows.at(-1) as number),
    };
  }

  during({ id }: RpmSession, phase: Phase): { probed: Probed; sent: number; failed: number } {
    const { transfer } = this.context.run.tables;
    const asked = column(transfer, "asked");
    const rows = (this.probes.get(id) ?? []).filter((row) => {
      const time = asked[row] as number;
      return time >= phase.start && time < phase.end;
    });
    const results = column(transfer, "result");
    return {
      probed: this.probed(rows),
      sent: rows.length,
      failed: rows.filter((row) => results[row] === FAILED).length,
    };
  }

  private probed(rows: readonly number[]): Probed {
    const { transfer } = this.context.run.tables;
    const complete = rows.filter((row) => column(transfer, "result")[row] === COMPLETE);
    const labels = column(transfer, "label");
    const foreign = complete.filter((row) => labels[row] === FOREIGN);
    const self = complete.filter((row) => labels[row] === SELF);
    return {
      tcpForeign: between(transfer, "asked", "connected", foreign),
      httpForeign: between(transfer, "connected", "time", foreign),
      httpLoaded: between(transfer, "asked", "time", self),
    };
  }
}

/** Seconds. */
function between(table: Table, from: string, to: string, rows: readonly number[]): number[] {
  const [begins, ends] = [column(table, from), column(table, to)];
  return rows.map((row) => ((ends[row] as number) - (begins[row] as number)) / SECOND);
}
