import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import test from "ava";
import { getStaticTOMLValue, parseTOML } from "toml-eslint-parser";
import { generatedFiles } from "../../harness/cli/generate.js";
import { sampleScenario } from "../../harness/cli/init.js";
import { formatProblem, loadCases, renderToml } from "../../harness/scenario/index.js";
import { scenarioJsonSchema } from "../../harness/scenario/json-schema.js";
import { scenarioReference } from "../../harness/scenario/reference.js";
import { EXAMPLE } from "../../harness/scenario/reference-text.js";
import { linesWith } from "../blueprint/line.js";
import { GOOD, lines, load } from "./helpers.js";

const QUICKSTART = "scenarios/quickstart";
const read = (path: string) => readFileSync(path, "utf8");

const LINE_BASE = '[plan.home]\ndown = "1mbit"\n';

test("DESIGN's whole example: everything is read, and nothing of it is refused", (t) => {
  const loaded = load({ "home.toml": EXAMPLE, "home-line.toml": LINE_BASE });
  t.deepEqual(
    loaded.problems.map(({ message }) => message),
    [],
  );
});

test("DESIGN's whole example without those parts gives its cases", (t) => {
  const text = EXAMPLE.replace(/\[site\.tower\][^[]*/u, "")
    .replace(/\[\[change\]\][^[]*/u, "")
    .replace(/^site .*$/mu, "")
    .replace('from = "tower/*"', 'from = "home-?"')
    .replace(/^cake .*$/mu, "")
    .replace('["cake", "fq_codel"]', '["fq_codel"]')
    .replace(/^sqm = .*$/mu, 'sqm_down = { discipline = "none" }\nsqm = { discipline = "pfifo" }');
  const loaded = load({ "home.toml": text, "home-line.toml": LINE_BASE });
  t.deepEqual(lines(loaded), []);
  const [first] = loaded.cases;
  t.deepEqual(
    loaded.cases.map(({ id, repeat, expectations }) => [id, repeat, expectations.length]),
    [
      ["home[sqm=fq_codel]", 3, 2],
      ["home[sqm=pfifo]", 3, 2],
    ],
  );
  t.deepEqual(first?.plans.home?.framing, { keyword: "ethernet", base: "ip", overhead: 38, mpu: 84, cell: "none" });
  t.is(first?.plans.home?.sqmDown.discipline, "none");
  t.is(first?.plans.home?.sqmUp.discipline, "fq_codel");
  t.deepEqual(first?.phases, { idle: 5e9, ramp: 3e9, loaded: 20e9, cooldown: 2e9 });
  t.deepEqual(
    first?.clients.map(({ name, group }) => `${group}/${name}`),
    ["home/home-1", "home/home-2", "home/home-3"],
  );
  t.like(loaded.cases[1]?.expectations[1], { outcome: "fail", gate: "absolute", per: "client", for: 1 });
  t.deepEqual(first?.expectations[1]?.bound, {
    op: "at_least",
    value: 0.95,
    unit: "ratio",
    of: "share",
    text: "95% of share",
  });
});

test("every kind that the language knows and this version cannot do is refused by its name", (t) => {
  const refusal = (text: string) =>
    lines(load(text)).map((line) => line.replace(/^[^ ]+ /u, "").replace(/ is part of.*/u, ""));
  t.deepEqual(refusal(GOOD.replace('"fq_codel", target = "7ms"', '"tc", args = "x"')), [
    'discipline "tc" of the afxdp dataplane',
  ]);
  t.deepEqual(refusal(`${GOOD}\n[dataplane]\nreactors = 2\nkind = "afxdp"`), ["reactors = 2"]);
  const site = (kind: string) =>
    `${GOOD}[site.tower]\ndown = "1gbit"\nup = "1gbit"\n[client.far]\nplan = "home"\nsite = "tower"\n${kind}`;
  t.deepEqual(refusal(site("")), []);
  t.deepEqual(refusal(site('[dataplane]\nkind = "kernel"')), ['site "tower" of the kernel dataplane']);
  t.deepEqual(refusal(site('[dataplane]\nkind = "none"')), []);
  t.deepEqual(refusal(site("").replace('up = "1gbit"', 'up = "1gbit"\npath = "metro"')), []);
});

test("UDP traffic and path rates are in the case as they were written, with their defaults", (t) => {
  const text = `${GOOD.replace('rtt = "20ms"', 'rtt = "20ms"\nrate = "1gbit"')}
[traffic.flood]
kind = "udp"
from = "home-2"
to = "web"
rate = "30mbit"
`;
  const [first] = load(text).cases;
  t.deepEqual(first?.paths.metro, linesWith(10e6, 10e6, 1e9));
  t.deepEqual(first?.traffic[2], {
    ...{ kind: "udp", name: "flood", from: ["home-2"], to: "web", family: "ipv4", dscp: 0, host: null },
    ...{ direction: "down", rate: 30e6, size: 1200 },
  });
});

test("defaults are those that docs/scenario.md documents", (t) => {
  const { cases } = load(`[plan.p]
down = "8mbit"
up = "1mbit"
sqm = { discipline = "fq_codel" }
[server.s]
[client.c]
plan = "p"
[traffic.t]
kind = "tcp"
from = "c"
to = "s"
[traffic.p]
kind = "probe"
from = "c"
to = "s"
`);
  const [one] = cases;
  t.like(one, { title: "home", tags: [], duration: 30e9, repeat: 1, seed: 1, mtu: 1500, matrix: {} });
  t.deepEqual(one?.phases, { idle: 5e9, ramp: 3e9, loaded: 20e9, cooldown: 2e9 });
  t.deepEqual(one?.dataplane, { kind: "afxdp", reactors: 1 });
  t.false(one !== undefined && "base" in one);
  t.deepEqual(one?.plans.p?.sqmUp, {
    discipline: "fq_codel",
    target: 5e6,
    interval: 100e6,
    quantum: 1514,
    flows: 1024,
    limit: 10_240,
    memoryLimit: 32 * 2 ** 20,
    ecn: true,
    ceThreshold: null,
  });
  const common = { from: ["c"], to: "s", family: "ipv4", dscp: 0, host: null };
  t.deepEqual(one?.traffic, [
    { kind: "tcp", name: "t", ...common, direction: "down", flows: 1, congestionControl: "cubic", ecn: false },
    { kind: "probe", name: "p", ...common, interval: 10e6, size: 64, recoveredBelow: 30e6 },
  ]);
});

test("DSCP: names and numbers", (t) => {
  const dscp = (value: string) => load(GOOD.replace("flows = 4", `dscp = ${value}`)).cases[0]?.traffic[0]?.dscp;
  t.deepEqual(
    ['"CS7"', '"AF11"', '"AF43"', '"EF"', '"VA"', '"LE"', "63", "0"].map(dscp),
    [56, 10, 38, 46, 44, 1, 63, 0],
  );
  t.is(dscp("64"), undefined);
});

test("bounds: every form, and the unit it must fit", (t) => {
  const bound = (metric: string, text: string) => {
    const matrix = "[matrix.sqm]\na = {}\nb = {}\n";
    const { cases, problems } = load(
      `${GOOD.slice(0, GOOD.indexOf("[[expect]]"))}[[expect]]\nmetric = "${metric}"\n${text}\n${matrix}`,
    );
    const { value, unit, of } = cases[0]?.expectations[0]?.bound ?? {};
    return problems[0]?.message ?? [value, unit, of];
  };
  t.deepEqual(bound("bulk.goodput", 'at_least = "19mbit"'), [19e6, "bit/s", null]);
  t.deepEqual(bound("bulk.goodput", 'at_least = "90% of plan"'), [0.9, "ratio", "plan"]);
  t.deepEqual(bound("bulk.goodput", 'at_least = "95%"'), [0.95, "ratio", "share"]);
  t.deepEqual(bound("ping.loss", 'at_most = "1%"'), [0.01, "ratio", null]);
  t.deepEqual(bound("bulk.jain", "above = 0.98"), [0.98, "ratio", null]);
  t.deepEqual(bound("ping.grade", 'at_least = "A+"'), [6, "grade", null]);
  t.deepEqual(bound("dataplane.unaccounted", "equals = 0"), [0, "packets", null]);
  t.deepEqual(bound("ping.rtt.p99.9", 'below = "2ms over base"'), [0.002, "s", { base: true }]);
  t.deepEqual(bound("ping.idle.rtt.p50", 'below = "1ms over sqm=b"'), [0.001, "s", { axis: "sqm", value: "b" }]);
  t.is(
    bound("ping.rtt.p50", 'below = "1ms over sqm=c"'),
    'expect.below: "1ms over sqm=c": the axis "sqm" has no value "c"; values: a, b',
  );
  t.deepEqual(bound("bulk.jain", 'at_least = "0.1 over base"'), [0.1, "ratio", { base: true }]);
  t.deepEqual(bound("ping.loss", 'at_most = "0.02"'), [0.02, "ratio", null]);
  t.deepEqual(bound("dataplane.utilization", 'at_most = "105%"'), [1.05, "ratio", null]);
  t.deepEqual(bound("dataplane.marks", "above = 0"), [0, "packets", null]);
  t.deepEqual(bound("ping.induced.p1", 'at_least = "0ms"'), [0, "s", null]);
  t.is(
    bound("dataplane.unaccounted", 'equals = "0ms"'),
    'expect.equals: "0ms" is not a number of packets; write e.g. 0',
  );
  t.is(
    bound("ping.rtt.p50", 'equals = "3ms"'),
    "expect.equals: ping.rtt.p50 is measured, it never equals anything exactly",
  );
  t.is(
    bound("bulk.goodput_down", 'at_least = "95%"'),
    'expect.metric: nothing produces "bulk.goodput_down": traffic "bulk" goes down only; write "bulk.goodput"',
  );
  t.is(
    bound("dataplane.unaccounted", 'equals = 0\nper = "client"'),
    "expect.per: unaccounted does not exist per client; allowed: total",
  );
});

test("bounds that hold always or never are refused", (t) => {
  const refusal = (metric: string, text: string) => {
    const expect = `[[expect]]\nmetric = "${metric}"\n${text}\n[matrix.sqm]\na = {}\n`;
    return load(GOOD.slice(0, GOOD.indexOf("[[expect]]")) + expect).problems.map(({ message }) => message);
  };
  const negative = (text: string) => [`expect.below: "${text}" is negative; a bound must be 0 or more`];
  t.deepEqual(refusal("ping.rtt.p50", 'below = "-5ms"'), negative("-5ms"));
  t.deepEqual(refusal("ping.induced.p50", 'below = "-5ms"'), negative("-5ms"));
  t.deepEqual(refusal("ping.rtt.p50", 'below = "-5ms over base"'), negative("-5ms over base"));
  t.deepEqual(refusal("bulk.goodput", 'below = "-5mbit"'), negative("-5mbit"));
  t.deepEqual(refusal("ping.loss", "below = -0.5"), negative("-0.5"));
  const never = "the expectation cannot hold";
  t.deepEqual(refusal("ping.rtt.p50", 'below = "0ms"'), [`expect.below: rtt is never below 0ms: ${never}`]);
  t.deepEqual(refusal("ping.loss", 'above = "100%"'), [`expect.above: loss is never above 100%: ${never}`]);
  t.deepEqual(refusal("ping.loss", 'at_most = "150%"'), [
    "expect.at_most: 150% is too much: loss is never more than 1",
  ]);
  t.deepEqual(refusal("bulk.jain", "above = 3"), ["expect.above: 3 is too much: jain is never more than 1"]);
  const always = "the expectation judges nothing";
  t.deepEqual(refusal("ping.loss", "at_most = 1"), [`expect.at_most: loss is always at_most 1: ${always}`]);
  t.deepEqual(refusal("ping.grade", 'at_least = "F"'), [`expect.at_least: grade is always at_least F: ${always}`]);
  t.deepEqual(refusal("dataplane.drops", "at_least = 0"), [`expect.at_least: drops is always at_least 0: ${always}`]);
});

test("gates: counted things are invariants, comparisons are relative, the rest is absolute", (t) => {
  const text = `${GOOD}
[[expect]]
metric = "dataplane.unaccounted"
equals = 0
[[expect]]
metric = "ping.rtt.p99"
below = "1ms over base"
[matrix.a]
x = {}
`;
  t.deepEqual(
    load(text).cases[0]?.expectations.map(({ gate, per }) => `${gate} ${per}`),
    ["absolute client", "invariant total", "relative client"],
  );
});

test("the scenarios of the repository, the sample of init and DESIGN's example fit the JSON Schema and the checks", (t) => {
  const validate = new Ajv2020({ allErrors: true, strictTypes: false }).compile(scenarioJsonSchema());
  const files = readdirSync(QUICKSTART).map((name) => join(QUICKSTART, name));
  t.true(files.length >= 5);
  for (const text of [...files.map(read), read("scenarios/base/home.toml"), sampleScenario("x.json"), EXAMPLE]) {
    t.true(validate(getStaticTOMLValue(parseTOML(text))), JSON.stringify(validate.errors));
  }
  t.false(validate({ plan: { home: { down: "20 potatoes", up: "1mbit" } } }));
  t.false(validate({ duraton: "3s" }));
  t.false(validate({ traffic: { bulk: { kind: "tcp", interval: "3ms" } } }));
  t.true(validate({ traffic: { load: { preset: "rrul", from: "home", to: "web", interval: "200ms" } } }));
  t.false(validate({ traffic: { load: { preset: "rrul", kind: "tcp" } } }));
  t.true(validate({ traffic: { bulk: { flows: 8 } } }), "a file that extends another need not repeat it");
  t.deepEqual(
    loadCases(files, {}, read).problems.map((problem) => formatProblem(problem)),
    [],
  );
  t.deepEqual(lines(load(sampleScenario("x.json"))), []);
  for (const file of files) t.regex(read(file), /^#:schema \.\.\/\.\.\/schema\/scenario\.json\n/u);
});

test("the reference page lists every unit that is read", (t) => {
  const page = scenarioReference();
  for (const unit of ["bit", "kbit", "mbit", "gbit", "tbit", "ns", "us", "µs", "ms", "s", "m", "min", "h", "%"]) {
    t.true(page.includes(`\`${unit}\``), unit);
  }
});

test("generated files are fresh (run scripts/generate)", (t) => {
  for (const [path, text] of Object.entries(generatedFiles())) t.is(read(path), text, `${path} is stale`);
});

test("a case rendered as TOML is the same case again", (t) => {
  const files = readdirSync(QUICKSTART).map((name) => join(QUICKSTART, name));
  const loaded = loadCases(files, { set: ["seed=5"] }, read);
  t.true(loaded.cases.length >= 7);
  for (const original of loaded.cases) {
    const again = load({ [`${original.id.split("[")[0]}.toml`]: renderToml(loaded, original.id) });
    t.deepEqual(lines(again), []);
    const { matrix: _, base: __, expectations, id: ___, file: ____, ...rest } = original;
    t.like(again.cases[0], rest);
    t.deepEqual(
      again.cases[0]?.expectations.map(({ metric, bound }) => [metric, bound]),
      expectations.map(({ metric, bound }) => [metric, bound]),
    );
  }
});
