import { readFileSync, statSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import test from "ava";
import { resultsJsonSchema, resultsSchema } from "../../harness/report/results-schema.js";
import type { Results } from "../../harness/verdict/types.js";

const METRICS = {
  "ping.rtt.p99": { value: 0.0232, unit: "s", count: 4500 },
  "bulk.goodput": { value: null, unit: "bit/s", count: 0, layer: "goodput" },
} as const;

/** Every field at least once, null where null is allowed. */
function example(): Results {
  return {
    schema: "mqoe-results/1",
    verdict: "expected-fail",
    cases: [
      {
        id: "home[sqm=pfifo]",
        scenario: "scenarios/home.toml",
        title: "Home",
        matrix: { sqm: "pfifo" },
        world: "live",
        dataplane: "afxdp",
        verdict: "expected-fail",
        reason: "",
        wall_s: 15.1,
        accounting: {
          in: 9,
          duplicated: 0,
          out: 8,
          dropped: { aqm: 1, overflow: 0, path: 0, rig: 0 },
          held: 0,
          unaccounted: null,
        },
        metrics: METRICS,
        by: { "client/home-1": METRICS },
        expectations: [
          {
            metric: "ping.rtt.p99",
            bound: {
              op: "below",
              value: 0.001,
              unit: "s",
              of: { axis: "sqm", value: "cake" },
              text: "1ms over sqm=cake",
            },
            gate: "relative",
            per: "client",
            for: 1,
            outcome: "fail",
            value: 0.6,
            worst: { client: "home-1", value: 0.6, limit: null },
            verdict: "expected-fail",
            reason: "",
            file: "scenarios/home.toml",
            line: 3,
          },
        ],
        runs: [
          {
            repeat: 1,
            seed: 1,
            verdict: "fail",
            wall_s: 15.1,
            metrics: METRICS,
            health: {
              verdict: "ok",
              checks: [{ name: "cpu", verdict: "ok", value: 0.4, limit: 0.9, unit: "ratio", reason: "idle enough" }],
            },
          },
        ],
      },
    ],
  };
}

const validate = new Ajv2020({ allErrors: true, strictTypes: false }).compile(resultsJsonSchema());

test("a whole results file passes, by zod and by the published JSON Schema", (t) => {
  t.deepEqual(resultsSchema.parse(example()), example());
  t.true(validate(example()), JSON.stringify(validate.errors));
});

test("every bound that the contract knows passes", (t) => {
  for (const of of [null, "share", "plan", { base: true }] as const) {
    const results = example();
    const [expectation] = results.cases[0]?.expectations ?? [];
    if (!expectation) throw new Error("the example has no expectation");
    expectation.bound.of = of;
    t.true(validate(results), JSON.stringify(of));
  }
});

test("what is missing, unknown or no number is refused", (t) => {
  const harmed = (harm: (results: Record<string, unknown>) => void) => {
    const results = structuredClone(example()) as unknown as Record<string, unknown>;
    harm(results);
    return validate(results) || resultsSchema.safeParse(results).success;
  };
  const first = (results: Record<string, unknown>) =>
    (results.cases as Record<string, unknown>[])[0] as Record<string, unknown>;
  t.false(harmed((results) => delete results.verdict));
  t.false(harmed((results) => Object.assign(results, { extra: 1 })));
  t.false(harmed((results) => Object.assign(results, { verdict: "ok" })));
  t.false(harmed((results) => delete first(results).accounting));
  t.false(harmed((results) => Object.assign(first(results), { wall_s: "15" })));
  t.false(resultsSchema.safeParse({ ...example(), cases: [{ ...example().cases[0], wall_s: Number.NaN }] }).success);
});

test("the kept example is a results file of today's schema, and small", (t) => {
  const text = readFileSync("reports/example/results.json", "utf8");
  t.notThrows(() => resultsSchema.parse(JSON.parse(text)));
  t.true(text.length + statSync("reports/example/report.html").size < 300_000);
});
