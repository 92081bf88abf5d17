/**
 * The layout of segments and spool files as TypeScript sees it (native/record/segment.h is the definition). All
 * integers are little-endian.
 */
export const SEGMENT_MAGIC = "MQOESEG1";
/** Bytes before the first record, in this version; a file states its own. */
export const SEGMENT_HEADER_BYTES = 8192;

/** Byte offsets inside the header. */
export const HEADER = {
  magic: 0,
  headerBytes: 8,
  recordBytes: 12,
  capacity: 16,
  fieldCount: 24,
  type: 32,
  writer: 64,
  lost: 96,
  head: 128,
  fields: 192,
} as const;

export const NAME_BYTES = 32;

/** One entry of the field table: name[24], type[4], u32 offset, unit[64]. */
export const FIELD = { name: 0, nameBytes: 24, type: 24, typeBytes: 4, offset: 28, unit: 32, unitBytes: 64, bytes: 96 };

export const FIELD_BYTES = { u8: 1, u16: 2, u32: 4, u64: 8, i64: 8, f64: 8 } as const;
export type FieldType = keyof typeof FIELD_BYTES;

export interface FieldLayout {
  name: string;
  type: FieldType;
  /** Bytes from the start of a record. */
  offset: number;
  unit: string;
}

export interface RecordLayout {
  type: string;
  recordBytes: number;
  fields: FieldLayout[];
}

export function isFieldType(type: string): type is FieldType {
  return Object.hasOwn(FIELD_BYTES, type);
}

/**
 * Reads layouts out of the text of `native/record/records.def`, the only definition of what mqoe records. For whoever
 * writes segments without the C library (fixtures, converters); readers take the layout from the file they read.
 * Throws SyntaxError for a line that is none of RECORD, FIELD, RECORD_END or a comment.
 */
export function parseRecordsDef(text: string): Map<string, RecordLayout> {
  const layouts = new Map<string, RecordLayout>();
  let open: RecordLayout | null = null;
  for (const [index, raw] of text.split("\n").entries()) {
    const line = raw.replace(/\/\/.*$/, "").trim();
    const [, macro, args = ""] = /^(RECORD|FIELD|RECORD_END)\((.*)\)$/.exec(line) ?? [];
    if (line === "") continue;
    if (macro === "RECORD") {
      open = { type: args, recordBytes: 0, fields: [] };
      layouts.set(args, open);
    } else if (macro === "RECORD_END") open = null;
    else if (macro === "FIELD" && open !== null) addField(open, args, index + 1);
    else
      throw new SyntaxError(`records.def:${index + 1}: found ${JSON.stringify(line)} where a record definition goes`);
  }
  return layouts;
}

function addField(layout: RecordLayout, args: string, line: number): void {
  const [, type = "", name = "", unit = ""] = /^(\w+), *(\w+), *"([^"]*)"$/.exec(args) ?? [];
  if (!isFieldType(type)) throw new SyntaxError(`records.def:${line}: FIELD(${args}) names no type that exists`);
  layout.fields.push({ name, type, offset: layout.recordBytes, unit });
  layout.recordBytes += FIELD_BYTES[type];
}
