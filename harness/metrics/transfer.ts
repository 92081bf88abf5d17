import type { Blueprint, Direction, FlowBlueprint, SessionBlueprint, TransfersScript } from "../blueprint/types.js";
import { column } from "../recording/index.js";
import { sum } from "../stats/index.js";
import { type Context, overlaps, type Phase, rowsBy } from "./context.js";
import { goodputFraction } from "./layers.js";
import { DEFAULT_PHASE, metricName } from "./names.js";
import type { Shares } from "./shares.js";
import { type Group, groupBy, type Sheet } from "./sheet.js";

const SECOND = 1e9;
/** transfer.result */
const COMPLETE = 0;
const FAILED = 1;

/** What one session did of the transfers that began in one phase; times in seconds. */
interface TransferPhase {
  session: SessionBlueprint;
  client: string;
  times: number[];
  /** Until the connection was established. */
  connects: number[];
  slowdowns: number[];
  completed: number;
  failed: number;
  unfinished: number;
}

/** A session that makes transfers of given sizes, as the flow that its bytes and samples are recorded under. */
export function transferFlows({ traffic }: Blueprint): FlowBlueprint[] {
  return transfersIn(traffic.sessions ?? []).map((session) => {
    const { script: _script, rtt: _rtt, ...flow } = session;
    return { ...flow, direction: directionOf(session), clientPort: 0 };
  });
}

/**
 * Metrics of tcp traffic with a size: how long transfers took, alone and against the ideal, until they were connected,
 * and how many came, failed or were not over at the end. A transfer belongs to the phase in which it began.
 */
export function transferMetrics(context: Context, sheet: Sheet): void {
  const sessions = transfersIn(context.blueprint.traffic.sessions ?? []);
  if (sessions.length === 0) return;
  const recording = new TransferRecording(context);
  for (const [traffic, own] of groupBy(sessions, (session) => [session.traffic])) {
    for (const phase of context.phases) {
      const members = own
        .filter((session) => overlaps(phase, session.start, session.stop))
        .map((session) => recording.measure(session, phase));
      const name = (quantity: string): string => metricName(traffic, phase.name, quantity);
      for (const [group, some] of groupBy(members, (member) => groupsOf(context, member)))
        putTransfers(sheet, group, name, some);
    }
    const counted = own.map((session) => recording.refused(session));
    for (const [group, some] of groupBy(counted, (member) => groupsOf(context, member))) {
      const begun = sum(some.map((member) => member.begun));
      const refused = begun > 0 ? sum(some.map((member) => member.refused)) : null;
      sheet.put(group, metricName(traffic, DEFAULT_PHASE, "connect_failures"), refused, "count", begun);
    }
  }
}

function transfersIn(sessions: readonly SessionBlueprint[]) {
  return sessions.filter((session): session is SessionBlueprint & { script: TransfersScript } => {
    return session.script.kind === "transfers";
  });
}

function directionOf({ script }: { script: TransfersScript }): Direction {
  return script.transfers.some(({ up }) => up > 0) ? "up" : "down";
}

function groupsOf(context: Context, { session, client }: Pick<TransferPhase, "session" | "client">): Group[] {
  return [...context.groupsOf(client), `flow/${session.id}`];
}

function putTransfers(
  sheet: Sheet,
  group: Group,
  name: (quantity: string) => string,
  members: readonly TransferPhase[],
): void {
  const all = (pick: (member: TransferPhase) => number[]): number[] => members.flatMap(pick);
  const fct = all(({ times }) => times);
  sheet.distribution(group, name("fct"), fct, "s");
  const connects = all((member) => member.connects);
  sheet.distribution(group, name("fct_connect"), connects, "s");
  const slowdowns = all((member) => member.slowdowns);
  sheet.distribution(group, name("slowdown"), slowdowns, "ratio");
  const begun = sum(members.map(({ completed, failed, unfinished }) => completed + failed + unfinished));
  for (const quantity of ["completed", "failed", "unfinished"] as const) {
    const count = sum(members.map((member) => member[quantity]));
    sheet.put(group, name(quantity), begun > 0 ? count : null, "count", begun);
  }
}

/**
 * The least time (s) that TCP can take for a transfer: a round trip of the emulated path for the handshake, one for the
 * request and its answer, and its bytes at the goodput that the client's plan leaves room for. Slow start comes on top.
 */
export function idealTime(bytes: number, rtt: number, ceiling: number | null): number {
  return (2 * rtt) / SECOND + (ceiling === null ? 0 : (bytes * 8) / ceiling);
}

/** Goodput (bit/s) of full segments at a client's plan rate; null when it is unlimited. */
function ceilingOf(shares: Shares, client: string, direction: Direction, family: FlowBlueprint["family"], mtu: number) {
  const rate = shares.plan(client, direction);
  const shaper = shares.shaper(client, direction);
  return rate === null || shaper === undefined ? null : rate * goodputFraction(shaper.framing, family, mtu);
}

/** Finds the transfers of each session. */
class TransferRecording {
  private readonly rows: Map<number, number[]>;

  constructor(private readonly context: Context) {
    this.rows = rowsBy(context.run.tables.transfer, "session", "asked");
  }

  measure(session: SessionBlueprint & { script: TransfersScript }, phase: Phase): TransferPhase {
    const { blueprint } = this.context;
    const client = this.context.shares.clientName(session.client);
    const asked = (row: number): number => this.at("asked", row);
    const begun = this.rowsOf(session).filter((row) => asked(row) >= phase.start && asked(row) < phase.end);
    const complete = begun.filter((row) => this.at("result", row) === COMPLETE);
    const failed = begun.filter((row) => this.at("result", row) === FAILED).length;
    const connected = begun.filter((row) => this.at("connected", row) > 0);
    const { shares } = this.context.during(phase);
    const ceiling = ceilingOf(shares, client, directionOf(session), session.family, blueprint.lab.mtu);
    const timeOf = (row: number): number => (this.at("time", row) - asked(row)) / SECOND;
    const idealOf = (row: number): number =>
      idealTime(this.at("up_bytes", row) + this.at("down_bytes", row), session.rtt, ceiling);
    return {
      session,
      client,
      times: complete.map(timeOf),
      connects: connected.map((row) => (this.at("connected", row) - asked(row)) / SECOND),
      // Without distance and without a rate there is nothing to compare with.
      slowdowns: complete.filter((row) => idealOf(row) > 0).map((row) => timeOf(row) / idealOf(row)),
      completed: complete.length,
      failed,
      unfinished: begun.length - complete.length - failed,
    };
  }

  /** Transfers whose connection was never established although they failed, over the whole run. */
  refused(session: SessionBlueprint) {
    const rows = this.rowsOf(session);
    const refused = rows.filter((row) => this.at("result", row) === FAILED && this.at("connected", row) === 0);
    const client = this.context.shares.clientName(session.client);
    return { session, client, begun: rows.length, refused: refused.length };
  }

  private rowsOf({ id }: SessionBlueprint): readonly number[] {
    return this.rows.get(id) ?? [];
  }

  private at(name: string, row: number): number {
    return column(this.context.run.tables.transfer, name)[row] as number;
  }
}
