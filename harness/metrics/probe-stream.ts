import { column, type Table } from "../recording/index.js";
import { sortRows } from "./context.js";
import { type LossRuns, lossRuns } from "./loss-runs.js";
import { type Reordering, reorderingOf } from "./reordering.js";

/** Bit of probe.flags: the packet was never sent (refused by the kernel, or its slot was missed). */
const NOT_SENT = 4;
const SECOND = 1e9;

/** One probe's packets that were due in one phase. Samples are seconds. */
export interface ProbeStream {
  sent: number;
  /** Slots in which nothing was sent: refused by the kernel, or the generator came too late. */
  notSent: number;
  lost: number;
  reachedServer: number;
  /** Packets that reached the server but whose echo did not come back. */
  lostDown: number;
  /** Copies beyond the first, at either end. */
  duplicates: number;
  /** Of the echoes, as they came back. */
  order: Reordering;
  /** Of packets whose echo never came. */
  losses: LossRuns;
  /** Sent more than one interval after due, or not at all: the generator's fault, not the network's. */
  late: number;
  /** Ascending: most of what is derived from it is ranked. */
  rtt: Float64Array;
  owdDown: Float64Array;
  owdUp: Float64Array;
  /** |D(i) − D(i−1)| of the RTTs of consecutive packets that both came back (RFC 5481 §4.1: undefined after a loss). */
  ipdv: Float64Array;
  /** The same of one-way delays. */
  ipdvDown: Float64Array;
  ipdvUp: Float64Array;
  jitter: number | null;
  jitterDown: number | null;
  jitterUp: number | null;
}

/** The columns of the probe table, and what they say about a list of its rows. */
export class ProbeColumns {
  private readonly due: Float64Array;
  private readonly seq: Float64Array;
  private readonly t1: Float64Array;
  private readonly t2: Float64Array;
  private readonly t3: Float64Array;
  private readonly t4: Float64Array;
  private readonly upCopies: Float64Array;
  private readonly downCopies: Float64Array;
  private readonly flags: Float64Array;

  constructor(table: Table) {
    this.due = column(table, "time");
    this.seq = column(table, "seq");
    this.t1 = column(table, "client_sent");
    this.t2 = column(table, "server_received");
    this.t3 = column(table, "server_sent");
    this.t4 = column(table, "client_received");
    this.upCopies = column(table, "up_copies");
    this.downCopies = column(table, "down_copies");
    this.flags = column(table, "flags");
  }

  /** `rows` of one probe, ascending by sequence number; those due in [start, end) ns count; `interval` in ns. */
  stream(rows: readonly number[], start: number, end: number, interval: number): ProbeStream {
    const due = rows.filter((row) => at(this.due, row) >= start && at(this.due, row) < end);
    const sent = due.filter((row) => (at(this.flags, row) & NOT_SENT) === 0);
    const back = sent.filter((row) => at(this.downCopies, row) > 0);
    const up = sent.filter((row) => at(this.upCopies, row) > 0);
    const arrived = sortRows([...back], this.t4);
    return {
      sent: sent.length,
      notSent: due.length - sent.length,
      lost: sent.length - back.length,
      reachedServer: up.length,
      lostDown: up.filter((row) => at(this.downCopies, row) === 0).length,
      duplicates: sent.reduce((n, row) => n + this.extraCopies(row), 0),
      order: reorderingOf(arrived.map((row) => at(this.seq, row))),
      losses: lossRuns(sent.map((row) => at(this.downCopies, row) === 0)),
      late: due.length - sent.length + sent.filter((row) => this.lateness(row) > interval).length,
      rtt: valuesOf(back, this.rtt).sort(),
      owdDown: valuesOf(back, this.owdDown),
      owdUp: valuesOf(up, this.owdUp),
      ipdv: this.ipdv(back, this.rtt),
      ipdvDown: this.ipdv(back, this.owdDown),
      ipdvUp: this.ipdv(up, this.owdUp),
      jitter: rtpJitter(arrived.map(this.rtt)),
      jitterDown: rtpJitter(arrived.map(this.owdDown)),
      jitterUp: rtpJitter(sortRows([...up], this.t2).map(this.owdUp)),
    };
  }

  /** RTTs (ns) of the packets that were due in a phase and came back. */
  delays(rows: readonly number[], { start, end }: { start: number; end: number }): Float64Array {
    const back = rows.filter(
      (row) => at(this.due, row) >= start && at(this.due, row) < end && at(this.downCopies, row) > 0,
    );
    return valuesOf(back, (row) => this.rtt(row) * SECOND);
  }

  /** The packets sent in a phase, in order of when they were due; `late`: lost, or longer on their way than `bound` ns. */
  packets(rows: readonly number[], { start, end }: { start: number; end: number }, bound: number) {
    const sent = rows.filter(
      (row) => at(this.due, row) >= start && at(this.due, row) < end && (at(this.flags, row) & NOT_SENT) === 0,
    );
    return sortRows(sent, this.due).map((row) => {
      return { due: at(this.due, row), late: at(this.downCopies, row) === 0 || this.rtt(row) * SECOND > bound };
    });
  }

  /**
   * Seconds from send to echo without the time that the server held the packet (as TWAMP, RFC 5357 §4.2.1, and irtt
   * do): that time is the rig's scheduling, not the network's.
   */
  private readonly rtt = (row: number): number => {
    const held = at(this.t2, row) !== 0 && at(this.t3, row) !== 0 ? at(this.t3, row) - at(this.t2, row) : 0;
    return (at(this.t4, row) - at(this.t1, row) - held) / SECOND;
  };

  private readonly owdDown = (row: number): number => (at(this.t4, row) - at(this.t3, row)) / SECOND;
  private readonly owdUp = (row: number): number => (at(this.t2, row) - at(this.t1, row)) / SECOND;
  private readonly lateness = (row: number): number => at(this.t1, row) - at(this.due, row);

  /** A packet duplicated on the way up comes back twice as well: that is one duplicate, not two. */
  private extraCopies(row: number): number {
    return Math.max(0, at(this.upCopies, row) - 1, at(this.downCopies, row) - 1);
  }

  private ipdv(rows: readonly number[], delay: (row: number) => number): Float64Array {
    const differences: number[] = [];
    for (let i = 1; i < rows.length; i++) {
      const [previous, row] = [rows[i - 1] as number, rows[i] as number];
      if (at(this.seq, row) === at(this.seq, previous) + 1) differences.push(Math.abs(delay(row) - delay(previous)));
    }
    return Float64Array.from(differences);
  }
}

function at(values: Float64Array, row: number): number {
  return values[row] as number;
}

/** Float64Array.from with a function is several times slower, and a large lab has millions of these. */
function valuesOf(rows: readonly number[], value: (row: number) => number): Float64Array {
  const values = new Float64Array(rows.length);
  for (let i = 0; i < rows.length; i++) values[i] = value(rows[i] as number);
  return values;
}

/**
 * RTP's interarrival jitter after the last packet, in the unit of `transits` (in order of arrival): J += (|D| − J)/16
 * with D the difference of consecutive transit times (RFC 3550 §6.4.1). Null below two packets.
 */
export function rtpJitter(transits: readonly number[]): number | null {
  if (transits.length < 2) return null;
  let jitter = 0;
  for (let i = 1; i < transits.length; i++) {
    const difference = Math.abs((transits[i] as number) - (transits[i - 1] as number));
    jitter += (difference - jitter) / 16;
  }
  return jitter;
}
