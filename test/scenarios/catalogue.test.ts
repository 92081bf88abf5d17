import { existsSync, readFileSync } from "node:fs";
import { basename, dirname } from "node:path";
import test from "ava";
import { expected, totalWall } from "../../harness/cli/expected.js";
import { loadFromDisk } from "../../harness/cli/load.js";
import type { Case } from "../../harness/scenario/types.js";

/** The catalogue as it is on disk: what every file of it promises (docs/catalogue.md). */
const TIERS = ["per-pr", "nightly", "weekly"];

/** Seconds of wall clock that the suite of every change may take. */
const PER_PR = 6 * 60;

/** Suites that bound latency and hold no control, and why. */
const WITHOUT_CONTROL = new Map([
  ["rig", "measures paths against what they are set to, without a queue"],
  ["reference", "bounds are Linux's measured ranges, those of its pfifo among them, both ways"],
  ["scale", "is about the rig at 1,000 clients; what a FIFO does is shown by the suites of one"],
  ["exec", "foreign programs beside ours on a line that other suites judge"],
  ["external", "its dataplane is a FIFO, and must be seen to be one: ping.rtt.p99 at_least"],
]);

const LATENCY =
  /\.(induced|rtt|sojourn_down|sojourn_up|plt_ratio|fct)\.|\.(grade|mos|rpm|recovery_time|late_packets)$/u;

const loaded = loadFromDisk(["scenarios"], { congestionControls: ["cubic", "reno", "bbr"] });
const files = [...new Set(loaded.cases.map(({ file }) => file))];
const suiteOf = (file: string) => basename(dirname(file));
const suites = [...new Set(files.map(suiteOf))];

/** The comment before the first key, without the schema line. */
function commentOf(file: string): string {
  const [, ...lines] = readFileSync(file, "utf8").split("\n");
  const end = lines.findIndex((line) => !line.startsWith("#"));
  return lines.slice(0, end).join("\n");
}

/** Files whose comment does not have it. */
const without = (part: RegExp) => files.filter((file) => !part.test(commentOf(file)));

test("every file of the catalogue checks clean, and there are at least 40", (t) => {
  const errors = loaded.problems.filter(({ severity }) => severity === "error");
  t.deepEqual(errors, []);
  t.true(files.length >= 40, `${files.length}`);
});

test("every file says what it shows, where that comes from, what is connected how, and what to see", (t) => {
  t.deepEqual(without(/^# .{20}/mu), []);
  t.deepEqual(without(/Source|RFC|flent|irtt|draft|issue \d|catalogue/iu), []);
  t.deepEqual(without(/──/u), []);
  t.deepEqual(without(/you should see/iu), []);
});

test("every case has its folder as a suite, and one tier", (t) => {
  const tiers = ({ tags }: Case) => tags.filter((tag) => TIERS.includes(tag));
  const wrong = loaded.cases.filter((each) => !each.tags.includes(suiteOf(each.file)) || tiers(each).length !== 1);
  t.deepEqual(
    wrong.map(({ id, tags }) => `${id}: ${tags.join(" ")}`),
    [],
  );
});

test("every suite that bounds latency holds a control that must fail", (t) => {
  const boundsOf = (suite: string) =>
    loaded.cases.filter(({ file }) => suiteOf(file) === suite).flatMap(({ expectations }) => expectations);
  const blind = suites.filter((suite) => {
    const latency = boundsOf(suite).filter(({ metric }) => LATENCY.test(metric));
    return latency.length > 0 && !latency.some(({ outcome }) => outcome === "fail");
  });
  t.deepEqual(
    blind.filter((suite) => !WITHOUT_CONTROL.has(suite)),
    [],
  );
  t.deepEqual(
    [...WITHOUT_CONTROL.keys()].filter((suite) => !suites.includes(suite)),
    [],
  );
});

test("the suite of every change takes six minutes at most, holds a control, and needs nothing beside mqoe", (t) => {
  const cases = loaded.cases.filter(({ tags }) => tags.includes("per-pr"));
  t.true(cases.length >= 20, `${cases.length}`);
  t.true(totalWall(cases) <= PER_PR, `${totalWall(cases)} s`);
  const controls = cases.filter(({ expectations }) => expectations.some(({ outcome }) => outcome === "fail"));
  t.true(controls.length >= 4, `${controls.length}`);
  t.deepEqual(
    cases.filter(({ dataplane }) => dataplane.kind === "external" || dataplane.kind === "kernel").map(({ id }) => id),
    [],
  );
});

test("what a case needs beside mqoe is told, and what it takes grows with its repeats and clients", (t) => {
  const of = (id: string) => {
    const each = loaded.cases.find((one) => one.id === id);
    if (!each) throw new Error(`no case ${id}`);
    return { ...expected(each), clock: (each.duration / 1e9) * each.repeat };
  };
  t.deepEqual(of("iperf3").needs, ["--allow-exec", "iperf3"]);
  t.deepEqual(of("forward").needs, ["--allow-exec", "forward.sh"]);
  t.deepEqual(of("congestion-controls[queue=fq_codel]").needs, ["bbr"]);
  t.deepEqual(of("latency[middle=linux-fq_codel]").needs, ["tc"]);
  t.deepEqual(of("conservation").needs, []);
  const { runs, wall, clock } = of("a-a[side=a]");
  t.deepEqual([runs, wall - clock], [10, 5]);
  const crowd = of("1000-clients");
  t.true(crowd.wall - crowd.clock > 1 && crowd.wall - crowd.clock < 10, `${crowd.wall - crowd.clock}`);
});

test("docs/catalogue.md names every suite, and no file that is not there", (t) => {
  const page = readFileSync("docs/catalogue.md", "utf8");
  t.deepEqual(
    suites.filter((suite) => !page.includes(`scenarios/${suite}`)),
    [],
  );
  const named = [...page.matchAll(/\]\(\.\.\/(scenarios\/[^)]+)\)/gu)].map(([, path]) => path ?? "");
  t.true(named.length >= 46, `${named.length}`);
  t.deepEqual(
    named.filter((path) => !existsSync(path)),
    [],
  );
});
