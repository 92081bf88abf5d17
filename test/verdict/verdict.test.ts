import test from "ava";
import { judgeHealth } from "../../harness/health/index.js";
import { deriveMetrics } from "../../harness/metrics/index.js";
import type { Bound, Case, Expectation } from "../../harness/scenario/types.js";
import { compare } from "../../harness/verdict/expectation.js";
import {
  buildResults,
  type CaseEvidence,
  type CaseResult,
  exitCode,
  judgeCase,
  type RunEvidence,
  STOPPED,
  skippedCase,
  suiteVerdict,
  type Verdict,
} from "../../harness/verdict/index.js";
import {
  addStream,
  type Behaviour,
  expectation,
  runOf,
  type Shape,
  type Synthetic,
  synthetic,
} from "../recording/fixture.js";

const evidence = (s: Synthetic, repeat = 1): RunEvidence => {
  const run = runOf(s);
  const health = judgeHealth(run);
  const ending = { reason: "complete", error: "", started: true };
  return { repeat, seed: repeat, wall_s: 4, blueprint: run.blueprint, metrics: deriveMetrics(run), health, ending };
};

/** Judges runs that behave as given (one run each) against expectations. */
function judge(expectations: Partial<Expectation>[], behaviours: Behaviour[] = [{}], shape: Shape = {}): CaseResult {
  const runs = behaviours.map((behaviour, i) => evidence(synthetic(shape, behaviour), i + 1));
  return judgeCase({ ...synthetic(shape).case, expectations: expectations.map(expectation) }, runs, new Map());
}

const bound = (op: Bound["op"], value: number, given: Partial<Bound> = {}): Bound => ({
  op,
  value,
  unit: "s",
  of: null,
  text: String(value),
  ...given,
});
const share = (value: number, op: Bound["op"] = "at_least", of: "share" | "plan" = "share"): Bound =>
  bound(op, value, { unit: "ratio", of, text: `${value * 100}% of ${of}` });
const slow = { loaded: () => 0.05 };
const FAST = {};

test("an expectation that everybody holds passes, and names the worst all the same", (t) => {
  const result = judge([{}], [{ loaded: (client) => (client === 0 ? 0.024 : 0.028) }]);
  const [e] = result.expectations;
  t.is(result.verdict, "pass");
  t.is(e?.verdict, "pass");
  t.is(e?.reason, "");
  t.deepEqual(e?.worst, { client: "home-2", value: 0.028, limit: 0.03 });
  t.is(e?.value, 0.026);
});

test("one client that does not hold is enough, and the reason says who, what and how much", (t) => {
  const [e] = judge([{}], [{ loaded: (client) => (client === 0 ? 0.025 : 0.0342) }]).expectations;
  t.is(e?.verdict, "fail");
  t.is(e?.reason, "home-2: 34.2 ms, must be below 30 ms; 1 of 2 clients hold");
});

test("`for`: a fraction of the clients is enough", (t) => {
  const loaded = (client: number) => (client === 0 ? 0.05 : 0.025);
  const at = (fraction: number, clients: number) => judge([{ for: fraction }], [{ loaded }], { clients }).verdict;
  t.is(at(0.95, 20), "pass");
  t.is(at(0.95, 19), "fail");
  t.is(at(1, 20), "fail");
  t.is(at(0.5, 2), "pass");
});

test("every operator is what it says", (t) => {
  const table: [Bound["op"], boolean, boolean, boolean][] = [
    ["below", true, false, false],
    ["at_most", true, true, false],
    ["above", false, false, true],
    ["at_least", false, true, true],
    ["equals", false, true, false],
  ];
  for (const [op, ...expected] of table) {
    t.deepEqual(
      [1, 2, 3].map((value) => compare(op, value, 2)),
      expected,
      op,
    );
  }
});

test("total: one value, nobody to blame", (t) => {
  const [e] = judge([
    {
      metric: "dataplane.unaccounted",
      per: "total",
      gate: "invariant",
      bound: bound("equals", 0, { unit: "packets" }),
    },
  ]).expectations;
  t.is(e?.verdict, "pass");
  t.is(e?.worst, null);
  t.is(e?.value, 0);
});

