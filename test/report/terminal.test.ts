import { stripVTControlCharacters } from "node:util";
import test from "ava";
import { createProgress, detectStyle, renderVerdicts, type Style } from "../../harness/report/terminal.js";
import type { Results } from "../../harness/verdict/types.js";
import { makeExpectation, makeInput, makeResult } from "./fixtures.js";

const PLAIN: Style = { live: false, color: false, columns: 80 };
const ESCAPE = "\u001b";

function resultsOf(...cases: Results["cases"]): Results {
  return { schema: "mqoe-results/1", verdict: "pass", cases };
}

test("the style follows the terminal, CI, NO_COLOR and FORCE_COLOR", (t) => {
  const tty = { isTTY: true, columns: 100 };
  t.deepEqual(detectStyle(tty, {}), { live: true, color: true, columns: 100 });
  t.deepEqual(detectStyle({}, {}), { live: false, color: false, columns: 80 });
  t.false(detectStyle(tty, { CI: "1" }).live);
  t.true(detectStyle(tty, { CI: "0" }).live);
  t.false(detectStyle(tty, { NO_COLOR: "1" }).color);
  t.true(detectStyle(tty, { NO_COLOR: "" }).color, "no-color.org: only a non-empty value counts");
  t.true(detectStyle({}, { FORCE_COLOR: "1" }).color);
  t.false(detectStyle(tty, { FORCE_COLOR: "1", NO_COLOR: "1" }).color);
  t.deepEqual(detectStyle(tty, { TERM: "dumb" }), { live: false, color: false, columns: 100 });
  t.is(detectStyle({ isTTY: true, columns: 400 }, {}).columns, 120);
});

