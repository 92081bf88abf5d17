import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { SEGMENT_HEADER_BYTES } from "./layout.js";
import { column, decodeHeader, decodeSegment, SegmentError, type Table } from "./segment.js";

/** Bytes read at first; twice as many each time that they do not reach back far enough. */
const FIRST_CHUNK = 1 << 20;

/**
 * The newest records of a spool file: all whose `time` is within `span` of the last one's, and maybe older ones before
 * them. The file may be growing. What a long run has recorded by then is not read. Throws SegmentError, or the system's
 * own error when the file cannot be read.
 */
export function readTail(path: string, span: number): Table {
  const fd = openSync(path, "r");
  try {
    const { size } = fstatSync(fd);
    const head = readAt(fd, 0, Math.min(size, SEGMENT_HEADER_BYTES));
    const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
    const { layout, headerBytes } = decodeHeader(view, path);
    if (headerBytes > head.byteLength) throw new SegmentError(`${path}: states a header of ${headerBytes} bytes`);
    const records = Math.floor((size - headerBytes) / layout.recordBytes);
    for (let count = Math.ceil(FIRST_CHUNK / layout.recordBytes); ; count *= 2) {
      const first = Math.max(0, records - count);
      const from = headerBytes + first * layout.recordBytes;
      const body = readAt(fd, from, (records - first) * layout.recordBytes);
      const table = decodeSegment(Buffer.concat([head.subarray(0, headerBytes), body]), path);
      if (first === 0 || reachesBack(table, span)) return table;
    }
  } finally {
    closeSync(fd);
  }
}

function reachesBack(table: Table, span: number): boolean {
  const time = column(table, "time");
  return (time[0] as number) < (time.at(-1) as number) - span;
}

function readAt(fd: number, from: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  const got = readSync(fd, bytes, 0, length, from);
  return bytes.subarray(0, got);
}
