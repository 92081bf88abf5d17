import type { StreamBlueprint } from "../blueprint/types.js";
import { column, type Table } from "../recording/index.js";
import { sum } from "../stats/index.js";
import { type Context, lastTime, overlaps, type Phase, rowsBy } from "./context.js";
import { udpPacketBytes } from "./layers.js";
import { metricName } from "./names.js";
import { type Group, groupBy, type Sheet } from "./sheet.js";

const SECOND = 1e9;

/** What one stream did in one phase. Rates are bit/s; null = nothing was recorded of it. */
interface StreamPhase {
  stream: StreamBlueprint;
  client: string;
  /** Bins behind the values. */
  bins: number;
  goodput: number | null;
  throughput: number | null;
  sent: number | null;
  packets: number;
  lost: number;
  reordered: number;
  duplicates: number;
  unsent: number;
}

/**
 * Metrics of all UDP streams: what was sent and what arrived (IP packets and payload), loss, reordering, duplicates –
 * per flow, client, site and total. What arrived counts when it arrived; what was lost belongs to the phase in which it
 * was sent. Duplicates are in no rate.
 */
export function udpMetrics(context: Context, sheet: Sheet): void {
  const { blueprint, shares, phases } = context;
  const recording = new StreamRecording(context);
  for (const [traffic, streams] of groupBy(blueprint.traffic.streams ?? [], (stream) => [stream.traffic])) {
    for (const phase of phases) {
      const active = streams
        .filter((stream) => overlaps(phase, stream.start, stream.stop))
        .map((stream) => recording.measure(stream, shares.clientName(stream.client), phase));
      const name = (quantity: string): string => metricName(traffic, phase.name, quantity);
      const groupsOf = ({ stream, client }: StreamPhase): Group[] => [...context.groupsOf(client), `flow/${stream.id}`];
      for (const [group, members] of groupBy(active, groupsOf)) {
        putRates(sheet, group, name, members);
        putCounts(sheet, group, name, members);
      }
    }
  }
}

type Namer = (quantity: string) => string;

function putRates(sheet: Sheet, group: Group, name: Namer, members: readonly StreamPhase[]): void {
  const put = (suffix: string, streams: readonly StreamPhase[]): void => {
    const bins = sum(streams.map((s) => s.bins));
    const rate = (pick: (s: StreamPhase) => number | null): number | null => total(streams.map(pick));
    sheet.put(
      group,
      name(`goodput${suffix}`),
      rate((s) => s.goodput),
      "bit/s",
      bins,
      "goodput",
    );
    sheet.put(
      group,
      name(`throughput${suffix}`),
      rate((s) => s.throughput),
      "bit/s",
      bins,
      "ip",
    );
  };
  put("", members);
  const directions = groupBy(members, (s) => [s.stream.direction]);
  if (directions.size > 1) for (const [direction, streams] of directions) put(`_${direction}`, streams);
  const bins = sum(members.map((s) => s.bins));
  sheet.put(group, name("sent"), total(members.map((s) => s.sent)), "bit/s", bins, "ip");
}

/** Null as soon as one stream was not recorded: a sum over the rest would understate. */
function total(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === values.length ? sum(known) : null;
}

function putCounts(sheet: Sheet, group: Group, name: Namer, members: readonly StreamPhase[]): void {
  const bins = sum(members.map((s) => s.bins));
  const packets = sum(members.map((s) => s.packets));
  const lost = sum(members.map((s) => s.lost));
  sheet.put(group, name("loss"), packets > 0 ? lost / packets : null, "ratio", packets);
  for (const quantity of ["reordered", "duplicates", "unsent"] as const) {
    const count = sum(members.map((s) => s[quantity]));
    sheet.put(group, name(quantity), bins > 0 ? count : null, "packets", bins);
  }
}

/** Finds the bins of each stream at its two ends. */
class StreamRecording {
  private readonly arrived: Map<number, number[]>;
  private readonly left: Map<number, number[]>;
  /** Last moment at which the traffic process is known to have lived, ns. */
  private readonly aliveUntil: number;

  constructor(private readonly context: Context) {
    const { tables } = context.run;
    this.arrived = rowsBy(tables.udp_bin, "stream", "time");
    this.left = rowsBy(tables.udp_sent, "stream", "time");
    this.aliveUntil = lastTime(context.run);
  }

  measure(stream: StreamBlueprint, client: string, phase: Phase): StreamPhase {
    const { udp_bin: arrivals, udp_sent: departures } = this.context.run.tables;
    const end = Math.min(phase.end, this.aliveUntil);
    const received = this.window(arrivals, this.arrived.get(stream.id) ?? [], phase.start, end);
    const sent = this.window(departures, this.left.get(stream.id) ?? [], phase.start, end);
    // Packets may have different sizes: what is counted is bytes.
    const bits = ({ rate }: { rate: (name: string) => number | null }): number | null => {
      const [packets, payload] = [rate("packets"), rate("bytes")];
      return packets === null || payload === null ? null : (payload + packets * udpPacketBytes(0, stream.family)) * 8;
    };
    const payload = received.rate("bytes");
    return {
      stream,
      client,
      bins: received.bins,
      goodput: payload === null ? null : payload * 8,
      throughput: bits(received),
      sent: bits(sent),
      packets: sent.count("packets") - sent.count("pending"),
      lost: sent.count("lost"),
      reordered: received.count("reordered"),
      duplicates: received.count("duplicates"),
      unsent: sent.count("refused") + sent.count("skipped"),
    };
  }

  /**
   * The bins of [start, end). For rates, a bin that straddles an edge counts by its overlap; counts are of whole bins,
   * each belonging to where its end lies.
   */
  private window(table: Table, rows: readonly number[], start: number, end: number) {
    const width = this.context.blueprint.traffic.sampleInterval;
    const time = column(table, "time");
    const inside = rows.filter((row) => (time[row] as number) > start && (time[row] as number) - width < end);
    const whole = inside.filter((row) => (time[row] as number) <= end);
    return {
      bins: whole.length,
      count: (name: string): number => sum(whole.map((row) => column(table, name)[row] as number)),
      /** Per second. */
      rate: (name: string): number | null => {
        if (inside.length === 0 || end <= start) return null;
        const values = column(table, name);
        const parts = inside.map((row) => {
          const to = time[row] as number;
          const overlap = Math.min(to, end) - Math.max(to - width, start);
          return ((values[row] as number) * overlap) / width;
        });
        return (sum(parts) * SECOND) / (end - start);
      },
    };
  }
}
