import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  FIELD,
  type FieldLayout,
  HEADER,
  NAME_BYTES,
  type RecordLayout,
  SEGMENT_HEADER_BYTES,
  SEGMENT_MAGIC,
} from "./layout.js";

/** Values by field name; a field that a row does not name is 0. */
export type Row = Record<string, number>;

/**
 * The bytes of a spool file, as the C library would have written them. For synthetic recordings: fixtures, and
 * importers of other tools' samples. Throws RangeError when the fields do not fit the header.
 */
export function encodeSegment(layout: RecordLayout, writer: string, rows: readonly Row[], lost = 0): Buffer {
  if (HEADER.fields + layout.fields.length * FIELD.bytes > SEGMENT_HEADER_BYTES) {
    throw new RangeError(
      `record ${layout.type} has ${layout.fields.length} fields, more than a segment's header holds`,
    );
  }
  const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES + rows.length * layout.recordBytes);
  encodeHeader(bytes, layout, writer, rows.length, lost);
  for (const [i, row] of rows.entries()) {
    const at = SEGMENT_HEADER_BYTES + i * layout.recordBytes;
    for (const field of layout.fields) PUT[field.type](bytes, row[field.name] ?? 0, at + field.offset);
  }
  return bytes;
}

function encodeHeader(bytes: Buffer, layout: RecordLayout, writer: string, rows: number, lost: number): void {
  bytes.write(SEGMENT_MAGIC, HEADER.magic, "latin1");
  bytes.writeUInt32LE(SEGMENT_HEADER_BYTES, HEADER.headerBytes);
  bytes.writeUInt32LE(layout.recordBytes, HEADER.recordBytes);
  bytes.writeUInt32LE(layout.fields.length, HEADER.fieldCount);
  bytes.write(layout.type, HEADER.type, NAME_BYTES - 1, "utf8");
  bytes.write(writer, HEADER.writer, NAME_BYTES - 1, "utf8");
  bytes.writeBigUInt64LE(BigInt(lost), HEADER.lost);
  bytes.writeBigUInt64LE(BigInt(rows), HEADER.head);
  for (const [i, field] of layout.fields.entries()) {
    const at = HEADER.fields + i * FIELD.bytes;
    bytes.write(field.name, at + FIELD.name, FIELD.nameBytes - 1, "utf8");
    bytes.write(field.type, at + FIELD.type, FIELD.typeBytes, "latin1");
    bytes.writeUInt32LE(field.offset, at + FIELD.offset);
    bytes.write(field.unit, at + FIELD.unit, FIELD.unitBytes - 1, "utf8");
  }
}

type Putter = (bytes: Buffer, value: number, at: number) => void;

const PUT: Record<FieldLayout["type"], Putter> = {
  u8: (bytes, value, at) => bytes.writeUInt8(value, at),
  u16: (bytes, value, at) => bytes.writeUInt16LE(value, at),
  u32: (bytes, value, at) => bytes.writeUInt32LE(value, at),
  u64: (bytes, value, at) => bytes.writeBigUInt64LE(BigInt(Math.round(value)), at),
  i64: (bytes, value, at) => bytes.writeBigInt64LE(BigInt(Math.round(value)), at),
  f64: (bytes, value, at) => bytes.writeDoubleLE(value, at),
};

/** Writes `DIR/<writer>.<type>.seg` (the name the spool gives it) and returns its path. */
export function writeSeg(dir: string, layout: RecordLayout, writer: string, rows: readonly Row[], lost = 0): string {
  mkdirSync(dir, { recursive: true });
  const path = join(dir, `${writer}.${layout.type}.seg`);
  writeFileSync(path, encodeSegment(layout, writer, rows, lost));
  return path;
}
