import type { Blueprint } from "../blueprint/types.js";
import { type LiveRecord, LiveSegment } from "../recording/index.js";

/** What is going on right now, over the last half second or so. */
export interface Rates {
  /** Goodput of all flows, bit/s. */
  down: number;
  up: number;
  /** Round trips of probes that came back since the last reading, seconds; null without any. */
  rttP50: number | null;
  rttP99: number | null;
  /** Dropped by AQM or overflow since the last reading, packets. */
  drops: number;
}

/** Reads the newest records of mapped segments. */
export class LiveRates {
  private readonly segments = new Map<string, LiveSegment[]>();
  private readonly direction: Map<number, "down" | "up">;
  private drops = new Map<string, number>();

  constructor(blueprint: Blueprint) {
    this.direction = new Map(blueprint.traffic.flows.map((flow) => [flow.id, flow.direction]));
  }

  watch(type: string, bytes: ArrayBuffer | null): void {
    if (!bytes) return;
    const list = this.segments.get(type) ?? [];
    this.segments.set(type, [...list, new LiveSegment(bytes)]);
  }

  /** Everything that came since the last call. */
  read(): Rates {
    const { down, up } = this.goodput();
    const rtts = this.roundTrips();
    return { down, up, rttP50: nearestRank(rtts, 0.5), rttP99: nearestRank(rtts, 0.99), drops: this.newDrops() };
  }

  private goodput(): { down: number; up: number } {
    const sum = { down: 0, up: 0 };
    const bins = new Set<number>();
    this.each("tcp_bin", (record) => {
      bins.add(record.get("time"));
      sum[this.direction.get(record.get("flow")) ?? "down"] += record.get("bytes");
    });
    // A bin is 100 ms; several flows share one.
    const seconds = Math.max(bins.size, 1) / 10;
    return { down: (sum.down * 8) / seconds, up: (sum.up * 8) / seconds };
  }

  private roundTrips(): number[] {
    const rtts: number[] = [];
    this.each("probe", (record) => {
      const received = record.get("client_received");
      if (received > 0) rtts.push((received - record.get("client_sent")) / 1e9);
    });
    return rtts.sort((a, b) => a - b);
  }

  private newDrops(): number {
    let sum = 0;
    this.each("dp_client", (record) => {
      const key = `${record.get("client")}/${record.get("direction")}`;
      const now = record.get("drop_aqm") + record.get("drop_overflow");
      sum += now - (this.drops.get(key) ?? 0);
      this.drops.set(key, now);
    });
    return sum;
  }

  private each(type: string, visit: (record: LiveRecord) => void): void {
    for (const segment of this.segments.get(type) ?? []) segment.each(visit);
  }
}

function nearestRank(sorted: number[], q: number): number | null {
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? null;
}
