import { readFileSync } from "node:fs";
import {
  FIELD,
  FIELD_BYTES,
  type FieldLayout,
  HEADER,
  isFieldType,
  NAME_BYTES,
  type RecordLayout,
  SEGMENT_MAGIC,
} from "./layout.js";

/** The rows of one record type, by column. Every column has `rows` values; 64-bit integers are exact below 2^53. */
export interface Table {
  type: string;
  rows: number;
  columns: Record<string, Float64Array>;
  /** Units as the segment states them. */
  units: Record<string, string>;
  /** Who wrote it: `dataplane-0`; several when tables were joined. */
  writers: string[];
  /** Records overwritten before the spool could read them. */
  lost: number;
}

/** A file that is not a segment, or one that contradicts itself. The message names the file. */
export class SegmentError extends Error {
  override name = "SegmentError";
}

/** Reads and decodes one `.seg` file. Throws SegmentError, or the system's own error when it cannot be read. */
export function readSegment(path: string): Table {
  return decodeSegment(readFileSync(path), path);
}

/**
 * Decodes a spool file. Its layout is taken from its own header, so recordings with other fields than today's stay
 * readable. A last record that is cut short (the machine died while spooling) is left out. `file` is for messages.
 */
export function decodeSegment(bytes: Uint8Array, file: string): Table {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { layout, headerBytes, writer, lost } = decodeHeader(view, file);
  const rows = Math.floor((bytes.byteLength - headerBytes) / layout.recordBytes);
  const columns: Record<string, Float64Array> = {};
  const units: Record<string, string> = {};
  for (const field of layout.fields) {
    columns[field.name] = decodeColumn(view, headerBytes, layout.recordBytes, rows, field);
    units[field.name] = field.unit;
  }
  return { type: layout.type, rows, columns, units, writers: [writer], lost };
}

export interface Header {
  layout: RecordLayout;
  headerBytes: number;
  writer: string;
  lost: number;
}

/** Throws SegmentError; `file` is for its message. */
export function decodeHeader(view: DataView, file: string): Header {
  const fail = (found: string): never => {
    throw new SegmentError(`${file}: ${found}; expected a segment written by mqoe (native/record/segment.h)`);
  };
  if (view.byteLength < HEADER.fields) fail(`holds ${view.byteLength} bytes, less than a segment's header`);
  const magic = text(view, HEADER.magic, SEGMENT_MAGIC.length);
  if (magic !== SEGMENT_MAGIC) fail(`starts with ${JSON.stringify(magic)} instead of "${SEGMENT_MAGIC}"`);
  const headerBytes = view.getUint32(HEADER.headerBytes, true);
  const recordBytes = view.getUint32(HEADER.recordBytes, true);
  const count = view.getUint32(HEADER.fieldCount, true);
  if (headerBytes < HEADER.fields + count * FIELD.bytes || headerBytes > view.byteLength) {
    fail(`states a header of ${headerBytes} bytes with ${count} fields, in a file of ${view.byteLength} bytes`);
  }
  if (recordBytes === 0) fail("states records of 0 bytes");
  const fields = Array.from({ length: count }, (_, i) => decodeField(view, HEADER.fields + i * FIELD.bytes));
  checkFields(fields, recordBytes, fail);
  return {
    layout: { type: text(view, HEADER.type, NAME_BYTES), recordBytes, fields },
    headerBytes,
    writer: text(view, HEADER.writer, NAME_BYTES),
    lost: uint64(view, HEADER.lost),
  };
}

function checkFields(fields: readonly FieldLayout[], recordBytes: number, fail: (found: string) => never): void {
  let used = 0;
  for (const { name, type, offset } of fields) {
    if (name === "") fail("has a field without a name");
    if (!isFieldType(type)) fail(`has field ${name} of unknown type ${JSON.stringify(type)}`);
    if (offset + FIELD_BYTES[type] > recordBytes) fail(`has field ${name} at byte ${offset} of ${recordBytes}`);
    used += FIELD_BYTES[type];
  }
  // Also bounds what decoding may allocate: 8 bytes a value, so at most 8 times the file.
  if (used > recordBytes) fail(`has fields of ${used} bytes in records of ${recordBytes}`);
}

function decodeField(view: DataView, at: number): FieldLayout {
  return {
    name: text(view, at + FIELD.name, FIELD.nameBytes),
    // Checked by the caller, which can name the file.
    type: text(view, at + FIELD.type, FIELD.typeBytes) as FieldLayout["type"],
    offset: view.getUint32(at + FIELD.offset, true),
    unit: text(view, at + FIELD.unit, FIELD.unitBytes),
  };
}

/** A NUL-padded string; a malformed byte becomes U+FFFD rather than an exception. */
function text(view: DataView, at: number, length: number): string {
  const bytes = new Uint8Array(view.buffer, view.byteOffset + at, length);
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}

type Getter = (view: DataView, at: number) => number;

/** Two halves are several times faster than BigInt, and exact below 2^53. */
const uint64: Getter = (view, at) => view.getUint32(at + 4, true) * 2 ** 32 + view.getUint32(at, true);

/** How a value of each type is read at a byte. */
export const GETTERS: Record<FieldLayout["type"], Getter> = {
  u8: (view, at) => view.getUint8(at),
  u16: (view, at) => view.getUint16(at, true),
  u32: (view, at) => view.getUint32(at, true),
  u64: uint64,
  i64: (view, at) => view.getInt32(at + 4, true) * 2 ** 32 + view.getUint32(at, true),
  f64: (view, at) => view.getFloat64(at, true),
};

function decodeColumn(view: DataView, start: number, stride: number, rows: number, field: FieldLayout): Float64Array {
  const column = new Float64Array(rows);
  const get = GETTERS[field.type];
  for (let row = 0, at = start + field.offset; row < rows; row++, at += stride) column[row] = get(view, at);
  return column;
}

/** No rows, no columns: what a missing recording looks like. */
export function emptyTable(type: string): Table {
  return { type, rows: 0, columns: {}, units: {}, writers: [], lost: 0 };
}

/**
 * Joins the tables of one type that several writers made, one after the other. A column that one of them lacks (older
 * recordings) is NaN in its rows.
 */
export function joinTables(type: string, tables: readonly Table[]): Table {
  if (tables.length === 1) return tables[0] as Table;
  const joined = emptyTable(type);
  for (const table of tables) {
    joined.rows += table.rows;
    joined.lost += table.lost;
    joined.writers.push(...table.writers);
    Object.assign(joined.units, table.units);
  }
  for (const name of Object.keys(joined.units)) joined.columns[name] = joinColumn(name, tables, joined.rows);
  return joined;
}

function joinColumn(name: string, tables: readonly Table[], rows: number): Float64Array {
  const column = new Float64Array(rows).fill(Number.NaN);
  let at = 0;
  for (const table of tables) {
    const part = table.columns[name];
    if (part !== undefined) column.set(part, at);
    at += table.rows;
  }
  return column;
}

/**
 * A column by name. A recording that lacks it (older than the field) reads as NaN in every row, which no comparison
 * holds for and no statistic accepts: absence never looks like zero.
 */
export function column(table: Table, name: string): Float64Array {
  return table.columns[name] ?? new Float64Array(table.rows).fill(Number.NaN);
}