test("where time is virtual, the time a case took is compared with the scenario's own", (t) => {
  const { results } = makeInput();
  Object.assign(results.cases[0] ?? {}, { world: "hermetic", wall_s: 5.5, clock_s: 15 });
  t.regex(renderVerdicts(results, PLAIN), /world hermetic · 5\.5 s in 1 run, 0\.37 × the scenario's clock\n/u);
});

test("a passing case reads at a glance", (t) => {
  const text = renderVerdicts(makeInput().results, PLAIN, [{ label: "report", path: "reports/latest/report.html" }]);
  t.is(
    text,
    `✓ PASS  home-line
  A home link stays responsive while everyone downloads
  dataplane afxdp · world live · 31.2 s in 1 run
  grade    A+
  goodput  bulk  18.6 Mbit/s
  latency  ping  idle 20.1 ms / 20.3 ms → loaded 22.1 ms / 25.6 ms (p50 / p99)
           induced p99 5.54 ms, loss 0.03 %

  verdict  metric                 expected        measured     worst
  ✓ pass   ping.induced.p99       < 30ms          5.5 ms       5.8 ms home
  ✓ pass   bulk.goodput           ≥ 90% of share  18.6 Mbit/s  18.4 Mbit/s home
  ✓ pass   dataplane.unaccounted  = 0 (total)     0            –

${"─".repeat(80)}
✓ PASS  everything came out as expected
  1 case: 1 pass
  3 expectations: 3 pass
  report  reports/latest/report.html
`,
  );
});

test("no line is wider than the terminal, whatever the names, and colour changes no character", (t) => {
  const long = "a-client-with-an-unreasonably-long-name-that-somebody-generated-1234567890";
  const hard = makeExpectation({
    metric: `${long}.induced.p99.9`,
    verdict: "fail",
    worst: { client: long, value: 1.25, limit: 0.03 },
    reason: `${long} waited far too long, and ${"so ".repeat(60)}did others`,
    for: 0.95,
  });
  const results = resultsOf({
    ...makeResult(),
    id: `${long}[sqm=${long}]`,
    expectations: [hard],
    verdict: "fail",
    reason: long.repeat(3),
  });
  for (const columns of [60, 80, 120]) {
    results.verdict = "invalid";
    const plain = renderVerdicts(results, { ...PLAIN, columns });
    for (const line of plain.split("\n")) t.true(line.length <= columns, `${line.length} > ${columns}: ${line}`);
    const coloured = renderVerdicts(results, { ...PLAIN, columns, color: true });
    t.true(coloured.includes(ESCAPE));
    t.is(stripVTControlCharacters(coloured), plain);
  }
});

test("verdicts without colour still say what they are, and why", (t) => {
  const invalid = {
    ...makeResult(),
    verdict: "invalid" as const,
    reason: "the machine was the limit",
    expectations: [makeExpectation({ verdict: "no-data", value: null, worst: null, reason: "no probe came back" })],
  };
  const check = {
    name: "cpu-headroom",
    verdict: "invalid" as const,
    value: 0.02,
    limit: 0.1,
    unit: "ratio",
    reason: "98 % busy",
  };
  const run = { ...makeResult().runs[0], health: { verdict: "invalid" as const, checks: [check] } };
  const text = renderVerdicts(resultsOf({ ...invalid, runs: [run as (typeof invalid.runs)[0]] }), PLAIN);
  t.false(text.includes(ESCAPE));
  t.regex(text, /^! INVALID {2}home-line$/mu);
  t.regex(text, /the machine was the limit/u);
  t.regex(text, /• cpu-headroom invalid: 98 % busy/u);
  const quoted = { ...invalid, reason: "cpu-headroom: 98 % busy", runs: [run as (typeof invalid.runs)[0]] };
  t.is(renderVerdicts(resultsOf(quoted), PLAIN).split("98 % busy").length, 2, "said once");
  t.regex(text, /\? no data +ping\.induced\.p99 +< 30ms +–/u);
  t.regex(text, /no probe came back\n {4}\(scenarios\/quickstart\/home-line\.toml:52\)/u);
});

test("text from a scenario cannot move the cursor or reverse the line", (t) => {
  const results = resultsOf({ ...makeResult(), title: "evil\u001b[2J\u202Etxt\u0007", id: "a\u001b]0;owned\u0007b" });
  const text = renderVerdicts(results, PLAIN);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: their absence is what is tested
  t.notRegex(text, /[\u0000-\u0009\u000b-\u001f\u202e]/u);
});

function recordProgress(style: Style) {
  let output = "";
  let now = Date.UTC(2026, 10, 21, 9, 31, 36);
  const stream = { write: (text: string) => (output += text) };
  const progress = createProgress({ stream, style, now: () => now });
  return { progress, wait: (ms: number) => (now += ms), output: () => output };
}

test("without a terminal, progress is a few plain lines with their time", (t) => {
  const { progress, wait, output } = recordProgress(PLAIN);
  progress.caseStarted("home-line", 1, 2);
  progress.phase("lab", null);
  wait(1000);
  progress.phase("idle", 5);
  for (let i = 0; i < 20; i++) {
    wait(250);
    progress.rates({ down: 0, up: 0, rttP50: 0.0201, rttP99: 0.0203, drops: 0 });
    progress.phase("idle", 5 - i / 4);
  }
  progress.phase("loaded", 20);
  progress.rates({ down: 18.9e6, up: 3e5, rttP50: null, rttP99: null, drops: 4 });
  progress.note("the generator was late once");
  progress.caseFinished(makeResult());
  progress.stop();
  t.is(
    output(),
    `09:31:36 case 1/2 home-line
09:31:36 home-line: lab
09:31:37 home-line: idle (5 s)
09:31:42 home-line: idle ended with down 0 bit/s, up 0 bit/s, rtt p50 20.1 ms p99 20.3 ms
09:31:42 home-line: loaded (20 s)
09:31:42 the generator was late once
09:31:42 home-line: loaded ended with down 18.9 Mbit/s, up 300 kbit/s
09:31:42 ✓ pass home-line  grade A+ · p99 20.3 ms idle, 25.6 ms loaded · 31.2 s
`,
  );
});

test.serial("on a terminal, the block stays within its width, and the cursor comes back", (t) => {
  const before = process.listenerCount("SIGINT");
  const { progress, wait, output } = recordProgress({ live: true, color: false, columns: 80 });
  progress.caseStarted(`${"long-name-".repeat(20)}`, 1, 3);
  progress.phase("loaded", 20);
  wait(5000);
  progress.rates({ down: 123.4e6, up: 12.3e6, rttP50: 0.0221, rttP99: 0.0256, drops: 12_345 });
  t.is(process.listenerCount("SIGINT"), before + 1);
  t.regex(output(), /━{6}┈{18} 15 s left/u);
  t.regex(output(), /↓ 123 Mbit\/s {2}↑ 12\.3 Mbit\/s {2}rtt 22\.1 ms \/ 25\.6 ms {2}12\u2009345 drops/u);
  progress.note("a line that stays");
  progress.caseFinished(makeResult());
  progress.stop();
  for (const line of stripVTControlCharacters(output()).split("\n")) t.true(line.length <= 80, line);
  t.is(process.listenerCount("SIGINT"), before, "no handler stays behind");
  t.is(output().split("\u001b[?25l").length, output().split("\u001b[?25h").length, "hidden as often as shown");
  t.true(output().lastIndexOf("\u001b[?25h") > output().lastIndexOf("\u001b[?25l"));
  t.true(output().trimEnd().endsWith("31.2 s"));
});

test("a case whose reference is still to come is not compared yet, unless it fails by itself", (t) => {
  const { progress, output } = recordProgress(PLAIN);
  progress.caseFinished({ ...makeResult(), uncompared: 1 });
  progress.caseFinished({ ...makeResult(), uncompared: 1, verdict: "fail" });
  progress.caseFinished({ ...makeResult(), uncompared: 0 });
  const lines = output().split("\n");
  t.regex(lines[0] ?? "", /… not compared yet home-line {2}grade A\+/u);
  t.regex(lines[1] ?? "", /✗ fail home-line/u);
  t.regex(lines[2] ?? "", /✓ pass home-line/u);
});

test("who stopped a run, or why it could not start, is what is said of it", (t) => {
  const metrics = Object.fromEntries(
    Object.entries(makeResult().metrics).map(([name, metric]) => [name, { ...metric, value: null, count: 0 }]),
  );
  const check = {
    name: "samples",
    verdict: "invalid" as const,
    value: 3,
    limit: 0,
    unit: "count",
    reason: "all empty",
  };
  const run = { ...makeResult().runs[0], health: { verdict: "invalid" as const, checks: [check] } };
  const runs = [run as Results["cases"][0]["runs"][0]];
  const render = (reason: string) => {
    const one = { ...makeResult(), verdict: "invalid" as const, reason, metrics, runs };
    return renderVerdicts({ ...resultsOf(one), verdict: "invalid" }, PLAIN);
  };
  const stopped = render("stopped by you before the end; not judged");
  t.regex(stopped, /^! INVALID {2}stopped by you before the end; not judged$/mu);
  t.notRegex(stopped, /was the limit|all empty|goodput {2}bulk|latency {2}ping/u);
  const taken = render("the run could not start: /run/netns/x-home exists");
  t.regex(taken, /^! INVALID {2}the run could not start$/mu);
  t.regex(taken, /the run could not start: \/run\/netns\/x-home exists/u);
  t.regex(render("cpu-headroom: 98 % busy"), /the machine or the lab was the limit/u);
});