test("the loaded phase may be written or left out", (t) => {
  t.is(judge([{ metric: "ping.loaded.rtt.p99" }]).verdict, "pass");
  t.is(judge([{ metric: "ping.idle.rtt.p99" }]).verdict, "pass");
});

test("per flow: the flow is named by its client", (t) => {
  const e = judge(
    [{ metric: "bulk.goodput", per: "flow", bound: bound("above", 5e6, { unit: "bit/s" }) }],
    [{ goodput: (flow) => (flow === 3 ? 1e6 : 8e6) }],
  ).expectations[0];
  t.is(e?.verdict, "fail");
  t.is(e?.worst?.client, "home-2 flow 3 (down)");
  t.is(judge([{ per: "flow" }]).verdict, "pass", "a probe is one flow per client");
});

// ---- shares ------------------------------------------------------------------------------------------------------

const PROBE = 114 * 8 * 100;
const CEILING = ((20e6 - PROBE) * 1448) / 1538;

test("of share: converted to goodput, so that a perfect link reaches 100 %", (t) => {
  const perfect = { goodput: () => CEILING / 2 + 100 };
  t.is(judge([{ metric: "bulk.goodput", bound: share(1) }], [perfect]).verdict, "pass");
  const result = judge([{ metric: "bulk.goodput", bound: share(0.95) }], [{ goodput: () => (CEILING / 2) * 0.949 }]);
  t.is(result.verdict, "fail");
  t.regex(
    result.expectations[0]?.reason ?? "",
    /^home-\d: 17\.8 Mbit\/s, must be at least 17\.8 Mbit\/s \(95% of share\)/,
  );
  const limit = result.expectations[0]?.worst?.limit as number;
  t.true(Math.abs(limit - 0.95 * CEILING) < 1);
});

test("per site: all below it, at any depth, against the sum of their shares", (t) => {
  const judgeSites = (goodput: (flow: number) => number, at_least: number) => {
    const s = synthetic({ clients: 3 }, { goodput });
    s.case.sites = {
      tower: { down: 100e6, up: 100e6, parent: null },
      ap: { down: 25e6, up: 10e6, parent: "tower" },
      mast: { down: 25e6, up: 10e6, parent: null },
    };
    s.case.clients.forEach((client, i) => {
      client.site = i < 2 ? "ap" : "tower";
    });
    const expectations = [expectation({ metric: "bulk.goodput", per: "site", bound: share(at_least) })];
    return judgeCase({ ...s.case, expectations }, [evidence(s)], new Map()).expectations[0];
  };
  t.is(judgeSites(() => CEILING / 2 + 100, 1)?.verdict, "pass");
  // One of the access point's two clients has nothing: the point has half of its share, the tower two thirds.
  const starved = (flow: number) => (flow < 2 ? 0 : CEILING / 2 + 100);
  const fails = judgeSites(starved, 0.6);
  t.is(fails?.verdict, "fail");
  t.is(fails?.worst?.client, "ap");
  t.regex(fails?.reason ?? "", /^ap: .*; 1 of 2 sites hold/);
  t.is(judgeSites(starved, 0.49)?.verdict, "pass");
});

test("of share per flow, in total, and of a plan", (t) => {
  const half = { goodput: () => (CEILING / 2) * 0.97 };
  t.is(judge([{ metric: "bulk.goodput", per: "flow", bound: share(0.95) }], [half]).verdict, "pass");
  t.is(judge([{ metric: "bulk.goodput", per: "flow", bound: share(0.98) }], [half]).verdict, "fail");
  t.is(judge([{ metric: "bulk.goodput", per: "total", bound: share(0.95) }], [half]).verdict, "pass");
  t.is(judge([{ metric: "bulk.goodput", per: "total", bound: share(0.98) }], [half]).verdict, "fail");
  t.is(judge([{ metric: "bulk.goodput", bound: share(0.95, "at_least", "plan") }], [half]).verdict, "pass");
});

test("a shaper's rate is compared at the plan's own layer", (t) => {
  // The fixture sends 18.456 Mbit/s of 20.
  const rate = { metric: "dataplane.rate_down" };
  t.is(judge([{ ...rate, bound: share(0.92) }]).verdict, "pass");
  t.is(judge([{ ...rate, bound: share(0.93) }]).verdict, "fail");
  t.is(judge([{ ...rate, per: "total", bound: share(0.92) }]).verdict, "pass");
  t.is(judge([{ ...rate, bound: share(1, "at_most", "plan") }]).verdict, "pass");
});

