import test, { type ExecutionContext } from "ava";
import { deriveMetrics, type Metrics } from "../../harness/metrics/index.js";
import { isStable, judgeIntervals, type Probed, responsivenessOf, trimmedMean } from "../../harness/metrics/rpm.js";
import { addInterval, addTester, MS, runOf, type Synthetic, synthetic } from "../recording/fixture.js";

const derive = (s: Synthetic) => deriveMetrics(runOf(s));

function near(t: ExecutionContext, value: number | null | undefined, expected: number, what = ""): void {
  const isNear = typeof value === "number" && Math.abs(value - expected) <= 1e-9 * Math.max(1, expected);
  t.true(isNear, `${what} is ${value}, expected ${expected}`);
}

const nearMetric = (t: ExecutionContext, metrics: Metrics | undefined, name: string, expected: number) =>
  near(t, metrics?.[name]?.value, expected, name);

const probed = (tcp: number, http: number, loaded: number): Probed => ({
  tcpForeign: [tcp],
  httpForeign: [http],
  httpLoaded: [loaded],
});

test("the trimmed mean keeps the best 95 %", (t) => {
  const hundred = Array.from({ length: 100 }, (_, i) => 100 - i);
  near(t, trimmedMean(hundred), 48); // 1 … 95
  near(t, trimmedMean([...Array(19).fill(10), 1000]), 10);
  near(t, trimmedMean([...Array(10).fill(10), 120]), 20); // 11 samples: 10.45 are 95 %, and half a sample is none
  near(t, trimmedMean([7]), 7);
  t.is(trimmedMean([]), null);
});

test("round trips a minute: 60,000 / ms, foreign ones of handshakes and requests, both kinds alike", (t) => {
  const { foreign, loaded, rpm } = responsivenessOf(probed(0.02, 0.04, 0.06));
  near(t, foreign, 2000);
  near(t, loaded, 1000);
  near(t, rpm, 1500);
  // The edges of the draft's bands.
  for (const [seconds, expected] of [
    [0.2, 300],
    [0.06, 1000],
    [0.01, 6000],
  ] as const) {
    near(t, responsivenessOf(probed(seconds, seconds, seconds)).rpm, expected);
  }
});

test("each kind of probe is trimmed by itself", (t) => {
  const slowest = [...Array(19).fill(0.02), 5];
  const { foreign, loaded } = responsivenessOf({ tcpForeign: slowest, httpForeign: [0.02], httpLoaded: slowest });
  near(t, foreign, 3000);
  near(t, loaded, 3000);
});

test("without probes of a kind there is no figure of it, and none of both", (t) => {
  t.deepEqual(responsivenessOf({ tcpForeign: [], httpForeign: [], httpLoaded: [0.02] }), {
    foreign: null,
    loaded: 3000,
    rpm: null,
  });
  t.is(responsivenessOf({ tcpForeign: [0.02], httpForeign: [0.02], httpLoaded: [] }).rpm, null);
});

test("stable: as many averages as the window, whose deviation is below 5 % of the last", (t) => {
  t.false(isStable([100], 2));
  t.true(isStable([100, 102], 2));
  t.false(isStable([9, 10], 2)); // 0.5 of 10 is 5 %
  t.true(isStable([1, 100, 102], 2));
  t.false(isStable([100, null], 2));
  t.false(isStable([0, 0], 2));
});

test("the result is of the last intervals; confidence says how many there were, and whether they were stable", (t) => {
  const interval = (end: number, loaded: number, goodputStable = true) => ({
    end,
    goodputStable,
    probed: probed(0.02, 0.02, loaded),
  });
  const one = judgeIntervals([interval(1, 0.02)], 2);
  t.is(one.confidence, 0);
  t.is(one.stableAt, null);
  // Loaded parts 3000; of 20 and 60 ms 1500; of two of 60 ms 1000: RPM 3000, 2250, 2000, 2000.
  const four = [interval(1, 0.02), interval(2, 0.06), interval(3, 0.06), interval(4, 0.06)];
  t.is(judgeIntervals(four.slice(0, 2), 2).confidence, 1); // 2250 ± 375
  t.is(judgeIntervals(four.slice(0, 3), 2).confidence, 1); // 2000 ± 125
  const all = judgeIntervals(four, 2);
  t.is(all.confidence, 2);
  t.is(all.stableAt, 4);
  t.deepEqual(all.probed.httpLoaded, [0.06, 0.06]);
  const unstable = judgeIntervals([...four.slice(0, 3), interval(4, 0.06, false)], 2);
  t.is(unstable.confidence, 1);
  t.is(unstable.stableAt, null);
  t.is(judgeIntervals([], 2).confidence, 0);
});

