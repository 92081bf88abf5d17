import test from "ava";
import { largest, smallest } from "../../harness/stats/index.js";

test("extremes of a million values, which Math.max cannot take as arguments", (t) => {
  const many = Float64Array.from({ length: 1_000_000 }, (_, i) => i);
  t.is(largest(many), 999_999);
  t.is(smallest(many), 0);
});

test("extremes skip NaN, and have an answer for nothing", (t) => {
  t.is(largest([Number.NaN, 2, 1]), 2);
  t.is(smallest([Number.NaN, 2, 1]), 1);
  t.is(largest([]), 0);
  t.is(smallest([]), Number.POSITIVE_INFINITY);
});
