import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import {
  column,
  encodeSegment,
  type RecordLayout,
  readRun,
  TABLE_NAMES,
  writeSeg,
} from "../../harness/recording/index.js";
import { LAYOUTS, synthetic, writeRunFolder } from "./fixture.js";

const folders: string[] = [];
const scratch = (): string => {
  const folder = mkdtempSync(join(tmpdir(), "mqoe-run-"));
  folders.push(folder);
  return folder;
};
test.after.always(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

test("a run folder is read as it was written", (t) => {
  const s = synthetic();
  const run = readRun(writeRunFolder(scratch(), s));
  t.deepEqual(run.case, s.case);
  t.deepEqual(run.blueprint, s.blueprint);
  t.deepEqual(run.events, s.events);
  for (const name of TABLE_NAMES) t.is(run.tables[name].rows, s.rows[name].length, name);
  t.is(run.tables.probe, run.tables.probe, "decoded once");
  t.deepEqual(run.problems, []);
});

test("several writers of one type are one table", (t) => {
  const s = synthetic();
  const dir = writeRunFolder(scratch(), s);
  const layout = LAYOUTS.get("tcp_bin") as RecordLayout;
  writeSeg(join(dir, "samples"), layout, "traffic-9", [{ flow: 77, bytes: 5 }]);
  const table = readRun(dir).tables.tcp_bin;
  t.is(table.rows, s.rows.tcp_bin.length + 1);
  t.true(column(table, "flow").includes(77));
});

test("an empty folder, and one that is not there, are runs without anything", (t) => {
  for (const dir of [scratch(), "/nowhere/at/all"]) {
    const run = readRun(dir);
    t.is(run.blueprint, null);
    t.deepEqual(run.events, []);
    t.is(run.tables.probe.rows, 0);
    t.true(run.problems.some((problem) => problem.includes("blueprint.json")));
  }
});

test("what a killed run left is kept: cut events, a damaged segment, half a blueprint", (t) => {
  const dir = writeRunFolder(scratch(), synthetic());
  appendFileSync(join(dir, "events.jsonl"), '{"event":"phase","na');
  writeFileSync(join(dir, "samples", "test-0.probe.seg"), "MQOE");
  writeFileSync(join(dir, "blueprint.json"), '{"schema": "mqoe');
  const run = readRun(dir);
  t.is(run.tables.probe.rows, 0);
  t.true(run.tables.tcp_bin.rows > 0);
  t.is(run.events.length, 5);
  t.is(run.blueprint, null);
  t.is(run.problems.length, 2, run.problems.join("\n"));
  t.true(run.problems.some((problem) => /test-0\.probe\.seg: holds 4 bytes/.test(problem)));
});

test("a damaged line between events is named, the events around it count", (t) => {
  const dir = scratch();
  writeFileSync(join(dir, "events.jsonl"), '{"event":"go"}\n[1]\n{"event":"done","time":2}\n');
  const run = readRun(dir);
  t.deepEqual(run.events, [
    { event: "go", time: null },
    { event: "done", time: 2 },
  ]);
  t.true(run.problems.some((problem) => problem.includes("events.jsonl:2")));
});

test("a segment whose content contradicts its name is not taken for what the name says", (t) => {
  const dir = scratch();
  mkdirSync(join(dir, "samples"));
  const layout = LAYOUTS.get("tcp_info") as RecordLayout;
  writeFileSync(join(dir, "samples", "x.tcp_bin.seg"), encodeSegment(layout, "x", [{ flow: 1 }]));
  const run = readRun(dir);
  t.is(run.tables.tcp_bin.rows, 0);
  t.true(run.problems.some((problem) => /x\.tcp_bin\.seg: holds tcp_info records/.test(problem)));
});
