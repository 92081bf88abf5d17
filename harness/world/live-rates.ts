import type { Blueprint } from "../blueprint/types.js";
import { type LiveRecord, LiveSegment } from "../recording/index.js";
import { largest, percentile, sum } from "../stats/index.js";

/** What is going on right now, over the last half second or so. */
export interface Rates {
  /** Goodput of all flows and streams, bit/s. */
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
  /** By client and direction, as one number: in a large lab there are thousands of records a second. */
  private readonly drops = new Map<number, number>();
  /** End of a bin → bytes of all flows in it. */
  private readonly bins = new Map<number, { down: number; up: number }>();
  private readonly binNs: number;

  constructor(blueprint: Blueprint) {
    this.binNs = blueprint.traffic.sampleInterval;
    const { flows, streams } = blueprint.traffic;
    this.direction = new Map([...flows, ...streams].map((flow) => [flow.id, flow.direction]));
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
    return { down, up, rttP50: percentile(rtts, 50), rttP99: percentile(rtts, 99), drops: this.newDrops() };
  }

  /** Over the bins that are complete: flows write theirs one after the other, so the newest one waits for the next call. */
  private goodput(): { down: number; up: number } {
    const add = (id: string) => (record: LiveRecord) => {
      const end = record.get("time");
      const bin = this.bins.get(end) ?? { down: 0, up: 0 };
      bin[this.direction.get(record.get(id)) ?? "down"] += record.get("bytes");
      this.bins.set(end, bin);
    };
    this.each("tcp_bin", add("flow"));
    this.each("udp_bin", add("stream"));
    const newest = largest(this.bins.keys());
    const complete = [...this.bins].filter(([end]) => end < newest);
    for (const [end] of complete) this.bins.delete(end);
    const seconds = Math.max(complete.length, 1) * (this.binNs / 1e9);
    const rate = (direction: "down" | "up") => (sum(complete.map(([, bin]) => bin[direction])) * 8) / seconds;
    return { down: rate("down"), up: rate("up") };
  }

  private roundTrips(): number[] {
    const rtts: number[] = [];
    this.each("probe", (record) => {
      const received = record.get("client_received");
      if (received > 0) rtts.push((received - record.get("client_sent")) / 1e9);
    });
    return rtts;
  }

  private newDrops(): number {
    let sum = 0;
    this.each("dp_client", (record) => {
      const key = 2 * record.get("client") + record.get("direction");
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
