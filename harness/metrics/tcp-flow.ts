import type { FlowBlueprint } from "../blueprint/types.js";
import { column } from "../recording/index.js";
import { type Context, lastTime, type Phase, rowsBy } from "./context.js";

const SECOND = 1e9;
const EVENT = { connecting: 1, established: 2, closed: 3, failed: 4 } as const;

/** A flow delivers too little when it stays below this fraction of its fair share (metrics.md §1.9). */
export const STARVATION_FRACTION = 0.1;

/** What one flow did in one phase. */
export interface FlowPhase {
  flow: FlowBlueprint;
  client: string;
  /** bit/s of payload at the receiver; null = nothing was recorded of it. */
  goodput: number | null;
  /** Bins behind the goodput. */
  bins: number;
  /** Longest time below STARVATION_FRACTION of its fair share, seconds; null without data or without a share. */
  starved: number | null;
  bytesSent: number;
  bytesRetransmitted: number;
  /** TCP_INFO samples of the phase: smoothed RTT in seconds (once measured), congestion window in packets. */
  rtt: Float64Array;
  cwnd: Float64Array;
  /** CE marks that the receiver reported in the phase, packets. */
  ceMarks: number;
  infoSamples: number;
}

/** Finds the rows of each flow and measures it phase by phase. */
export class FlowRecording {
  private readonly bins: Map<number, number[]>;
  private readonly infos: Map<number, number[]>;
  private readonly events: Map<number, number[]>;
  private readonly width: number;
  /** Last moment at which the traffic process is known to have lived, ns. */
  private readonly aliveUntil: number;

  constructor(private readonly context: Context) {
    const { tables } = context.run;
    this.bins = rowsBy(tables.tcp_bin, "flow", "time");
    this.infos = rowsBy(tables.tcp_info, "flow", "time");
    this.events = rowsBy(tables.flow_event, "flow", "time");
    this.width = context.blueprint.traffic.sampleInterval;
    this.aliveUntil = lastTime(context.run);
  }

  /** `fairShare`: bit/s of goodput, null when there is none (unlimited plan). */
  measure(flow: FlowBlueprint, client: string, phase: Phase, fairShare: number | null): FlowPhase {
    const end = Math.min(phase.end, this.aliveUntil);
    const bits = this.binBits(flow.id, phase.start, end);
    const known = bits !== null && bits.length > 0;
    const seconds = (end - phase.start) / SECOND;
    return {
      flow,
      client,
      goodput: known ? bits.reduce((a, b) => a + b, 0) / seconds : null,
      bins: known ? bits.length : 0,
      starved: known && fairShare !== null ? this.starved(flow, phase, fairShare * STARVATION_FRACTION) : null,
      ...this.infoOf(flow.id, phase),
    };
  }

  /** Before it starts and after it stops a flow is not starved but absent. */
  private starved(flow: FlowBlueprint, phase: Phase, rate: number): number {
    const [start, end] = [Math.max(phase.start, flow.start), Math.min(phase.end, flow.stop, this.aliveUntil)];
    return longestBelow(this.binBits(flow.id, start, end) ?? new Float64Array(), this.width, rate);
  }

  /** Never established although it tried; null when nothing was recorded of the flow. */
  failedToConnect(id: number): boolean | null {
    const seen = this.eventsOf(id);
    if (seen.length === 0) return this.bins.has(id) ? false : null;
    return !seen.includes(EVENT.established);
  }

  /** Packets sent again in the whole run: what the last sample says. Null when there is none. */
  retransmittedPackets(id: number): { packets: number | null; samples: number } {
    const rows = this.infos.get(id) ?? [];
    const last = rows.at(-1);
    const packets = last === undefined ? Number.NaN : column(this.context.run.tables.tcp_info, "total_retrans")[last];
    return { packets: Number.isFinite(packets) ? (packets as number) : null, samples: rows.length };
  }

  private eventsOf(id: number): number[] {
    const kinds = column(this.context.run.tables.flow_event, "event");
    return (this.events.get(id) ?? []).map((row) => kinds[row] as number);
  }

  /**
   * Bits of payload in each bin-wide slot of [start, end). A bin that straddles an edge counts by its overlap. A slot
   * without a record is empty: a flow that is not up writes none – but a flow of which there is neither bin nor event
   * was not recorded at all (null).
   */
  private binBits(id: number, start: number, end: number): Float64Array | null {
    const rows = this.bins.get(id) ?? [];
    if (rows.length === 0 && this.eventsOf(id).length === 0) return null;
    const slots = new Float64Array(Math.max(0, Math.ceil((end - start) / this.width)));
    const time = column(this.context.run.tables.tcp_bin, "time");
    const bytes = column(this.context.run.tables.tcp_bin, "bytes");
    for (const row of rows) {
      const to = time[row] as number;
      const from = to - this.width;
      const overlap = Math.min(to, end) - Math.max(from, start);
      if (overlap <= 0) continue;
      const slot = Math.min(slots.length - 1, Math.floor((Math.max(from, start) - start) / this.width));
      slots[slot] = (slots[slot] as number) + ((bytes[row] as number) * 8 * overlap) / this.width;
    }
    return slots;
  }

  private infoOf(id: number, phase: Phase) {
    const table = this.context.run.tables.tcp_info;
    const time = column(table, "time");
    const rows = (this.infos.get(id) ?? []).filter((row) => (time[row] as number) < phase.end);
    const inside = rows.filter((row) => (time[row] as number) >= phase.start);
    const last = rows.at(-1);
    // Counters are cumulative: what stood at the last sample before the phase is not of the phase.
    const before = rows[rows.length - inside.length - 1];
    const grown = (name: string): number => {
      const values = column(table, name);
      return inside.length === 0
        ? 0
        : (values[last as number] as number) - (before === undefined ? 0 : (values[before] as number));
    };
    const rtt = column(table, "rtt");
    const cwnd = column(table, "cwnd");
    const measured = inside.filter((row) => (rtt[row] as number) > 0);
    return {
      bytesSent: grown("bytes_sent"),
      bytesRetransmitted: grown("bytes_retrans"),
      ceMarks: grown("delivered_ce"),
      rtt: Float64Array.from(measured, (row) => (rtt[row] as number) / 1e6),
      cwnd: Float64Array.from(inside, (row) => cwnd[row] as number),
      infoSamples: inside.length,
    };
  }
}

/** Longest run of bins that each carry less than `rate` bit/s, in seconds; the last bin may be shorter than the rest. */
function longestBelow(bits: Float64Array, width: number, rate: number): number {
  const enough = (rate * width) / SECOND;
  let longest = 0;
  let current = 0;
  for (const value of bits) {
    current = value < enough ? current + 1 : 0;
    longest = Math.max(longest, current);
  }
  return (longest * width) / SECOND;
}
