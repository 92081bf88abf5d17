import { spawnSync } from "node:child_process";
import { copyFileSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { ROOT } from "../lab/helpers/mqoe.js";
import { scratchFolder } from "../scratch.js";

/** scripts/reference in a copy of its own, so that what it writes is not the checkout's; and runs as results.json has them. */
interface Run {
  seed: number;
  metrics: Record<string, number>;
}

function copy() {
  const root = scratchFolder("mqoe-reference-");
  mkdirSync(join(root, "scenarios"));
  cpSync(join(ROOT, "scripts"), join(root, "scripts"), { recursive: true });
  cpSync(join(ROOT, "scenarios/reference"), join(root, "scenarios/reference"), { recursive: true });
  writeFileSync(join(root, "package.json"), JSON.stringify({ type: "module" }));
  const base = join(root, "scenarios/reference/base");
  return {
    measured: join(base, "linux-measured.json"),
    expectations: (name: string) => readFileSync(join(base, `${name}-expect.toml`), "utf8"),
    script: (...args: string[]) =>
      spawnSync(process.execPath, [join(root, "scripts/reference"), ...args], { encoding: "utf8" }),
    report(name: string, matrix: Record<string, string>, runs: Run[]) {
      const file = join(root, `${name}-${Object.values(matrix).join("-")}.json`);
      const withUnits = runs.map(({ seed, metrics }) => ({
        seed,
        verdict: "pass",
        metrics: Object.fromEntries(Object.entries(metrics).map(([metric, value]) => [metric, { value }])),
      }));
      const one = { scenario: `scenarios/reference/${name}.toml`, matrix, runs: withUnits };
      writeFileSync(file, JSON.stringify({ cases: [one] }));
      return file;
    },
  };
}

const p99 = (...values: number[]): Run[] =>
  values.map((ms, index) => ({ seed: index + 1, metrics: { "ping.rtt.p99": ms / 1000 } }));

test("a Linux of which most runs lie outside the range is marked, and is exit code 1; one run of three is told", (t) => {
  const { script, report } = copy();
  const most = script("table", report("latency", { middle: "linux-fq_codel" }, p99(20.6, 21.5, 21.6)));
  t.regex(most.stdout, /^\| fq_codel \| p99 ms \| – \| \*\*! 20\.60 … 21\.60\*\* \| 20\.59 … 20\.6 \|$/mu);
  t.is(most.status, 1);
  const one = script("table", report("latency", { middle: "linux-fq_codel" }, p99(20.6, 20.6, 21.6)));
  t.regex(one.stdout, /\| – \| 20\.60 … 21\.60 \(1\/3\) \|/u);
  t.is(one.status, 0);
});

test("ours is marked where most runs are worse than the range, and never for being better", (t) => {
  const { script, report } = copy();
  const linux = report("latency", { middle: "linux-fq_codel" }, p99(20.6, 20.6, 20.6));
  const worse = script("table", linux, report("latency", { middle: "ours-fq_codel" }, p99(20.6, 21.5, 21.6)));
  t.regex(worse.stdout, /^\| fq_codel \| p99 ms \| \*\*! 20\.60 … 21\.60\*\* \| 20\.60 \|/mu);
  t.is(worse.status, 1);
  const better = script("table", linux, report("latency", { middle: "ours-fq_codel" }, p99(10, 11, 12)));
  t.regex(better.stdout, /^\| fq_codel \| p99 ms \| 10\.00 … 12\.00 \| 20\.60 \|/mu);
  t.is(better.status, 0);
});

test("measured ranges are of all runs of a seed once, and bind Linux and ours in their own ways", (t) => {
  const { script, report, measured, expectations } = copy();
  rmSync(measured, { force: true });
  const run = (seed: number, near: number, ms: number) => ({
    seed,
    metrics: { "near.goodput": near, "far.goodput": 5e6, "ping.rtt.p99": ms / 1000 },
  });
  const matrix = { flows: "1", middle: "linux-fq_codel" };
  const first = report("rtt", matrix, [run(1, 10e6, 11), run(2, 11e6, 12)]);
  const few = script("measure", first);
  t.regex(few.stderr, /^rtt 1 linux-fq_codel: 2 seeds, a range needs 3/u);
  const copied = `${first}.copy`;
  copyFileSync(first, copied);
  const third = report("rtt", matrix, [run(2, 11e6, 12), run(3, 10.5e6, 11.5)]);
  t.is(script("measure", copied, third).status, 0);
  t.like(JSON.parse(readFileSync(measured, "utf8")).groups.rtt["1"]["linux-fq_codel"], {
    seeds: [1, 2, 3],
    near: [10, 11],
    "far share": [31.25, 33.333],
    p99: [11, 12],
  });
  t.is(script("check").status, 1);
  t.is(script("expect").status, 0);
  t.is(script("check").status, 0);
  const text = expectations("rtt");
  const bounds = (middle: string, metric: string) =>
    [...text.matchAll(new RegExp(`metric = "${metric}"\\nwhen = .*middle = "${middle}".*\\n(.*)`, "gu"))].map(
      ([, bound]) => bound,
    );
  // A share is held at both ends, a latency at one, and beside the Linux of the same report.
  t.deepEqual(bounds("linux-fq_codel", "near.goodput"), ['at_least = "9.9mbit"', 'at_most = "11.11mbit"']);
  t.deepEqual(bounds("ours-fq_codel", "near.goodput"), ['at_least = "9.9mbit"', 'at_most = "11.11mbit"']);
  t.deepEqual(bounds("linux-fq_codel", "ping.rtt.p99"), ['at_least = "10.89ms"', 'at_most = "12.12ms"']);
  t.deepEqual(bounds("ours-fq_codel", "ping.rtt.p99"), [
    'at_most = "12.12ms"',
    'at_most = "120us over middle=linux-fq_codel"',
  ]);
});

test("what others have measured is not replaced by what we measure", (t) => {
  const { script, report, measured } = copy();
  rmSync(measured, { force: true });
  t.is(script("measure", report("latency", { middle: "linux-fq_codel" }, p99(99, 99, 99))).status, 0);
  t.deepEqual(JSON.parse(readFileSync(measured, "utf8")).groups, {});
});

test("the short table has a line for each case that ours and Linux have both: medians", (t) => {
  const { script, report } = copy();
  const ours = report("latency", { middle: "ours-fq_codel" }, p99(20.1, 20.3, 29));
  const linux = report("latency", { middle: "linux-fq_codel" }, p99(20.6));
  const alone = report("latency", { middle: "linux-pfifo" }, p99(596));
  const { stdout, status } = script("brief", ours, linux, alone);
  t.is(status, 0);
  t.regex(stdout, /^\| 1: 4 downloads \| fq_codel \| 20\.3 \| 20\.6 \| – \| – \| – \| – \| – \| – \|$/mu);
  t.notRegex(stdout, /pfifo/u);
});

test("shapers: the error of each rate, and over all of them its ends; a Linux off its range is marked", (t) => {
  const { script, report } = copy();
  const received = (middle: string, ...rates: number[]) =>
    report(
      "shaper-1m",
      { framing: "raw", load: "udp1500", middle },
      rates.map((rate, index) => ({ seed: index + 1, metrics: { "dataplane.throughput_down": rate } })),
    );
  const files = [received("ours-fq_codel", 988_000, 990_800), received("linux-fq_codel", 990_800, 990_800)];
  const table = script("table", ...files);
  t.is(table.status, 0);
  t.regex(table.stdout, /^\| 1M \| raw \| udp1500 \| 0\.9908 \| -0\.283 … 0\.000 \| 0\.000 \| 0\.040 \|$/mu);
  t.regex(script("brief", ...files).stdout, /^\| 8 shaper 1Mbit\/s, error % \| -0\.28 … 0\.00 \| 0\.00 … 0\.00 \|$/mu);
  const off = script("table", received("linux-cake", 900_000, 900_000));
  t.regex(off.stdout, /\| ! -9\.164 \|/u);
  t.is(off.status, 1);
});
