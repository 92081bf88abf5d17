import { cpSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { judgeCaseFolder, judgeFolder } from "../../harness/report/folder.js";
import { renderJson } from "../../harness/report/index.js";
import { resultsSchema } from "../../harness/report/results-schema.js";
import type { Bound, Case } from "../../harness/scenario/types.js";
import { exitCode, NOT_STARTED, STOPPED } from "../../harness/verdict/index.js";
import { type Behaviour, expectation, type Synthetic, synthetic, writeRunFolder } from "../recording/fixture.js";

const OVER_BASE: Bound = { op: "at_most", value: 0.002, unit: "s", of: { base: true }, text: "2ms over base" };

/** A cell of a matrix whose first value is `base`; all are compared with that one, and have a bound of their own. */
function cell(sqm: string, behaviour: Behaviour = {}): Synthetic {
  const s = synthetic({}, behaviour);
  const expectations = [
    expectation({ gate: "relative", bound: OVER_BASE }),
    expectation({ metric: "ping.idle.rtt.p99" }),
  ];
  return { ...s, case: { ...s.case, id: `home[sqm=${sqm}]`, matrix: { sqm }, base: { sqm: "base" }, expectations } };
}

/** A run's own run.json, which is written last. */
const ABOUT_RUN = { repeat: 1, seed: 1, wall_s: 4 };

/** The folder of a whole run in which `cells` were started, in this order, as `0`, `1` … */
function runFolder(cells: Synthetic[], planned?: Case[]): string {
  const out = mkdtempSync(join(tmpdir(), "mqoe-folder-"));
  cells.forEach((s, i) => {
    const run = writeRunFolder(out, s);
    writeFileSync(join(run, "run.json"), JSON.stringify(ABOUT_RUN));
    renameSync(join(out, "home"), join(out, `${i}`));
  });
  const about = { schema: "mqoe-run/1", date: "2026-11-21T09:00:00Z", command: "mqoe run x", version: "0.1.0" };
  const cases = cells.map((_, i) => `${i}`);
  writeFileSync(join(out, "run.json"), JSON.stringify({ ...about, cases, ...(planned ? { planned } : {}) }));
  return out;
}

test("while a run goes on, a case is compared with the finished ones, and else not compared yet", (t) => {
  const good = cell("good", { loaded: () => 0.026 });
  const bad = cell("bad", { loaded: () => 0.029 });
  const early = runFolder([good]);
  const alone = judgeCaseFolder(join(early, "0"));
  t.is(alone.uncompared, 1);
  t.is(alone.verdict, "pass", "the bound of its own holds");
  t.is(alone.expectations.length, 1);
  const out = runFolder([cell("base"), good, bad]);
  const verdicts = ["0", "1", "2"].map((name) => judgeCaseFolder(join(out, name)));
  t.deepEqual(
    verdicts.map(({ verdict, uncompared }) => [verdict, uncompared]),
    [
      ["pass", 0],
      ["pass", 0],
      ["fail", 0],
    ],
  );
  t.is(judgeFolder(early).results.cases[0]?.verdict, "no-data", "when all is over, nothing is to come");
  for (const folder of [early, out]) rmSync(folder, { recursive: true });
});

test("under --jobs a case that is still being recorded is nobody's reference yet", (t) => {
  const good = cell("good", { loaded: () => 0.026 });
  const base = cell("base");
  const out = runFolder([{ ...base, case: { ...base.case, repeat: 2 } }, good]);
  const uncompared = (): number => judgeCaseFolder(join(out, "1")).uncompared;
  t.is(uncompared(), 1, "of the reference's two runs one is there");
  const second = join(out, "0", "run-2");
  cpSync(join(out, "0", "run-1"), second, { recursive: true });
  rmSync(join(second, "run.json"));
  t.is(uncompared(), 1, "its second run is complete, but may be made again or its lab still stands");
  writeFileSync(join(second, "run.json"), JSON.stringify({ ...ABOUT_RUN, repeat: 2 }));
  t.is(uncompared(), 0);
  const manifest = JSON.parse(readFileSync(join(out, "run.json"), "utf8")) as object;
  writeFileSync(join(out, "run.json"), JSON.stringify({ ...manifest, verifyDeterminism: true }));
  t.is(uncompared(), 1, "neither run has been compared with its second recording");
  const determinism = { identical: true, files: 9, differences: [] };
  for (const repeat of [1, 2]) {
    const about = { ...ABOUT_RUN, repeat, determinism };
    writeFileSync(join(out, "0", `run-${repeat}`, "run.json"), JSON.stringify(about));
  }
  t.is(uncompared(), 0);
  rmSync(out, { recursive: true });
});

test("a reference that the kernel lacks is skipped, and so is the comparison with it, also while the run goes on", (t) => {
  const base = cell("base");
  const error = "dataplane: RTM_NEWQDISC qdisc cake on access0: this kernel (6.18) has no sch_cake";
  base.events = [{ event: "done", time: null, reason: "unsupported", error }];
  const out = runFolder([base, cell("good", { loaded: () => 0.026 })]);
  const whole = judgeFolder(out).results;
  t.deepEqual(
    [whole.verdict, ...whole.cases.map(({ verdict }) => verdict)],
    ["pass", "skipped", "pass"],
    "what has been measured decides",
  );
  const { expectations, uncompared } = judgeCaseFolder(join(out, "1"));
  t.is(uncompared, 0);
  t.is(expectations[0]?.verdict, "skipped");
  t.regex(expectations[0]?.reason ?? "", /\(sqm=base\) was skipped: .* has no sch_cake$/);
  t.is(exitCode(whole), 0);
  rmSync(out, { recursive: true });
});

test("cases that an interrupt kept from starting are in the results, as skipped", (t) => {
  const cells = [cell("base"), cell("second"), cell("third")];
  const planned = cells.map((s) => s.case);
  const out = runFolder(cells.slice(0, 1), planned);
  const { results, cases } = judgeFolder(out);
  t.deepEqual(
    results.cases.map(({ id, verdict }) => [id, verdict]),
    [
      ["home[sqm=base]", "pass"],
      ["home[sqm=second]", "skipped"],
      ["home[sqm=third]", "skipped"],
    ],
  );
  t.is(results.cases[1]?.reason, "the run ended before this case began");
  t.is(cases.length, 3);
  rmSync(out, { recursive: true });
});

test("an interrupted run and one that could not start are told by their last event", (t) => {
  const reasonAfter = (...events: Synthetic["events"]): string | undefined => {
    const s = synthetic();
    const out = runFolder([{ ...s, events }]);
    const [result] = judgeFolder(out).results.cases;
    rmSync(out, { recursive: true });
    t.is(result?.verdict, "invalid");
    return result?.reason;
  };
  const done = { event: "done", time: null };
  t.is(reasonAfter({ ...done, reason: "interrupted", error: "interrupted by SIGINT" }), STOPPED);
  t.is(reasonAfter({ ...done, reason: "error", error: "x-home is taken" }), `${NOT_STARTED}: x-home is taken`);
  const ready = { event: "lab-ready", time: null };
  t.regex(reasonAfter(ready, { ...done, reason: "error", error: "broke" }) ?? "", /^run-ended: .*broke/);
});

test("a case with fewer runs than planned, or a run without its second recording, was stopped", (t) => {
  const s = synthetic();
  const judge = (repeat: number, manifest: object, run: object = {}) => {
    const out = runFolder([{ ...s, case: { ...s.case, repeat } }]);
    const add = (file: string, more: object) =>
      writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, "utf8")), ...more }));
    add(join(out, "run.json"), manifest);
    writeFileSync(join(out, "0/run-1/run.json"), JSON.stringify({ wall_s: 1, ...run }));
    const [whole, provisional] = [judgeFolder(out).results.cases[0], judgeCaseFolder(join(out, "0"))];
    rmSync(out, { recursive: true });
    t.is(provisional.reason, whole?.reason ?? "none");
    return [whole?.verdict ?? "none", whole?.reason ?? "none"];
  };
  t.deepEqual(judge(1, {}), ["pass", ""]);
  t.deepEqual(judge(3, {}), ["invalid", STOPPED]);
  t.deepEqual(judge(1, { verifyDeterminism: true }), ["invalid", STOPPED]);
  const determinism = { identical: true, files: 9, differences: [] };
  t.deepEqual(judge(1, { verifyDeterminism: true }, { determinism }), ["pass", ""]);
});

