import test from "ava";
import { makeBlueprint } from "../../harness/blueprint/index.js";
import { draw } from "../../harness/blueprint/kinds/draw.js";
import type { SessionBlueprint, VideoScript, WebScript } from "../../harness/blueprint/types.js";
import type { Drawn } from "../../harness/scenario/kinds/drawn.js";
import { seededRng } from "../../harness/stats/index.js";
import { GOOD, lines, load } from "../scenario/helpers.js";

function sessions(keys: string, seed = 1): SessionBlueprint[] {
  const loaded = load(`${GOOD}\n[traffic.x]\nfrom = "home"\nto = "web"\n${keys}\n`);
  const [first] = loaded.cases;
  if (!first) throw new Error(lines(loaded).join("\n"));
  return makeBlueprint(first, { lab: "mq-1a2b", seed, cores: 2 }).traffic.sessions ?? [];
}

const scripts = <S>(keys: string, seed?: number) => sessions(keys, seed).map(({ script }) => script as S);
const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);

test("web runs from the start to the end of the run, or as load does; video as load does", (t) => {
  // idle 3 s, ramp 3 s, loaded 7 s, cooldown 2 s
  for (const { start, stop } of sessions('kind = "web"')) {
    t.true(start >= 0 && start < 0.2e9);
    t.is(stop, 15e9);
  }
  for (const keys of ['kind = "web"\nidle = false', 'kind = "video"']) {
    for (const { start, stop } of sessions(keys)) {
      t.true(start >= 3e9 && start < 3.2e9);
      t.is(stop, 13e9);
    }
  }
});

test("each client has a session of its own; ids go on from the flows, and the two kinds have ports of their own", (t) => {
  const both = sessions('kind = "web"\n[traffic.y]\nkind = "video"\nfrom = "home"\nto = "web"');
  t.deepEqual(
    both.map(({ id, traffic, client }) => [id, traffic, client]),
    [
      [8, "x", 0],
      [9, "x", 1],
      [10, "y", 0],
      [11, "y", 1],
    ],
  );
  t.is(new Set(both.map(({ port }) => port)).size, 2);
});

test("a measured page weighs what it says for every seed; its objects differ", (t) => {
  for (const seed of [1, 2, 3]) {
    for (const { pages, thinks } of scripts<WebScript>('kind = "web"\npage = "desktop"\npages = 3', seed)) {
      t.is(pages.length, 3);
      t.deepEqual(thinks, [2e9]);
      for (const sizes of pages) {
        t.is(sizes.length, 71);
        t.is(sizes[0], 18_000);
        t.true(Math.abs(sum(sizes) - 2_652_000) <= 36, `${sum(sizes)}`); // 70 roundings by up to a half
        t.true(Math.min(...sizes) >= 1 && new Set(sizes).size > 60);
      }
    }
  }
  const [one] = scripts<WebScript>('kind = "web"\npage = "mobile"');
  t.true(Math.abs(sum(one?.pages[0] ?? []) - 2_311_000) <= 33);
  const [rfc] = scripts<WebScript>('kind = "web"');
  t.deepEqual(rfc?.pages, [Array.from({ length: 50 }, () => 1000)]);
});

test("the same seed gives the same sizes and times, another one others", (t) => {
  const keys = 'kind = "web"\npage = "desktop"\nthink = { distribution = "exponential", mean = "1s" }';
  t.deepEqual(sessions(keys), sessions(keys));
  t.notDeepEqual(scripts(keys, 1), scripts(keys, 2));
  const [script] = scripts<WebScript>(keys);
  t.is(script?.thinks.length, 256);
  const mean = sum(script?.thinks ?? []) / 256;
  t.true(Math.abs(mean - 1e9) < 4 * (1e9 / 16), `${mean}`); // four standard deviations of a mean of 256
});

test("a video's segments vary as much as they may and no more", (t) => {
  const [script] = scripts<VideoScript>('kind = "video"\nvariation = "30%"');
  const sizes = script?.sizes ?? [];
  t.is(sizes.length, 256);
  t.true(Math.min(...sizes) >= 700 && Math.max(...sizes) <= 1300);
  t.true(Math.min(...sizes) < 750 && Math.max(...sizes) > 1250);
  t.deepEqual(scripts<VideoScript>('kind = "video"\nvariation = "0%"')[0]?.sizes, [1000]);
});

test("drawn quantities have the median, mean and limits that they say", (t) => {
  const random = seededRng(7);
  const values = (quantity: Drawn) =>
    Array.from({ length: 20_000 }, () => draw(quantity, random, 1)).sort((a, b) => a - b);
  const about = (found: number | undefined, expected: number, part: number) =>
    t.true(Math.abs((found ?? 0) / expected - 1) < part, `${found} instead of ${expected}`);
  const lognormal = values({ distribution: "lognormal", median: 10_000, sigma: 1, max: 100_000 });
  about(lognormal[10_000], 10_000, 0.04);
  about(lognormal[Math.round(20_000 * 0.8413)], 10_000 * Math.E, 0.06);
  t.is(lognormal.at(-1), 100_000);
  const pareto = values({ distribution: "pareto", min: 1000, alpha: 2, max: null });
  t.is(pareto[0], 1000);
  about(pareto[10_000], 1000 * Math.SQRT2, 0.03);
  const exponential = values({ distribution: "exponential", mean: 1e6 });
  about(sum(exponential) / 20_000, 1e6, 0.03);
  const uniform = values({ distribution: "uniform", min: 100, max: 300 });
  about(sum(uniform) / 20_000, 200, 0.01);
  t.true((uniform[0] ?? 0) >= 100 && (uniform.at(-1) ?? 999) <= 300);
  t.deepEqual([...new Set(values({ distribution: "fixed", value: 5 }))], [5]);
});
