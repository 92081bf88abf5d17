import test from "ava";
import { caseCdf } from "../../harness/report/html/cdf-plots.js";
import { changesList } from "../../harness/report/html/changes.js";
import {
  bucketTimes,
  envelope,
  envelopeTimes,
  labelledMarks,
  marksOf,
  resample,
} from "../../harness/report/html/plot.js";
import { MAX_LINES, timePlots } from "../../harness/report/html/time-plots.js";
import { makeInput } from "./fixtures.js";

const CONTEXT = { group: "g", groupOf: (client: string) => client.replace(/-\d+$/u, ""), budget: { values: 16_000 } };

function seriesOf(clients: number) {
  const series = makeInput({ clients }).cases[0]?.runs[0]?.series;
  if (!series) throw new Error("the fixture has no series");
  return series;
}

test("an envelope keeps the extremes of each bucket, in their order, and gaps", (t) => {
  const time = [0, 1, 2, 3, 4, 5, 9];
  t.deepEqual(envelope(time, [5, 1, 9, 2, 7, null, 3], 0, 10, 2), [1, 9, 3, 3]);
  t.deepEqual(envelope(time, [5, 9, 1, 2, 7, null, 3], 0, 10, 2), [9, 1, 3, 3]);
  t.deepEqual(envelope([1], [4], 0, 4, 4), [null, null, 4, 4, null, null, null, null]);
  t.deepEqual(envelope([-1, 11], [1, 1], 0, 10, 1), [null, null], "outside is not drawn at the edge");
  t.deepEqual(envelopeTimes(0, 4, 2), [0.5, 1.5, 2.5, 3.5]);
});

test("values of intervals are joined by what they mean", (t) => {
  const time = [0.5, 1.5, 2.5];
  t.deepEqual(resample(time, [1, 3, 5], 0, 4, 2, "mean"), [2, 5]);
  t.deepEqual(resample(time, [1, 3, 5], 0, 4, 2, "sum"), [4, 5]);
  t.deepEqual(resample(time, [1, 3, 5], 0, 4, 2, "max"), [3, 5]);
  t.deepEqual(resample([], [], 0, 4, 2, "sum"), [null, null]);
  t.deepEqual(bucketTimes(0, 4, 2), [1, 3]);
});

test("a single outlier among 100,000 samples is drawn", (t) => {
  const series = seriesOf(1);
  const time = Array.from({ length: 100_000 }, (_, i) => (i * 30) / 100_000);
  const rtt = time.map((_, i) => (i === 77_777 ? 0.9 : 0.02));
  series.latency = [{ client: "home", traffic: "ping", time, rtt, owdDown: [], owdUp: [] }];
  const plot = timePlots(series, CONTEXT)[0];
  t.is(plot?.title, "Latency");
  t.true((plot?.x.values.length ?? 0) <= 4000);
  t.is(Math.max(...(plot?.series[0]?.values.map((v) => v ?? 0) ?? [])), 900);
});

test("stacks add up: the top of the download stack is the sum of all clients", (t) => {
  const series = seriesOf(3);
  const plot = timePlots(series, CONTEXT).find((one) => one.title === "Throughput");
  const tops = plot?.series.filter((s) => !s.pale) ?? [];
  t.is(tops.length, 3);
  const bin = 150;
  const expected = series.throughput.reduce((sum, s) => sum + (s.down[bin] as number), 0) / 1e6;
  t.true(Math.abs((tops[2]?.values[bin] as number) - expected) < 0.001);
  const floor = plot?.series.filter((s) => s.pale).at(-1)?.values[bin] as number;
  t.true(Math.abs(floor + series.throughput.reduce((sum, s) => sum + (s.up[bin] as number), 0) / 1e6) < 0.001);
});

test("bins at the end of their interval leave no gaps and no doubles", (t) => {
  const plot = timePlots(seriesOf(1), CONTEXT).find((one) => one.title === "Throughput");
  t.is(plot?.x.values.length, 300);
  const loaded = plot?.series[0]?.values.slice(80, 279) ?? [];
  t.true(loaded.every((value) => value !== null && value > 17 && value < 20));
});

test("drops are counted, not averaged", (t) => {
  const series = seriesOf(1);
  const plot = timePlots(series, { ...CONTEXT, budget: { values: 40 } }).find((one) => one.title === "Drops and marks");
  t.is(plot?.x.values.length, 10);
  const drawn = plot?.series[0]?.values.reduce((sum: number, value) => sum + (value ?? 0), 0);
  const counted = series.queue.filter((s) => s.direction === "down").flatMap((s) => s.drops);
  t.is(
    drawn,
    counted.reduce((sum, value) => sum + value, 0),
  );
});

test("more clients than can be told apart are joined, and the worst is named", (t) => {
  const series = seriesOf(MAX_LINES + 1);
  const slow = series.latency[4];
  if (slow === undefined) return t.fail("no fifth client");
  slow.rtt = slow.rtt.map((value) => (value === null ? null : value + 0.5));
  const plots = timePlots(series, CONTEXT);
  t.deepEqual(
    plots[0]?.series.map((s) => s.label),
    ["p50 of all", "p99 of all", "max of all", `max of ${slow.client}`],
  );
  t.deepEqual(
    plots[1]?.series.map((s) => s.label),
    ["home × 6 ↓", "office-1 ↓", "home × 6 ↑", "office-1 ↑"],
  );
});

test("a distribution rises from 0 to 100 %, and idle lies left of loaded", (t) => {
  const report = makeInput({ disciplines: ["pfifo"] }).cases[0];
  const plot = report ? caseCdf(report, "g") : null;
  t.deepEqual(
    plot?.series.map((s) => s.label),
    ["idle", "loaded"],
  );
  for (const { values } of plot?.series ?? []) {
    t.is(values.at(-1), 100);
    t.true(values.every((value, i) => i === 0 || (value as number) >= (values[i - 1] as number)));
  }
  const median = (i: number) =>
    plot?.x.values[plot.series[i]?.values.findIndex((v) => (v as number) >= 50) ?? 0] as number;
  t.true(median(0) > 19.9 && median(0) < 20.5);
  t.true(median(1) > 300);
  t.true(plot?.switchable?.log);
});

test("changes of one text have one number, in the order of their first time", (t) => {
  const changes = [3, 5, 7, 9].map((at, i) => ({ at, text: i % 2 === 0 ? "link = down" : "link = up" }));
  t.deepEqual(
    marksOf(changes).map(({ at, number }) => [at, number]),
    [
      [3, 1],
      [5, 2],
      [7, 1],
      [9, 2],
    ],
  );
  t.is(marksOf(Array.from({ length: 5000 }, (_, at) => ({ at, text: "x" }))).length, 100);
});

test("numbers that would stand on each other are left out, the lines are not", (t) => {
  t.deepEqual(labelledMarks([10, 20, 27, 60, 61], 17), [true, false, true, true, false]);
});

test("every change is in the list above the plots, what repeats once", (t) => {
  const text = (changes: { at: number; text: string }[]) => String(changesList(changes)).replace(/<[^>]+>/gu, " ");
  t.is(changesList([]), null);
  t.regex(
    text([
      { at: 3, text: "a" },
      { at: 4.5, text: "b" },
      { at: 6, text: "a" },
    ]),
    /1\s+at 3, 6 s\s+a\s+2\s+at 4\.5 s\s+b/u,
  );
  t.regex(
    text(Array.from({ length: 300 }, (_, at) => ({ at, text: "x" }))),
    /100 times from 0 s to 99 s\s+x\s+and 200 more/u,
  );
});