/** Keys with the types of their values; of a list its first element, of names and matrix axes one each. */
type Shape = string | { [key: string]: Shape };

function shapeOf(value: unknown): Shape {
  if (Array.isArray(value)) return { "[]": value.length === 0 ? "empty" : shapeOf(value[0]) };
  if (value === null || typeof value !== "object") return value === null ? "null" : typeof value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, shapeOf(inner)]));
}

/** Paths of `wanted` that `found` lacks or has as something else. */
function missing(wanted: Shape, found: Shape | undefined, path = ""): string[] {
  if (typeof wanted === "string") {
    // "null" and "empty" in the example allow anything that is there.
    const same = found !== undefined && (found === wanted || wanted === "null" || wanted === "empty");
    return same ? [] : [`${path}: ${JSON.stringify(found)}, not ${wanted}`];
  }
  if (typeof found !== "object") return [`${path}: ${found}`];
  return Object.entries(wanted).flatMap(([key, inner]) => missing(inner, found[key], `${path}/${key}`));
}

/** The example of DESIGN §9 but for the names of its clients and metrics, which are the scenario's. */
const DESIGN_EXAMPLE = {
  schema: "mqoe-results/1",
  verdict: "pass",
  cases: [
    {
      id: "home[sqm=cake]",
      scenario: "scenarios/…toml",
      matrix: { sqm: "cake" },
      world: "live",
      dataplane: "afxdp",
      verdict: "pass",
      wall_s: 94.1,
      accounting: { in: 9, out: 8, dropped: { aqm: 1, overflow: 0, path: 0, rig: 0 }, held: 0, unaccounted: 0 },
      metrics: { "ping.rtt.p99": { value: 0.0232, unit: "s", count: 4500 } },
      by: { "client/home-1": { "ping.rtt.p99": { value: 0.0231, unit: "s", count: 1500 } } },
      expectations: [
        {
          metric: "ping.induced.p99",
          bound: { op: "below", value: 0.03, unit: "s", of: null },
          gate: "absolute",
          per: "client",
          value: 0.0031,
          worst: { client: "home-2", value: 0.0034 },
          verdict: "pass",
          reason: "",
          line: 52,
        },
      ],
      runs: [
        {
          repeat: 1,
          seed: 1,
          verdict: "pass",
          wall_s: 31.2,
          metrics: {},
          health: { verdict: "ok", checks: [{ name: "cpu-headroom", verdict: "ok", value: 0.41 }] },
        },
      ],
    },
  ],
};

test("results.json of a folder has every key of DESIGN §9's example, with its type", (t) => {
  const s = synthetic();
  const induced = expectation({ metric: "ping.induced.p99" });
  const out = runFolder([{ ...s, case: { ...s.case, matrix: { sqm: "cake" }, expectations: [induced] } }]);
  const text = renderJson(judgeFolder(out).results);
  rmSync(out, { recursive: true });
  const results: unknown = JSON.parse(text);
  t.deepEqual(missing(shapeOf(DESIGN_EXAMPLE), shapeOf(results)), []);
  t.notThrows(() => resultsSchema.parse(results));
  t.regex(text, /^ +"ping\.rtt\.p99": \{ "value": [\d.]+, "unit": "s", "count": 400 \},?$/mu, "a metric is one line");
  t.regex(text, /"bulk\.goodput": \{ "value": [\d.]+, "unit": "bit\/s", "count": 80, "layer": "goodput" \}/u);
});