test("two traffics in one direction divide the share by their flows", (t) => {
  const s = synthetic({ clients: 1, flows: 4 }, { goodput: () => (CEILING / 4) * 0.97 });
  for (const flow of s.blueprint.traffic.flows.slice(1)) flow.traffic = "other";
  const which: Case = { ...s.case, expectations: [expectation({ metric: "bulk.goodput", bound: share(0.95) })] };
  t.is(judgeCase(which, [evidence(s)], new Map()).verdict, "pass");
});

test("a UDP stream is judged by what it sends or its fair part, at either layer; a dataplane's throughput has no share", (t) => {
  const s = synthetic({ clients: 1, flows: 1 });
  addStream(s, 0); // 8 Mbit/s of payload, of which 90 % arrive
  const flood: Case["traffic"][number] = {
    ...{ kind: "udp", name: "flood", from: ["home-1"], to: "web", family: "ipv4", dscp: 0, host: null },
    ...{ direction: "down", rate: 1028 * 8e3, size: 1000 },
  };
  const verdictOf = (given: Parameters<typeof expectation>[0]) => {
    const which: Case = { ...s.case, traffic: [...s.case.traffic, flood], expectations: [expectation(given)] };
    return judgeCase(which, [evidence(s)], new Map()).verdict;
  };
  for (const metric of ["flood.goodput", "flood.throughput"]) {
    for (const per of ["client", "flow", "total"] as const) {
      t.is(verdictOf({ metric, per, bound: share(0.899) }), "pass", `${metric} ${per}`);
      t.is(verdictOf({ metric, per, bound: share(0.901) }), "fail", `${metric} ${per}`);
    }
  }
  t.is(verdictOf({ metric: "dataplane.throughput_down", bound: share(0.5) }), "no-data");
});

test("no limit, no share: no data rather than a pass", (t) => {
  const s = synthetic({ clients: 1, down: 0 }, { goodput: () => 1e6 });
  const which: Case = { ...s.case, expectations: [expectation({ metric: "bulk.goodput", bound: share(0.95) })] };
  const [e] = judgeCase(which, [evidence(s)], new Map()).expectations;
  t.is(e?.verdict, "no-data");
  t.is(e?.reason, "home-1: home-1 has no limit down, so it has no share of it");
});

// ---- other cases -------------------------------------------------------------------------------------------------

function cell(value: string, behaviour: Behaviour, bounds: Bound[] = []): CaseEvidence & { case: Case } {
  const s = synthetic({}, behaviour);
  const which: Case = { ...s.case, id: `home[sqm=${value}]`, matrix: { sqm: value }, base: { sqm: "cake" } };
  which.expectations = bounds.map((b) => expectation({ gate: "relative", bound: b }));
  return { case: which, runs: [evidence(s)] };
}

const overBase = bound("at_most", 0.002, { of: { base: true }, text: "2ms over base" });
const overFq = bound("at_most", 0.002, { of: { axis: "sqm", value: "fq_codel" }, text: "2ms over sqm=fq_codel" });
const judgeCell = (one: CaseEvidence, others: CaseEvidence[]): CaseResult =>
  judgeCase(one.case, one.runs, new Map(others.map((other) => [other.case.id, other])));

test("over base and over axis=value: against the same client of that case", (t) => {
  const base = cell("cake", { loaded: (client) => 0.025 + client * 0.02 });
  const good = cell("pie", { loaded: (client) => 0.0265 + client * 0.02 }, [overBase]);
  const bad = cell("red", { loaded: () => 0.0275 }, [overBase]);
  t.is(judgeCell(good, [base, good]).verdict, "pass");
  const result = judgeCell(bad, [base, bad]);
  t.is(result.verdict, "fail");
  t.is(result.expectations[0]?.reason, "home-1: 27.5 ms, must be at most 27 ms (2ms over base); 1 of 2 clients hold");
  const fq = cell("fq_codel", { loaded: () => 0.025 });
  t.is(judgeCell(cell("red", { loaded: () => 0.0265 }, [overFq]), [fq]).verdict, "pass");
});

