import type { Blueprint } from "../blueprint/types.js";

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

/** Reads the newest records of mapped segments (layout: native/record/segment.h). */
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
      bins.add(record.number("time"));
      sum[this.direction.get(record.number("flow")) ?? "down"] += record.number("bytes");
    });
    // A bin is 100 ms; several flows share one.
    const seconds = Math.max(bins.size, 1) / 10;
    return { down: (sum.down * 8) / seconds, up: (sum.up * 8) / seconds };
  }

  private roundTrips(): number[] {
    const rtts: number[] = [];
    this.each("probe", (record) => {
      const received = record.number("client_received");
      if (received > 0) rtts.push((received - record.number("client_sent")) / 1e9);
    });
    return rtts.sort((a, b) => a - b);
  }

  private newDrops(): number {
    let sum = 0;
    this.each("dp_client", (record) => {
      const key = `${record.number("client")}/${record.number("direction")}`;
      const now = record.number("drop_aqm") + record.number("drop_overflow");
      sum += now - (this.drops.get(key) ?? 0);
      this.drops.set(key, now);
    });
    return sum;
  }

  private each(type: string, visit: (record: LiveSegment) => void): void {
    for (const segment of this.segments.get(type) ?? []) segment.each(visit);
  }
}

function nearestRank(sorted: number[], q: number): number | null {
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? null;
}

/** A segment that its writer is still filling. It is read without locks: a record overwritten meanwhile only makes one
 *  number on the screen wrong; what is judged comes from the spool. */
class LiveSegment {
  private readonly view: DataView;
  private readonly fields = new Map<string, { type: string; offset: number }>();
  private readonly headerBytes: number;
  private readonly recordBytes: number;
  private readonly capacity: number;
  private seen = 0;
  private at = 0;

  constructor(bytes: ArrayBuffer) {
    this.view = new DataView(bytes);
    this.headerBytes = this.view.getUint32(8, true);
    this.recordBytes = this.view.getUint32(12, true);
    this.capacity = Number(this.view.getBigUint64(16, true));
    const count = this.view.getUint32(24, true);
    for (let i = 0; i < count; i++) this.addField(192 + i * 96);
  }

  each(visit: (record: LiveSegment) => void): void {
    const head = Number(this.view.getBigUint64(128, true));
    // Stay clear of the slots the writer may be about to reuse.
    const from = Math.max(this.seen, head - this.capacity / 2);
    for (let i = from; i < head; i++) {
      this.at = this.headerBytes + (i % this.capacity) * this.recordBytes;
      visit(this);
    }
    this.seen = head;
  }

  number(name: string): number {
    const field = this.fields.get(name);
    if (!field) return 0;
    const at = this.at + field.offset;
    switch (field.type) {
      case "u16":
        return this.view.getUint16(at, true);
      case "u32":
        return this.view.getUint32(at, true);
      case "i64":
        return Number(this.view.getBigInt64(at, true));
      default:
        return Number(this.view.getBigUint64(at, true));
    }
  }

  private addField(at: number): void {
    const text = (offset: number, length: number) => {
      const bytes = new Uint8Array(this.view.buffer, this.view.byteOffset + offset, length);
      const end = bytes.indexOf(0);
      return new TextDecoder().decode(bytes.subarray(0, end < 0 ? length : end));
    };
    this.fields.set(text(at, 24), { type: text(at + 24, 4), offset: this.view.getUint32(at + 28, true) });
  }
}
