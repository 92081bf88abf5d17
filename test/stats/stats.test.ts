import test from "ava";
import {
  jain,
  mean,
  median,
  percentile,
  percentileOfSorted,
  seededRng,
  sorted,
  sum,
  weightedPercentiles,
} from "../../harness/stats/index.js";

const oneTo = (n: number) => Array.from({ length: n }, (_, i) => i + 1);

test("nearest rank: the percentile is a sample, at rank ⌈p·n/100⌉", (t) => {
  const five = [15, 20, 35, 40, 50];
  t.deepEqual(
    [0, 5, 20, 30, 40, 50, 100].map((p) => percentile(five, p)),
    [15, 15, 15, 20, 20, 35, 50],
  );
  t.is(percentile(oneTo(100), 99), 99);
  t.is(percentile(oneTo(100), 99.9), 100);
  t.is(percentile(oneTo(1000), 99.9), 999, "binary 99.9 must not push the rank to 1000");
  t.is(percentile(oneTo(3000), 99.9), 2997);
  t.is(percentile([7], 50), 7);
});

test("no samples have no statistics", (t) => {
  for (const value of [percentile([], 50), mean([]), median([]), jain([]), jain([0, 0])]) t.is(value, null);
  t.deepEqual(weightedPercentiles([{ value: 1, weight: 0 }], [50]), [null]);
});

test("what has no rank is refused", (t) => {
  t.throws(() => percentile([1, Number.NaN], 50), { instanceOf: RangeError });
  t.throws(() => percentile([1], 101), { message: /101/ });
  t.throws(() => percentile([1], Number.NaN), { instanceOf: RangeError });
  t.throws(() => jain([1, -1]), { message: /-1/ });
  t.throws(() => jain([1, Number.NaN]), { instanceOf: RangeError });
});

test("median of few: the mean of the two middle ones", (t) => {
  t.is(median([3, 1, 2]), 2);
  t.is(median([4, 1, 2, 3]), 2.5);
});

test("sum survives cancellation", (t) => {
  t.is(sum([1, 1e100, 1, -1e100]), 2);
  t.is(mean(new Array(10).fill(0.1)), 0.1);
});

test("Jain: k of n equal shares give k/n; scale does not matter", (t) => {
  t.is(jain([5, 5, 5, 5]), 1);
  t.is(jain([5, 5, 0, 0]), 0.5);
  t.is(jain([1, 0, 0, 0, 0]), 0.2);
  t.is(jain([1e200, 1e200]), 1);
  t.is(jain([1e-200, 1e-200]), 1);
  // metrics.md §4: 17.22 against 30.27 Mbit/s is published as 0.930.
  t.is(Number((jain([17.22, 30.27]) as number).toFixed(3)), 0.93);
});

test("weighted percentiles equal those of the sample written out", (t) => {
  const weighted = [
    { value: 3, weight: 2 },
    { value: 1, weight: 5 },
    { value: 9, weight: 3 },
  ];
  const written = [1, 1, 1, 1, 1, 3, 3, 9, 9, 9];
  const ps = [0, 10, 50, 51, 70, 71, 99, 100];
  t.deepEqual(
    weightedPercentiles(weighted, ps),
    ps.map((p) => percentile(written, p)),
  );
});

test("properties over random samples", (t) => {
  const rng = seededRng(7);
  for (let round = 0; round < 200; round++) {
    const samples = Array.from({ length: rng.integer(1, 60) }, () => rng.next() * 10 ** rng.integer(-6, 6));
    const ascending = sorted(samples);
    let before = Number.NEGATIVE_INFINITY;
    for (let p = 0; p <= 100; p += 0.5) {
      const value = percentileOfSorted(ascending, p) as number;
      t.true(value >= before && samples.includes(value), "monotone, and a sample");
      t.true(ascending.filter((x) => x <= value).length >= (p * samples.length) / 100 - 1e-9);
      before = value;
    }
    const index = jain(samples) as number;
    t.true(index > 0 && index <= 1 && index >= 1 / samples.length - 1e-12);
  }
});

test("the generator is the same everywhere", (t) => {
  const rng = seededRng(1);
  const first = [rng.next(), rng.next(), rng.next()];
  const again = seededRng(1);
  t.deepEqual([again.next(), again.next(), again.next()], first);
  t.notDeepEqual(seededRng(2).next(), first[0]);
  const counts = new Array(6).fill(0);
  const dice = seededRng(3);
  for (let i = 0; i < 6000; i++) counts[dice.integer(1, 6) - 1]++;
  for (const count of counts) t.true(count > 880 && count < 1120, `a face came ${count} times of 6000`);
});