test("the case that others are compared with skips the comparison", (t) => {
  const base = cell("cake", {}, [overBase]);
  const result = judgeCell(base, [base]);
  t.is(result.expectations[0]?.verdict, "skipped");
  t.is(result.verdict, "pass");
});

test("a reference that did not run, is invalid, or has no data: no data", (t) => {
  const one = cell("red", FAST, [overBase]);
  const reason = (others: CaseEvidence[]) => {
    const [e] = judgeCell(one, others).expectations;
    t.is(e?.verdict, "no-data");
    return e?.reason;
  };
  t.regex(reason([]) ?? "", /\(sqm=cake\) was not run/);
  const base = cell("cake", FAST);
  const [run] = base.runs as [RunEvidence];
  t.regex(reason([{ ...base, runs: [{ ...run, health: { verdict: "invalid", checks: [] } }] }]) ?? "", /is invalid/);
  t.regex(
    reason([{ ...base, runs: [{ ...run, metrics: { total: {}, by: {}, accounting: null } }] }]) ?? "",
    /has no data/,
  );
  t.regex(reason([{ ...base, case: { ...base.case, repeat: 3 } }]) ?? "", /was not run to its end/);
  const { base: _base, ...unknown } = one.case;
  t.is(judgeCell({ ...one, case: unknown }, [base]).verdict, "no-data");
  const elsewhere = { ...base, case: { ...base.case, file: "other.toml" } };
  t.regex(reason([elsewhere]) ?? "", /was not run/);
});

test("a reference that this kernel lacks skips the comparison, with its reason; the rest is judged", (t) => {
  const lacking = { reason: "unsupported", error: "qdisc cake on access0: no sch_cake", started: false };
  const unhealthy = { verdict: "invalid", checks: [] } as const;
  const base = cell("cake", FAST);
  const unsupported = base.runs.map(
    (run): RunEvidence => ({ ...run, ending: lacking, health: { ...unhealthy, checks: [] } }),
  );
  const good = cell("pie", FAST, [overBase, bound("below", 0.03)]);
  const result = judgeCell(good, [{ ...base, runs: unsupported }]);
  t.deepEqual(
    result.expectations.map(({ verdict }) => verdict),
    ["skipped", "pass"],
  );
  t.is(
    result.expectations[0]?.reason,
    "the case it is compared with (sqm=cake) was skipped: qdisc cake on access0: no sch_cake",
  );
  t.is(result.verdict, "pass");
  const bad = cell("red", slow, [overBase, bound("below", 0.03)]);
  t.is(judgeCell(bad, [{ ...base, runs: unsupported }]).verdict, "fail");
  const half = { ...base, case: { ...base.case, repeat: 2 }, runs: [...base.runs, ...unsupported] };
  t.is(judgeCell(good, [half]).expectations[0]?.verdict, "no-data", "one of its runs got further");
});

// ---- no data -----------------------------------------------------------------------------------------------------

test("no data is never a pass: a metric nobody has, a client without samples, a count of nothing", (t) => {
  t.is(judge([{ metric: "ping.invented.p99" }]).verdict, "no-data");
  const s = synthetic();
  s.rows.probe = s.rows.probe.filter((row) => row.probe === 0);
  const which: Case = { ...s.case, expectations: [expectation()] };
  const result = judgeCase(which, [evidence(s)], new Map());
  t.is(result.verdict, "no-data");
  t.is(result.expectations[0]?.reason, "home-2: nothing was recorded of it");
  t.deepEqual(result.expectations[0]?.worst, { client: "home-2", value: null, limit: 0.03 });
  const lossless = expectation({ metric: "ping.loss", bound: bound("at_most", 0.01, { unit: "ratio" }) });
  s.rows.probe = [];
  t.is(judgeCase({ ...which, expectations: [lossless] }, [evidence(s)], new Map()).verdict, "no-data");
});

test("a number that no observation stands behind is no data", (t) => {
  const s = synthetic();
  const accounting = s.events.find((event) => event.event === "accounting") as object;
  Object.assign(accounting, { in: 0, out: 0, dropped: { aqm: 0, overflow: 0, path: 0, rig: 0 } });
  const zero = {
    metric: "dataplane.unaccounted",
    per: "total",
    bound: bound("equals", 0, { unit: "packets" }),
  } as const;
  t.is(judgeCase({ ...s.case, expectations: [expectation(zero)] }, [evidence(s)], new Map()).verdict, "no-data");
});

