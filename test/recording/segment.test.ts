import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import {
  column,
  decodeSegment,
  encodeSegment,
  joinTables,
  parseRecordsDef,
  type RecordLayout,
  readSegment,
  SegmentError,
  writeSeg,
} from "../../harness/recording/index.js";
import { seededRng } from "../../harness/stats/index.js";
import { LAYOUTS } from "./fixture.js";

const EVERY_TYPE: RecordLayout = {
  type: "all",
  recordBytes: 40,
  fields: [
    { name: "a", type: "u64", offset: 0, unit: "ns" },
    { name: "b", type: "i64", offset: 8, unit: "ns" },
    { name: "c", type: "f64", offset: 16, unit: "s" },
    { name: "d", type: "u32", offset: 24, unit: "id" },
    { name: "e", type: "u16", offset: 28, unit: "bits" },
    { name: "f", type: "u8", offset: 30, unit: "" },
  ],
};

test("records.def is read as the C compiler reads it", (t) => {
  t.deepEqual(
    [...LAYOUTS.keys()],
    [
      "dp_client",
      "dp_tin",
      "dp_reactor",
      "tcp_bin",
      "tcp_info",
      "flow_event",
      "probe",
      "udp_bin",
      "udp_sent",
      "transfer",
      "page",
      "video",
      "rpm",
      "traffic_reactor",
    ],
  );
  const probe = LAYOUTS.get("probe") as RecordLayout;
  t.is(probe.recordBytes, 8 + 4 + 4 + 4 * 8 + 4 * 2);
  t.deepEqual(probe.fields[2], { name: "seq", type: "u32", offset: 12, unit: "number" });
  t.throws(() => parseRecordsDef('RECORD(x)\nFIELD(u128, y, "")'), { message: /records\.def:2: FIELD\(u128/ });
  t.throws(() => parseRecordsDef("struct x {"), { message: /records\.def:1/ });
});

test("every type survives the bytes, up to 2^53", (t) => {
  const rows = [
    { a: 2 ** 53 - 1, b: -(2 ** 53 - 1), c: -0.1, d: 2 ** 32 - 1, e: 65535, f: 255 },
    { a: 0, b: -1, c: Number.POSITIVE_INFINITY, d: 0, e: 0, f: 0 },
    { a: 2 ** 32, b: 2 ** 32 + 1, c: 1e300, d: 1, e: 1, f: 1 },
  ];
  const table = decodeSegment(encodeSegment(EVERY_TYPE, "dataplane-0", rows, 3), "x.seg");
  t.is(table.type, "all");
  t.deepEqual(table.writers, ["dataplane-0"]);
  t.is(table.lost, 3);
  t.is(table.units.b, "ns");
  for (const [i, row] of rows.entries()) {
    for (const [name, value] of Object.entries(row)) t.is(column(table, name)[i], value, `${name} of row ${i}`);
  }
});

test("a last record that is cut short is left out", (t) => {
  const bytes = encodeSegment(EVERY_TYPE, "w", [{ a: 1 }, { a: 2 }]);
  t.deepEqual([...column(decodeSegment(bytes.subarray(0, -1), "x"), "a")], [1]);
  t.is(decodeSegment(bytes.subarray(0, 8192), "x").rows, 0);
});

test("a field that a recording does not have is no data, not zero", (t) => {
  const table = decodeSegment(encodeSegment(EVERY_TYPE, "w", [{ a: 1 }]), "x");
  t.deepEqual([...column(table, "invented")], [Number.NaN]);
});

test("tables of several writers are joined; a column that one lacks is NaN there", (t) => {
  const older = { ...EVERY_TYPE, fields: EVERY_TYPE.fields.slice(0, 1) };
  const joined = joinTables("all", [
    decodeSegment(encodeSegment(older, "old", [{ a: 1 }], 2), "x"),
    decodeSegment(encodeSegment(EVERY_TYPE, "new", [{ a: 2, d: 9 }], 1), "y"),
  ]);
  t.deepEqual([...column(joined, "a")], [1, 2]);
  t.deepEqual([...column(joined, "d")], [Number.NaN, 9]);
  t.is(joined.lost, 3);
  t.deepEqual(joined.writers, ["old", "new"]);
});

const broken: [string, (bytes: Buffer) => unknown, RegExp][] = [
  ["another magic", (b) => b.write("MQOESEG9", 0), /a\.seg: starts with "MQOESEG9" instead of "MQOESEG1"/],
  ["records of no bytes", (b) => b.writeUInt32LE(0, 12), /records of 0 bytes/],
  ["more fields than its header holds", (b) => b.writeUInt32LE(0xffffffff, 24), /4294967295 fields/],
  ["a header beyond its end", (b) => b.writeUInt32LE(1 << 30, 8), /header of 1073741824 bytes/],
  ["a field of unknown type", (b) => b.write("u128", 192 + 24), /field a of unknown type "u128"/],
  ["a field outside its record", (b) => b.writeUInt32LE(36, 192 + 28), /field a at byte 36 of 40/],
  ["records too small for the fields", (b) => b.writeUInt32LE(30, 12), /field f at byte 30 of 30/],
  [
    "fields that overlap",
    (b) => {
      for (let field = 0; field < 6; field++) b.writeUInt32LE(0, 192 + field * 96 + 28);
      b.writeUInt32LE(8, 12);
    },
    /fields of 31 bytes in records of 8/,
  ],
  ["a field without a name", (b) => b.fill(0, 192, 216), /field without a name/],
];
for (const [what, damage, message] of broken) {
  test(`refused: ${what}`, (t) => {
    const bytes = encodeSegment(EVERY_TYPE, "w", [{ a: 1 }]);
    damage(bytes);
    t.throws(() => decodeSegment(bytes, "/r/a.seg"), { instanceOf: SegmentError, message });
  });
}

test("random and randomly damaged bytes: a table or an error that names the file, nothing else", (t) => {
  const rng = seededRng(11);
  const good = encodeSegment(EVERY_TYPE, "w", [{ a: 1 }, { b: 2 }, { c: 3 }]);
  let refused = 0;
  for (let round = 0; round < 2000; round++) {
    const bytes = round % 2 === 0 ? Buffer.alloc(rng.integer(0, 9000)) : Buffer.from(good);
    const from = round % 2 === 0 ? bytes.length : 600;
    for (let n = rng.integer(1, 40); n > 0 && from > 0; n--) bytes[rng.integer(0, from - 1)] = rng.integer(0, 255);
    if (round % 4 === 0 && bytes.length > 8) bytes.write("MQOESEG1");
    try {
      const table = decodeSegment(bytes.subarray(0, rng.integer(0, bytes.length)), "/some/file.seg");
      for (const values of Object.values(table.columns)) t.is(values.length, table.rows);
    } catch (error) {
      refused++;
      t.true(error instanceof SegmentError, String(error));
      t.regex((error as Error).message, /^\/some\/file\.seg: /);
    }
  }
  t.true(refused > 500, "the damage must be real");
});

test("writeSeg names the file as the spool does", (t) => {
  const dir = mkdtempSync(join(tmpdir(), "mqoe-seg-"));
  t.teardown(() => rmSync(dir, { recursive: true }));
  const path = writeSeg(dir, EVERY_TYPE, "traffic-1", [{ d: 5 }]);
  t.is(path, join(dir, "traffic-1.all.seg"));
  t.deepEqual([...column(readSegment(path), "d")], [5]);
  writeFileSync(path, readFileSync(path).subarray(0, 100));
  t.throws(() => readSegment(path), { message: /traffic-1\.all\.seg: holds 100 bytes/ });
});
