import test from "ava";
import { makeBlueprint } from "../../harness/blueprint/index.js";
import type { Path } from "../../harness/scenario/types.js";
import { lineWith } from "../blueprint/line.js";
import { GOOD, lines, load } from "./helpers.js";

/** GOOD with other keys in [path.metro] (which begins in line 10), and files beside it. */
function withPath(keys: string, files: Record<string, string> = {}) {
  return load({ "/s/home.toml": GOOD.replace('rtt = "20ms"', keys), ...files });
}

function pathOf(keys: string, files: Record<string, string> = {}): Path | undefined {
  const loaded = withPath(keys, files);
  if (loaded.cases[0] === undefined) throw new Error(lines(loaded).join("\n"));
  return loaded.cases[0].paths.metro;
}

function problemsOf(keys: string, files: Record<string, string> = {}): string[] {
  return lines(withPath(keys, files)).map((line) => line.replaceAll("/s/", ""));
}

test("rtt is halves, an odd nanosecond goes up; delay is the whole, each way", (t) => {
  t.deepEqual(pathOf('rtt = "101ns"'), { down: lineWith({ delay: 50 }), up: lineWith({ delay: 51 }) });
  t.deepEqual(pathOf('delay = "5ms"'), { down: lineWith({ delay: 5e6 }), up: lineWith({ delay: 5e6 }) });
  t.deepEqual(pathOf(""), { down: lineWith(), up: lineWith() });
});

test("a direction has what is said of both, but for what is said of it alone", (t) => {
  const path = pathOf(
    'rtt = "20ms"\nloss = "1%"\nup = { loss = "2%", jitter = "1ms", rate = "1mbit", limit = "64KiB" }',
  );
  const lost = (probability: number) => ({ loss: { model: "random" as const, probability, correlation: 0 } });
  t.deepEqual(path?.down, lineWith({ delay: 10e6, ...lost(0.01) }));
  t.deepEqual(path?.up, lineWith({ delay: 10e6, jitter: 1e6, rate: 1e6, limitBytes: 65_536, ...lost(0.02) }));
});

test("every short form is the long one with netem's defaults", (t) => {
  const down = (keys: string) => pathOf(`delay = "9ms"\n${keys}`)?.down;
  t.deepEqual(down('duplicate = "1%"')?.duplicate, { probability: 0.01, correlation: 0 });
  t.deepEqual(down('corrupt = { probability = "1%", correlation = "25%" }')?.corrupt, {
    probability: 0.01,
    correlation: 0.25,
  });
  t.deepEqual(down('reorder = "25%"')?.reorder, { probability: 0.25, correlation: 0, gap: 1 });
  t.deepEqual(down('loss = { random = "1%", correlation = "10%" }')?.loss, {
    model: "random",
    probability: 0.01,
    correlation: 0.1,
  });
  t.deepEqual(down('loss.gemodel = { p = "10%" }')?.loss, {
    model: "gemodel",
    p: 0.1,
    r: 0.9,
    oneMinusH: 1,
    oneMinusK: 0,
  });
  t.deepEqual(down('loss.state = { p13 = "10%", p32 = "20%" }')?.loss, {
    model: "state",
    p13: 0.1,
    p31: 0.7,
    p32: 0.2,
    p23: 1,
    p14: 0,
  });
  t.deepEqual(down("loss = { packets = [7, 3, 7] }")?.loss, { model: "packets", packets: [3, 7] });
  t.deepEqual(down('slot = { min = "1ms", packets = 3 }')?.slot, { min: 1e6, max: 1e6, packets: 3, bytes: 0 });
  t.like(down('rate = "1mbit"\nlimit = 100'), { limitPackets: 100, limitBytes: 0 });
  t.false(down('link = "down"')?.up);
});