test("a violation among clients without data is a violation", (t) => {
  const s = synthetic({}, slow);
  s.rows.probe = s.rows.probe.filter((row) => row.probe === 0);
  t.is(judgeCase({ ...s.case, expectations: [expectation()] }, [evidence(s)], new Map()).verdict, "fail");
});

// ---- several runs ------------------------------------------------------------------------------------------------

test("absolute gates: the majority of runs decides, a tie is inconclusive", (t) => {
  const over = (...runs: Behaviour[]): Verdict => judge([{}], runs).verdict;
  t.is(over(FAST, FAST, FAST), "pass");
  t.is(over(FAST, slow, FAST), "pass");
  t.is(over(FAST, slow, slow), "fail");
  t.is(over(FAST, slow), "inconclusive");
  const result = judge([{}], [FAST, slow, slow]);
  t.regex(
    result.expectations[0]?.reason ?? "",
    /50 ms, must be below 30 ms; 0 of 2 clients hold; failed in 2 of 3 runs$/,
  );
  t.deepEqual(
    result.runs.map((run) => run.verdict),
    ["pass", "fail", "fail"],
  );
  t.is(result.metrics["ping.rtt.p99"]?.value, 0.05);
  t.is(result.metrics["ping.rtt.p99"]?.count, 1200);
  t.is(result.wall_s, 12);
  t.is(result.clock_s, undefined, "live time is the scenario's");
  t.is(result.accounting.in, 150_000);
});

test("invariants: one run is enough to fail, and that run's value is shown", (t) => {
  const invariant = { gate: "invariant" as const };
  const result = judge([invariant], [FAST, slow, FAST, FAST]);
  t.is(result.verdict, "fail");
  t.is(result.expectations[0]?.worst?.value, 0.05);
  t.is(judge([invariant], [FAST, FAST]).verdict, "pass");
});

test("a run without data leaves no majority of passes", (t) => {
  const empty = synthetic();
  empty.rows.probe = [];
  const good = synthetic();
  const which: Case = { ...good.case, expectations: [expectation()] };
  const runs = [evidence(good, 1), evidence(good, 2), evidence(empty, 3)];
  t.is(judgeCase(which, runs, new Map()).verdict, "no-data");
  const bad = synthetic({}, slow);
  t.is(judgeCase(which, [evidence(bad, 1), evidence(bad, 2), evidence(empty, 3)], new Map()).verdict, "fail");
});

// ---- controls, rigs ----------------------------------------------------------------------------------------------

test("a control that fails is an expected failure; one that passes fails", (t) => {
  const control = { outcome: "fail" as const, because: "a FIFO is what this must detect" };
  const failing = judge([control, { metric: "ping.loss", bound: bound("at_most", 0, { unit: "ratio" }) }], [slow]);
  t.is(failing.verdict, "expected-fail");
  t.is(failing.expectations[0]?.reason, "a FIFO is what this must detect");
  const passing = judge([control]);
  t.is(passing.verdict, "fail");
  t.regex(passing.expectations[0]?.reason ?? "", /^a control that must fail passed \(.*25 ms.*\): a FIFO/);
  t.is(judge([{ ...control, metric: "ping.invented.p1" }]).verdict, "no-data");
  t.is(judge([control], [FAST, slow]).verdict, "inconclusive");
});

test("an unhealthy rig makes the case invalid whatever its expectations say, with the evidence", (t) => {
  for (const behaviour of [FAST, slow]) {
    const s = synthetic({}, behaviour);
    s.rows.dp_reactor = s.rows.dp_reactor.map((row) => ({ ...row, cpu: (row.time as number) * 0.97 }));
    const which: Case = { ...s.case, expectations: [expectation()] };
    const result = judgeCase(which, [evidence(synthetic(), 1), evidence(s, 2)], new Map());
    t.is(result.verdict, "invalid");
    t.regex(result.reason, /^run 2: cpu-headroom: dataplane reactor 0 was on the CPU 97 %/);
    t.is(result.expectations.length, 1);
    t.deepEqual(
      result.runs.map((run) => run.verdict),
      ["pass", "invalid"],
    );
  }
});

