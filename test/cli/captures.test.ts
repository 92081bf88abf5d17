import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import test from "ava";
import { captureOverride, capturePointers, dropCaptures } from "../../harness/cli/captures.js";
import { capturesIn, withCaptures } from "../../harness/report/captures.js";
import type { ReportInput, RunReport } from "../../harness/report/types.js";
import type { CaseResult, RunResult, Verdict } from "../../harness/verdict/types.js";
import { scratchFolder } from "../scratch.js";

function touch(file: string): string {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, "x");
  return file;
}

const event = (name: string, more: object = {}) => ({
  event: "captured",
  time: 1,
  name,
  file: `captures/${name}.pcapng`,
  packets: 8,
  seen: 10,
  lost: 1,
  ...more,
});

test("of a run's captures those are told that became a file that is there", (t) => {
  const dir = scratchFolder("mqoe-captures-");
  touch(join(dir, "captures/a.pcapng"));
  touch(join(dir, "captures/c.pcapng"));
  const events = [event("a"), event("gone"), event("c", { error: "the disk is full" }), { event: "done", time: 2 }];
  const file = join(dir, "captures/a.pcapng");
  t.deepEqual(capturesIn({ dir, events }), [{ name: "a", file, packets: 8, older: 2, lost: 1 }]);
});

/** A case of one run with two captures, of which `always` is to be kept. */
function judged(out: string, id: string, verdict: Verdict): ReportInput["cases"][number] {
  const file = (name: string) => touch(join(out, id, "run-1/captures", `${name}.pcapng`));
  const captures = ["always", "on-fail"].map((name) => ({ name, file: file(name), packets: 8, older: 2, lost: 1 }));
  const result = { id, verdict, runs: [{ repeat: 1, verdict } as RunResult] } as CaseResult;
  const scenario = { captures: captures.map(({ name }) => ({ name, keep: name })) };
  const runs = [{ repeat: 1, captures } as RunReport];
  return { result: withCaptures(result, runs, out), case: scenario as never, runs };
}

test("captures of a case that came out as it should are removed, the others and those of `always` stay", (t) => {
  const out = scratchFolder("mqoe-captures-");
  const verdicts = ["pass", "expected-fail", "fail", "invalid", "no-data", "inconclusive"] as const;
  const cases = verdicts.map((verdict) => judged(out, verdict, verdict));
  const results = { schema: "mqoe-results/1", verdict: "fail", cases: cases.map(({ result }) => result) } as const;
  const input = { results, cases } as unknown as ReportInput;
  const kept = dropCaptures(input, out);
  for (const verdict of verdicts) {
    const passed = verdict === "pass" || verdict === "expected-fail";
    t.is(existsSync(join(out, verdict, "run-1/captures/on-fail.pcapng")), !passed, verdict);
    t.true(existsSync(join(out, verdict, "run-1/captures/always.pcapng")), verdict);
    const told = kept.results.cases.find(({ id }) => id === verdict)?.runs[0]?.captures ?? [];
    t.deepEqual(
      told.map(({ file }) => file),
      (passed ? ["always"] : ["always", "on-fail"]).map((name) => `${verdict}/run-1/captures/${name}.pcapng`),
    );
  }
  const pointers = capturePointers(kept.results, (file) => `out/${file}`);
  t.is(pointers.length, 7);
  t.is(pointers[0]?.path, "out/pass/run-1/captures/always.pcapng");
  t.is(pointers[6]?.path, "and 4 more, named in the report");
});

test("--pcap adds a capture at the dataplane, before what --set may change of it", (t) => {
  t.is(captureOverride(undefined, undefined), undefined);
  t.deepEqual(captureOverride("always", ["capture.pcap.limit=1MiB"]), [
    'capture.pcap={ at = "dataplane", keep = "always" }',
    "capture.pcap.limit=1MiB",
  ]);
});