const refusals: [what: string, keys: string, expected: RegExp][] = [
  [
    "two delays",
    'rtt = "1ms"\ndelay = "1ms"',
    /^home\.toml:11:1: path\.metro\.delay: rtt and delay exclude each other/u,
  ],
  ["a misspelt key", 'jiter = "1ms"', /^home\.toml:10:1: path\.metro: unknown key "jiter"; did you mean "jitter"/u],
  ["a key of one direction", 'down = { rtt = "1ms" }', /^home\.toml:10:10: path\.metro\.down: unknown key "rtt"/u],
  ["a number", "loss = 1", /^home\.toml:10:8: path\.metro\.loss: expected a percentage such as "1%", or one of/u],
  [
    "a misspelt key inside",
    'loss = { gemodel = { p = "1%", q = "2%" } }',
    /:10:32: path\.metro\.loss\.gemodel: unknown key "q"/u,
  ],
  [
    "a bad value inside",
    'duplicate = { probability = "1" }',
    /:10:29: path\.metro\.duplicate\.probability: "1" is not|needs a unit|has no unit/u,
  ],
  ["no model", "loss = {}", /:10:1: path\.metro\.loss: needs exactly one of random, gemodel, state, packets; none/u],
  ["two models", 'loss = { random = "1%", packets = [1] }', /found random, packets/u],
  ["a correlation alone", 'loss = { packets = [1], correlation = "1%" }', /correlation goes with random/u],
  ["impossible states", 'loss.state = { p13 = "60%", p14 = "50%" }', /p13 \+ p14 is more than 100 %/u],
  [
    "a shape without jitter",
    'rtt = "1ms"\ndistribution = "normal"',
    /:11:1: path\.metro\.distribution: is of no use without jitter/u,
  ],
  ["a buffer without rate", "up = { limit = 10 }", /:10:8: path\.metro\.up\.limit: is of no use without a rate/u],
  ["cells of nothing", 'rate = "1mbit"\ncell_overhead = 5', /cell_overhead: is of no use without cell_size/u],
  ["ecn without loss", "ecn = true", /ecn: is of no use without loss/u],
  ["reorder without delay", 'reorder = "1%"', /reorder: is of no use without a delay/u],
  ["half a slot", "slot = { packets = 3 }", /slot: needs min \(and max\), or delay/u],
  ["slots the wrong way round", 'slot = { min = "2ms", max = "1ms" }', /max is less than min/u],
  ["a trace of no kind", 'trace = "lte.txt"', /:10:9: trace: "lte\.txt" is of an unknown kind/u],
  ["a trace that is not there", 'trace = "lte.trace"', /:10:9: trace: cannot read "lte\.trace": no such file/u],
  ["a loop of nothing", 'trace_loop = "1s"', /trace_loop: is of no use without a trace/u],
];

for (const [what, keys, expected] of refusals) {
  test(`refused, once, at its place: ${what}`, (t) => {
    const problems = problemsOf(keys);
    t.is(problems.length, 1, problems.join("\n"));
    t.regex(problems[0] ?? "", expected);
  });
}

test("what is of use in one direction may stand for both", (t) => {
  t.deepEqual(problemsOf('rtt = "9ms"\ndistribution = "normal"\nup = { jitter = "1ms" }'), []);
  t.is(pathOf('rtt = "9ms"\nlimit = 10\nup = { rate = "1mbit" }')?.up.limitPackets, 10);
});

test("traces are read as they are, from beside the scenario", (t) => {
  const files = { "/s/a.trace": "0\n0\n 5\n\n", "/s/b.csv": "# x\nrate,time\n8mbit,0s\n,2s\n" };
  t.deepEqual(pathOf('trace = "a.trace"', files)?.up.trace, { format: "mahimahi", opportunities: [0, 0, 5] });
  t.deepEqual(pathOf('trace = "b.csv"\ntrace_loop = "3s"', files)?.down.trace, {
    format: "steps",
    loop: 3e9,
    steps: [{ at: 0, rate: 8e6 }, { at: 2e9 }],
  });
  t.regex(problemsOf('trace = "b.csv"\ntrace_loop = "2s"', files)[0] ?? "", /more than the time of the last row/u);
  const fast = { "/s/c.csv": "time,rate\n0s,8mbit\n1us,9mbit\n" };
  t.regex(problemsOf('trace = "c.csv"\ntrace_loop = "19us"', fast)[0] ?? "", /trace_loop: must be at least 20us/u);
  t.is(problemsOf('trace = "c.csv"\ntrace_loop = "20us"', fast).length, 0);
  const table = pathOf('jitter = "1ms"\ndistribution = { table = "t.dist" }', { "/s/t.dist": "# t\n 5 -8192\n7" });
  t.deepEqual(table?.up.distribution, { table: [-8192, 5, 7] });
  const [same] = problemsOf('trace = "a.trace"\nrate = "1mbit"', files);
  t.regex(same ?? "", /:11:1: path\.metro\.rate: the trace says when packets may leave/u);
  t.regex(problemsOf('trace = "a.trace"\nslot = { min = "1ms" }', files)[0] ?? "", /and so does slot/u);
});