test("a case without runs is invalid; a crashed run is judged, not thrown at", (t) => {
  const { case: which } = synthetic({ expectations: [{}] });
  t.is(judgeCase(which, [], new Map()).verdict, "invalid");
  const s = synthetic();
  for (const name of Object.keys(s.rows) as (keyof typeof s.rows)[]) s.rows[name] = [];
  s.events = [{ event: "done", time: null, reason: "error", error: "no room" }];
  const run = { ...evidence(s), blueprint: null, ending: null };
  const result = judgeCase(
    { ...which, expectations: [expectation({ metric: "bulk.goodput", per: "flow", bound: share(0.9) })] },
    [run],
    new Map(),
  );
  t.is(result.verdict, "invalid");
  t.regex(result.reason, /run-ended: the run ended with "error" \(no room\)/);
  t.is(result.expectations[0]?.verdict, "no-data");
});

test("an interrupted run was stopped by its user, and one that could not start says why: neither blames the rig", (t) => {
  const s = synthetic();
  s.events = [{ event: "done", time: null, reason: "interrupted", error: "interrupted by SIGINT" }];
  const after = (ending: RunEvidence["ending"]) =>
    judgeCase(s.case, [evidence(synthetic(), 1), { ...evidence(s, 2), ending }], new Map());
  const stopped = after({ reason: "interrupted", error: "interrupted by SIGINT", started: true });
  t.is(stopped.verdict, "invalid");
  t.is(stopped.reason, "stopped by you before the end; not judged");
  const taken = after({ reason: "error", error: "/run/netns/x-home exists", started: false });
  t.is(taken.verdict, "invalid");
  t.is(taken.reason, "the run could not start: /run/netns/x-home exists");
  t.regex(after({ reason: "error", error: "teardown", started: true }).reason, /run-ended/);
  t.regex(after({ reason: "dataplane-died", error: "", started: true }).reason, /run-ended/);
});

test("in the hermetic world a case knows its scenario's own clock, unless a run was broken off", (t) => {
  const s = synthetic({ expectations: [{}] });
  const run = (n: number, reason: string) => ({ ...evidence(s, n), ending: { reason, error: "", started: true } });
  const clock = (last: string) => judgeCase(s.case, [run(1, "complete"), run(2, last)], new Map(), "hermetic").clock_s;
  t.is(clock("complete"), (2 * s.case.duration) / 1e9);
  t.is(clock("interrupted"), undefined);
});

test("fewer runs than planned are no case: it was stopped, unless a run says worse of itself", (t) => {
  const s = synthetic({ expectations: [{}] });
  const which: Case = { ...s.case, repeat: 3 };
  const stopped = judgeCase(which, [evidence(s, 1)], new Map());
  t.is(stopped.verdict, "invalid");
  t.is(stopped.reason, STOPPED);
  t.is(
    judgeCase(
      which,
      [1, 2, 3].map((n) => evidence(s, n)),
      new Map(),
    ).reason,
    "",
  );
  const dead = { ...synthetic(), events: [{ event: "done", time: null, reason: "dataplane-died", error: "SIGSEGV" }] };
  t.regex(judgeCase(which, [evidence(dead, 1)], new Map()).reason, /run-ended/);
});

// ---- suite -------------------------------------------------------------------------------------------------------

const suite = (...verdicts: Verdict[]): { cases: CaseResult[] } => {
  const one = skippedCase(synthetic({ expectations: [{}] }).case, "not today");
  return { cases: verdicts.map((verdict) => ({ ...one, verdict })) };
};

test("exit codes and their precedence: 1, 3, 5, 4", (t) => {
  const table: [number, Verdict[]][] = [
    [0, ["pass"]],
    [0, ["pass", "expected-fail", "skipped"]],
    [0, ["expected-fail"]],
    [1, ["fail"]],
    [1, ["pass", "no-data", "fail", "invalid", "inconclusive", "skipped"]],
    [3, ["invalid"]],
    [3, ["no-data", "pass"]],
    [3, ["inconclusive", "invalid", "skipped", "pass"]],
    [5, ["inconclusive", "pass", "skipped"]],
    [4, ["skipped", "skipped"]],
    [4, []],
  ];
  for (const [code, verdicts] of table) {
    t.is(exitCode(suite(...verdicts)), code, verdicts.join());
  }
  t.is(suiteVerdict([{ verdict: "expected-fail" }]), "pass");
});