/** Two clients' tests of four intervals; the second's request under load takes twice as long. */
function twoTests(): Synthetic {
  const s = synthetic();
  for (const [client, loaded] of [30, 60].entries()) {
    const { id } = addTester(s, client);
    addInterval(s, id, [150, 90, 300], 0);
    for (const stable of [0, 1, 1]) addInterval(s, id, [20, 20, loaded], stable);
  }
  return s;
}

test("metrics of a test, of each client and of all, are those of its last intervals", (t) => {
  const { total, by } = derive(twoTests());
  const first = by["client/home-1"];
  nearMetric(t, first, "test.rpm_foreign", 3000);
  nearMetric(t, first, "test.rpm_loaded", 2000);
  nearMetric(t, first, "test.rpm", 2500);
  nearMetric(t, first, "test.rpm_down", 2500);
  t.is(first?.["test.rpm_up"], undefined);
  nearMetric(t, first, "test.rpm_confidence", 2);
  nearMetric(t, first, "test.stable_after", 2);
  nearMetric(t, first, "test.connections", 4);
  nearMetric(t, by["client/home-2"], "test.rpm", 2000);
  nearMetric(t, total, "test.rpm_loaded", 60 / 0.045);
  nearMetric(t, total, "test.connections", 8);
  t.is(total["test.rpm"]?.count, 8);
  t.is(total["test.ramp.rpm"], undefined);
});

test("probes are distributions of the phase in which they were sent; failed ones are counted", (t) => {
  const s = twoTests();
  const session = s.blueprint.traffic.sessions?.[0]?.id as number;
  s.rows.transfer.push({ time: 2000 * MS, session, index: 90, group: 1, label: 1, result: 1, asked: 1999 * MS });
  s.rows.transfer.push({ time: 3200 * MS, session, index: 91, group: 4, label: 2, result: 2, asked: 3199 * MS });
  const { total } = derive(s);
  t.is(total["test.tcp_f.p50"]?.count, 6);
  nearMetric(t, total, "test.http_l.max", 0.06);
  nearMetric(t, total, "test.ramp.http_l.max", 0.3);
  nearMetric(t, total, "test.ramp.tcp_f.max", 0.15);
  nearMetric(t, total, "test.failed", 1);
  nearMetric(t, total, "test.ramp.failed", 0);
});

test("both directions: a figure each, and the worst of them decides what to trust", (t) => {
  const s = synthetic({ clients: 1 });
  const down = addTester(s, 0, "down").id;
  const up = addTester(s, 0, "up").id;
  for (let n = 0; n < 3; n++) addInterval(s, down, [20, 20, 20]);
  addInterval(s, up, [40, 40, 40]);
  const { total } = derive(s);
  nearMetric(t, total, "test.rpm_down", 3000);
  nearMetric(t, total, "test.rpm_up", 1500);
  nearMetric(t, total, "test.rpm_confidence", 0);
  t.is(total["test.stable_after"]?.value, null);
  near(t, total["test.rpm"]?.value, 60 / ((0.02 + 0.02 + 0.04) / 3));
});

test("without a whole interval there is no figure, never one of nothing", (t) => {
  const s = synthetic({ clients: 1 });
  addTester(s, 0);
  const { total } = derive(s);
  for (const name of ["rpm", "rpm_foreign", "rpm_loaded", "rpm_confidence", "stable_after", "connections", "failed"]) {
    t.is(total[`test.${name}`]?.value, null, name);
  }
});