const badFiles: [what: string, file: string, text: string, expected: RegExp][] = [
  ["no number", "x.trace", "1\n 2x\n", /^x\.trace:2:2: trace: "2x" is no time/u],
  ["back in time", "x.trace", "5\n4\n", /^x\.trace:2:1: trace: 4 comes after 5/u],
  ["no opportunity", "x.trace", "0\n", /^x\.trace: trace: no packet may ever leave/u],
  ["another header", "x.csv", "time,rat\n0s,1mbit\n", /^x\.csv:1:6: trace: unknown column "rat"; did you mean "rate"/u],
  ["a bad cell", "x.csv", "time,delay\n0s, 5 potatoes\n", /^x\.csv:2:5: trace: delay: "5 potatoes" is not a time/u],
  ["too much", "x.csv", "time,loss\n0s,200%\n", /^x\.csv:2:4: trace: loss: "200%" is too large; at most 100%/u],
  ["a row too long", "x.csv", "time,loss\n0s,1%,2\n", /^x\.csv:2:1: trace: 3 cells in this row, 2 in the header/u],
  ["no order", "x.csv", "time,loss\n1s,1%\n1s,2%\n", /^x\.csv:3:1: trace: comes no later than the row before/u],
  ["nothing", "x.csv", "time,loss\n", /^x\.csv: trace: has a header and no row/u],
];

for (const [what, file, text, expected] of badFiles) {
  test(`a trace that is wrong is shown where it is: ${what}`, (t) => {
    const problems = problemsOf(`trace = "${file}"`, { [`/s/${file}`]: text });
    t.is(problems.length, 1, problems.join("\n"));
    t.regex(problems[0] ?? "", expected);
  });
}

test("a change sets any key of a path, and its blueprint holds whole lines", (t) => {
  const text = `${GOOD}
[[change]]
at = "7s"
set = { path.metro.link = "down" }
[[change]]
at = "9s"
set = { path.metro.link = "up", path.metro.up.loss = "1%" }
`;
  const [one] = load(text).cases;
  if (one === undefined) throw new Error(lines(load(text)).join("\n"));
  const { changes } = makeBlueprint(one, { lab: "l", seed: 1, cores: 2 }).timeline;
  const loss = { model: "random" as const, probability: 0.01, correlation: 0 };
  t.deepEqual(
    changes.map(({ set }) => set),
    [
      [{ path: 0, down: lineWith({ delay: 10e6, up: false }), up: lineWith({ delay: 10e6, up: false }) }],
      [{ path: 0, down: lineWith({ delay: 10e6 }), up: lineWith({ delay: 10e6, loss }) }],
    ],
  );
});

const TREE = `${GOOD}[path.hop]
rtt = "4ms"
[site.tower]
down = "1gbit"
up = "1gbit"
path = "hop"
[client.far]
plan = "home"
site = "tower"
path = "metro"
`;

test("a site's path is between it and its parent, in the dataplane or in the stage beside it", (t) => {
  const made = (text: string) => {
    const [one] = load(text).cases;
    if (one === undefined) throw new Error(lines(load(text)).join("\n"));
    return makeBlueprint(one, { lab: "l", seed: 1, cores: 2 });
  };
  const fused = made(TREE).dataplane;
  t.deepEqual(
    fused.sites.map(({ name, path }) => [name, path]),
    [["tower", 1]],
  );
  const { dataplane, pathStages } = made(`${TREE}[dataplane]\nkind = "none"\n`);
  t.deepEqual([dataplane.sites, dataplane.paths], [[], []]);
  const access = pathStages.find(({ side }) => side === "access")?.process;
  t.deepEqual(
    access?.paths.map(({ name }) => name),
    ["metro", "hop"],
  );
  t.like(access?.sites[0], { name: "tower", path: 1 });
  t.deepEqual(
    access?.clients.map(({ site, node, path }) => [site, node, path]),
    [
      [-1, null, -1],
      [-1, null, -1],
      [0, null, 0],
    ],
  );
});

test("waiting times and memory are for the longest delay, jitter and the sites' paths included", (t) => {
  const probe = (keys: string) => {
    const [one] = load(TREE.replace('rtt = "20ms"', keys).replaceAll('duration = "15s"', 'duration = "60s"')).cases;
    const made = one && makeBlueprint(one, { lab: "l", seed: 1, cores: 2 });
    return { frames: made?.dataplane.reactors[0]?.frames ?? 0 };
  };
  t.true(probe('delay = "900ms"\njitter = "300ms"').frames > probe('delay = "900ms"').frames);
  t.true(probe('rate = "1mbit"').frames > probe('rate = "1mbit"\nlimit = 50').frames, "a buffer holds no more");
});