test("a skipped case says so at every expectation", (t) => {
  const [one] = suite("skipped").cases;
  t.is(one?.reason, "not today");
  t.is(one?.expectations[0]?.verdict, "skipped");
  t.is(one?.expectations[0]?.reason, "not today");
});

test("results are JSON: nothing that is not finite, and read back the same", (t) => {
  const result = judge([{}, { metric: "bulk.goodput", bound: share(0.9) }], [FAST, slow]);
  const metrics = result.metrics as Record<string, { value: number | null; unit: "s"; count: number }>;
  metrics.odd = { value: Number.NaN, unit: "s", count: 1 };
  metrics.odder = { value: Number.POSITIVE_INFINITY, unit: "s", count: 1 };
  const results = buildResults([result]);
  t.is(results.schema, "mqoe-results/1");
  t.is(results.cases[0]?.metrics.odd?.value, null);
  t.is(results.cases[0]?.metrics.odder?.value, null);
  t.deepEqual(JSON.parse(JSON.stringify(results)), results);
});

test("of each client the results keep what people compare and what is expected", (t) => {
  const result = judge([{ metric: "ping.ramp.rtt.p98", bound: bound("below", 1) }]);
  const kept = result.by["client/home-1"] ?? {};
  for (const name of ["ping.rtt.p99", "ping.rtt.p99.9", "ping.idle.rtt.p50", "bulk.goodput", "ping.ramp.rtt.p98"]) {
    t.true(name in kept, name);
  }
  for (const name of ["ping.rtt.p98", "ping.ramp.rtt.p99", "ping.cooldown.loss"]) t.false(name in kept, name);
  t.true("ping.rtt.p98" in result.metrics, "the total keeps everything");
  t.is(result.expectations[0]?.verdict, "pass");
});

test("what the kernel lacks is skipped with its words, in every run and expectation, and is never a pass", (t) => {
  const lacking = (repeat: number): RunEvidence => {
    const ending = { reason: "unsupported", error: "dataplane: RTM_NEWQDISC cake: no such qdisc", started: false };
    return { ...evidence(synthetic(), repeat), ending };
  };
  const of = (runs: RunEvidence[]) =>
    judgeCase({ ...synthetic().case, expectations: [expectation({})] }, runs, new Map());
  const skipped = of([lacking(1), lacking(2)]);
  t.is(skipped.verdict, "skipped");
  t.regex(skipped.reason, /RTM_NEWQDISC cake/);
  t.is(skipped.expectations[0]?.verdict, "skipped");
  t.deepEqual(
    skipped.runs.map(({ verdict, health }) => [verdict, health.verdict]),
    [
      ["skipped", "ok"],
      ["skipped", "ok"],
    ],
  );
  t.deepEqual([skipped.metrics, skipped.wall_s], [{}, 8]);
  t.is(exitCode(buildResults([skipped])), 4);
  const half = lacking(2);
  t.is(of([evidence(synthetic()), { ...half, health: { ...half.health, verdict: "invalid" } }]).verdict, "invalid");
});

test("who has nothing of a traffic in the phase is not judged by it; who should have and left nothing is", (t) => {
  const s = synthetic({ expectations: [{ metric: "bulk.goodput", bound: bound("at_least", 1e6, { unit: "bit/s" }) }] });
  const judged = (): CaseResult => judgeCase(s.case, [evidence(s)], new Map());
  t.is(judged().verdict, "pass");
  const second = s.blueprint.traffic.flows.filter(({ client }) => client === 1);
  s.rows.tcp_bin = s.rows.tcp_bin.filter(({ flow }) => !second.some(({ id }) => id === flow));
  s.rows.flow_event = s.rows.flow_event.filter(({ flow }) => !second.some(({ id }) => id === flow));
  t.is(judged().verdict, "no-data", "it is planned, and nothing of it was recorded");
  for (const flow of second) Object.assign(flow, { start: 3200 * 1e6, stop: 3300 * 1e6 });
  const [e] = judged().expectations;
  t.is(e?.verdict, "pass");
  t.is(e?.worst?.client, "home-1");
});
