import test from "ava";
import { renderHtml } from "../../harness/report/index.js";
import { sideBySide } from "../../harness/report/side-by-side.js";
import { renderVerdicts, type Style } from "../../harness/report/terminal.js";
import type { CaseResult, Results } from "../../harness/verdict/types.js";
import { makeExpectation, makeInput, makeResult } from "./fixtures.js";

const PLAIN: Style = { live: false, color: false, columns: 100 };

type Values = Record<string, number | null>;
const UNITS: Record<string, "s" | "bit/s" | "ratio" | "packets"> = {
  rtt: "s",
  owd_down: "s",
  goodput: "bit/s",
  jain: "ratio",
  loss: "ratio",
};

function metricsOf(values: Values): CaseResult["metrics"] {
  const entries = Object.entries(values).map(([name, value]) => {
    const unit = UNITS[name.split(".")[1] ?? ""] ?? "packets";
    return [name, { value, unit, count: 1 }] as const;
  });
  return Object.fromEntries(entries);
}

/** What a case with one probe and one bulk transfer has, in the units of results.json. */
function caseOf(matrix: Record<string, string>, dataplane: string, values: Values = {}): CaseResult {
  const metrics = metricsOf({
    "ping.owd_down.p50": 0.01,
    "ping.rtt.p50": 0.0203,
    "ping.rtt.p99": 0.0206,
    "ping.loss": 0,
    "bulk.goodput": 19.04e6,
    "bulk.jain": 0.9951,
    "dataplane.drops": 307,
    "dataplane.marks": 0,
    ...values,
  });
  const id = `line[${Object.entries(matrix)
    .map(([axis, value]) => `${axis}=${value}`)
    .join(",")}]`;
  const result = makeResult();
  return { ...result, id, matrix, dataplane, verdict: "pass", metrics, by: {}, expectations: [] };
}

const resultsOf = (...cases: CaseResult[]): Results => ({ schema: "mqoe-results/1", verdict: "pass", cases });

test("one column for each case, one row for each metric that somebody looks for", (t) => {
  const [table, ...others] = sideBySide([
    caseOf({ middle: "ours" }, "afxdp"),
    caseOf({ middle: "linux" }, "kernel", { "ping.rtt.p99": 0.5962, "dataplane.drops": 1303 }),
  ]);
  t.is(others.length, 0);
  t.deepEqual(table?.columns, ["ours", "linux"]);
  const rows = table?.blocks[0]?.rows.map(({ metric, unit, cells }) => [metric, unit, ...cells.map((c) => c.text)]);
  t.deepEqual(rows, [
    ["ping.rtt.p50", "ms", "20.30", "20.30"],
    ["ping.rtt.p99", "ms", "20.60", "596.2"],
    ["bulk.goodput", "Mbit/s", "19.04", "19.04"],
    ["bulk.jain", "", "0.9951", "0.9951"],
    ["dataplane.drops", "", "307", "1303"],
  ]);
});

test("columns are the axis that decides the dataplane; the other axes make blocks", (t) => {
  const cases = ["1", "16"].flatMap((flows) => [
    caseOf({ flows, middle: "ours" }, "afxdp"),
    caseOf({ flows, middle: "linux" }, "kernel"),
  ]);
  const [table] = sideBySide(cases);
  t.is(table?.axis, "middle");
  t.deepEqual(
    table?.blocks.map(({ name }) => name),
    ["flows = 1", "flows = 16"],
  );
  const sameDataplane = cases.map((one) => ({ ...one, dataplane: "afxdp" }));
  t.is(sideBySide(sameDataplane)[0]?.axis, "flows", "without such an axis the first one");
});

test("a case that was filtered out leaves a hole, not another case's numbers", (t) => {
  const [table] = sideBySide([
    caseOf({ flows: "1", middle: "ours" }, "afxdp"),
    caseOf({ flows: "1", middle: "linux" }, "kernel"),
    caseOf({ flows: "16", middle: "linux" }, "kernel", { "dataplane.drops": 9 }),
  ]);
  const drops = table?.blocks[1]?.rows.find(({ metric }) => metric === "dataplane.drops");
  t.deepEqual(
    drops?.cells.map(({ text }) => text),
    ["–", "9"],
  );
});

test("what an expectation names is shown, marked where it failed; several runs show their range", (t) => {
  const ours = caseOf({ middle: "ours" }, "afxdp", { "bulk.starvation": 3 });
  const [run] = ours.runs;
  if (run === undefined) return t.fail("no run");
  ours.runs = [19.0e6, 19.04e6, 19.1e6].map((goodput, i) => {
    return { ...run, repeat: i + 1, metrics: metricsOf({ "bulk.goodput": goodput }) };
  });
  ours.expectations = [makeExpectation({ metric: "bulk.loaded.starvation", verdict: "fail" })];
  const rows = sideBySide([ours, caseOf({ middle: "linux" }, "kernel")])[0]?.blocks[0]?.rows ?? [];
  const named = rows.find(({ metric }) => metric === "bulk.starvation");
  t.deepEqual(
    named?.cells.map(({ text, failed }) => [text, failed]),
    [
      ["3", true],
      ["–", false],
    ],
  );
  t.is(rows.find(({ metric }) => metric === "bulk.goodput")?.cells[0]?.range, "19.00–19.10");
});

test("cases without a matrix, and a matrix of which one case was run, have nothing beside them", (t) => {
  t.deepEqual(sideBySide([caseOf({}, "afxdp"), caseOf({}, "kernel")]), []);
  t.deepEqual(sideBySide([caseOf({ middle: "ours" }, "afxdp")]), []);
});

test("the terminal has a line for each case, and the metrics that fit", (t) => {
  const cases = resultsOf(caseOf({ middle: "ours" }, "afxdp"), {
    ...caseOf({ middle: "linux-cake-besteffort" }, "kernel", { "ping.rtt.p99": 0.5962 }),
    verdict: "fail",
  });
  const text = renderVerdicts(cases, PLAIN);
  const table = text.slice(text.indexOf("  side by side"), text.indexOf("─"));
  t.is(
    table,
    `  side by side: A home link stays responsive while everyone downloads
                                 ping        ping            bulk    bulk  dataplane
  middle                   rtt.p50 ms  rtt.p99 ms  goodput Mbit/s    jain      drops
  ✓ ours                        20.30       20.60           19.04  0.9951        307
  ✗ linux-cake-besteffort       20.30       596.2           19.04  0.9951        307

`,
  );
  for (const columns of [60, 80, 120]) {
    const lines = renderVerdicts(cases, { ...PLAIN, columns }).split("\n");
    const from = lines.findIndex((line) => line.includes("side by side"));
    for (const line of lines.slice(from)) t.true(line.length <= Math.max(columns, 60), line);
    t.true(
      lines.some((line) => line.includes("goodput")),
      "goodput is never what is left out",
    );
  }
});

test("the page has the table above everything else, with a link to each case", (t) => {
  const input = makeInput({ disciplines: ["fq_codel", "pfifo"] });
  const page = renderHtml(input);
  t.true(page.indexOf('<table class="beside">') > 0);
  t.true(page.indexOf('<table class="beside">') < page.indexOf('<table class="verdicts">'));
  t.regex(page, /<tr class="block"><th scope="row">verdict<\/th><td class="n"><a href="#case-1">/u);
  t.false(renderHtml(makeInput()).includes('<table class="beside">'), "one case is beside nothing");
});
