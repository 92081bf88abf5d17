import { HEADER } from "./layout.js";
import { decodeHeader, GETTERS, type Header } from "./segment.js";

/** The record that a visit is about; valid only during the visit. */
export interface LiveRecord {
  /** A field's value; 0 for a field that this segment does not have. */
  get(field: string): number;
}

/**
 * A mapped segment that its writer is still filling. It is read without locks: a record overwritten meanwhile makes one
 * number on a screen wrong; what is judged comes from the spool.
 */
export class LiveSegment {
  private readonly view: DataView;
  private readonly header: Header;
  private readonly fields: Map<string, { read: (at: number) => number }>;
  private readonly capacity: number;
  private seen = 0;

  /** Throws SegmentError when the bytes are no segment. */
  constructor(bytes: ArrayBuffer) {
    this.view = new DataView(bytes);
    this.header = decodeHeader(this.view, "live segment");
    this.capacity = this.number64(HEADER.capacity);
    this.fields = new Map(
      this.header.layout.fields.map(({ name, type, offset }) => {
        return [name, { read: (at: number) => GETTERS[type](this.view, at + offset) }];
      }),
    );
  }

  /** Visits what was written since the last call, oldest first. */
  each(visit: (record: LiveRecord) => void): void {
    const head = this.number64(HEADER.head);
    let at = 0;
    const record: LiveRecord = { get: (field) => this.fields.get(field)?.read(at) ?? 0 };
    // Half a ring behind the writer at most: the older half may be under its pen.
    for (let n = Math.max(this.seen, head - this.capacity / 2); n < head; n++) {
      at = this.header.headerBytes + (n % this.capacity) * this.header.layout.recordBytes;
      visit(record);
    }
    this.seen = head;
  }

  private number64(at: number): number {
    return GETTERS.u64(this.view, at);
  }
}
