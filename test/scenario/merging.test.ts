import test from "ava";
import { loadCases } from "../../harness/scenario/index.js";
import type { Case } from "../../harness/scenario/types.js";
import { GOOD, lines, load, reader } from "./helpers.js";

function only(cases: Case[]): Case {
  if (cases.length !== 1) throw new Error(`expected one case, found ${cases.length}`);
  return cases[0] as Case;
}

const NEXT = { "lines/next.toml": 'extends = "../home.toml"\n', "home.toml": GOOD };

test("extends: relative to the including file; tables merge, lists of tables append, scalars are replaced", (t) => {
  const text = `extends = "../home.toml"
tags = ["b"]
[plan.home]
down = "50mbit"
[[expect]]
metric = "ping.loss"
at_most = "1%"
`;
  const loaded = load({ "lines/next.toml": text, "home.toml": `tags = ["a"]\n${GOOD}` });
  t.deepEqual(lines(loaded), []);
  const { id, plans, expectations, tags } = only(loaded.cases);
  t.is(id, "next");
  t.is(plans.home?.down, 50e6);
  t.is(plans.home?.up, 5e6);
  t.deepEqual(tags, ["b"]);
  t.deepEqual(
    expectations.map(({ metric, file, line }) => [metric, file, line]),
    [
      ["ping.induced.p99", "home.toml", 31],
      ["ping.loss", "lines/next.toml", 5],
    ],
  );
});

test("extends: several files, the later wins; a file reached twice gives its lists once", (t) => {
  const loaded = load({
    "top.toml": 'extends = ["a.toml", "b.toml"]\n',
    "a.toml": 'extends = "home.toml"\nrepeat = 2\nseed = 7\n',
    "b.toml": 'extends = "home.toml"\nrepeat = 3\n',
    "home.toml": GOOD,
  });
  t.deepEqual(lines(loaded), []);
  const { repeat, seed, expectations } = only(loaded.cases);
  t.is(repeat, 3);
  t.is(seed, 7);
  t.is(expectations.length, 1);
});

test("extends: a circle is refused with its chain", (t) => {
  const loaded = load({ "a.toml": 'extends = "x/b.toml"', "x/b.toml": 'extends = "../a.toml"' });
  t.true(
    lines(loaded).includes(
      'x/b.toml:1:11: extends: "../a.toml" makes a circle: a.toml → x/b.toml → a.toml (remove one of these extends)',
    ),
  );
});

test("a problem of an included file is shown in that file", (t) => {
  const loaded = load({ ...NEXT, "home.toml": GOOD.replace('"20mbit"', '"x"') });
  t.deepEqual(
    loaded.problems.map(({ file, line }) => [file, line]),
    [["home.toml", 5]],
  );
});

test("matrix: every combination, the last axis fastest; ids, values and base", (t) => {
  const loaded = load(`${GOOD}
[matrix.sqm]
fq_codel = { plan.home.sqm.discipline = "fq_codel" }
pfifo = { "plan.home.sqm.discipline" = "pfifo", plan.home.sqm.limit = 50 }
[matrix]
"plan.home.down" = ["10mbit", "50mbit"]
`);
  t.deepEqual(lines(loaded), []);
  t.deepEqual(
    loaded.cases.map(({ id }) => id),
    [
      "home[sqm=fq_codel,plan.home.down=10mbit]",
      "home[sqm=fq_codel,plan.home.down=50mbit]",
      "home[sqm=pfifo,plan.home.down=10mbit]",
      "home[sqm=pfifo,plan.home.down=50mbit]",
    ],
  );
  const last = loaded.cases[3];
  t.deepEqual(last?.matrix, { sqm: "pfifo", "plan.home.down": "50mbit" });
  t.deepEqual(last?.base, { sqm: "fq_codel", "plan.home.down": "10mbit" });
  t.is(last?.plans.home?.down, 50e6);
  t.deepEqual(last?.plans.home?.sqmDown, { discipline: "pfifo", limit: 50 });
});

test("stating a discipline anew resets the settings beside it, also when it is the same", (t) => {
  const target = (set: string[]) => {
    const { plans } = only(load(GOOD, { set }).cases);
    const sqm = plans.home?.sqmDown;
    return sqm?.discipline === "fq_codel" ? sqm.target : sqm;
  };
  t.is(target([]), 7e6);
  t.is(target(["plan.home.sqm.discipline=fq_codel"]), 5e6);
  t.is(target(["plan.home.sqm.interval=200ms"]), 7e6);
  t.deepEqual(target(["plan.home.sqm.discipline=pfifo"]), { discipline: "pfifo", limit: 1000 });
});

test("stating a traffic's kind anew keeps from and to, and resets the rest", (t) => {
  const { traffic } = only(load(GOOD, { set: ["traffic.bulk.kind=probe"] }).cases);
  t.like(traffic[0], { kind: "probe", from: ["home-1", "home-2"], to: "web", interval: 10e6 });
});

test("expectations: only in the cells that `when` names", (t) => {
  const loaded = load(`${GOOD}
[[expect]]
metric = "ping.grade"
at_least = "A"
when = { sqm = "fq" }
[[expect]]
metric = "ping.rtt.p50"
below = "5ms over sqm=fq"
when = { sqm = ["b", "c"] }
[matrix.sqm]
fq = { plan.home.sqm.discipline = "fq_codel" }
b = { plan.home.sqm.discipline = "pfifo" }
c = { plan.home.sqm = { discipline = "pfifo", limit = 9 } }
`);
  t.deepEqual(lines(loaded), []);
  t.deepEqual(
    loaded.cases.map(({ expectations }) => expectations.map(({ metric }) => metric)),
    [
      ["ping.induced.p99", "ping.grade"],
      ["ping.induced.p99", "ping.rtt.p50"],
      ["ping.induced.p99", "ping.rtt.p50"],
    ],
  );
  t.deepEqual(loaded.cases[1]?.expectations[1]?.bound, {
    op: "below",
    value: 0.005,
    unit: "s",
    of: { axis: "sqm", value: "fq" },
    text: "5ms over sqm=fq",
  });
});

test("matrix: slips", (t) => {
  const of = (matrix: string) => lines(load(`${GOOD}\n${matrix}\n`)).map((line) => line.slice("home.toml:".length));
  t.deepEqual(of('[matrix]\nplan.home.down = ["1mbit"]'), [
    '35:1: matrix: a path as axis needs quotes: "plan.home.down" = […]',
  ]);
  t.deepEqual(of("[matrix.sqm]"), ["34:9: matrix.sqm: the axis has no value"]);
  t.deepEqual(of('[matrix]\n"seed" = [1, 1]'), ['35:14: matrix.seed: the value "1" appears twice']);
  t.deepEqual(of('[matrix]\n"plan.home.down" = ["1 potato"]'), [
    '35:21: plan.home.down: "1 potato" is not a rate; write e.g. "20mbit" (units: bit, kbit, mbit, gbit)',
  ]);
  t.regex(of("[matrix.sqm]\na = 3")[0] ?? "", /^35:5: matrix\.sqm\.a: expected a table of overrides, found 3/u);
  t.regex(
    of(
      `[matrix]\n${"ab"
        .split("")
        .map((axis) => `seed${axis} = [${Array.from({ length: 99 }, (_, i) => i)}]`)
        .join("\n")}`,
    )[0] ?? "",
    /9801 cases; at most 4096/u,
  );
});

test("a bad cell does not take the good ones away", (t) => {
  const loaded = load(
    `${GOOD}\n[matrix.sqm]\ngood = { repeat = 2 }\nbad = { plan.home.sqm.discipline = "tc", plan.home.sqm.args = "x" }\n`,
  );
  t.deepEqual(
    loaded.cases.map(({ id }) => id),
    ["home[sqm=good]"],
  );
  t.deepEqual(lines(loaded), [
    'home.toml:36:36: discipline "tc" of the afxdp dataplane is part of the language but not built yet in this version; ' +
      'built: fq_codel, cake, codel, cobalt, dualpi2, pfifo, bfifo, none (dataplane.kind = "kernel" has it)',
  ]);
});

test("--set: quantities, numbers, lists; after the matrix", (t) => {
  const set = ["plan.home.down=1.5gbit", "traffic.bulk.flows=8", 'tags=["a", "b"]', "title=2026-01-01"];
  const { cases, problems } = load(`${GOOD}\n[matrix]\n"plan.home.down" = ["1mbit"]\n`, { set });
  t.deepEqual(problems, []);
  const { plans, traffic, tags, title } = only(cases);
  t.is(plans.home?.down, 1.5e9);
  t.like(traffic[0], { flows: 8 });
  t.deepEqual(tags, ["a", "b"]);
  t.is(title, "2026-01-01");
});

test("--seed, --repeat, --dataplane", (t) => {
  const { seed, repeat, dataplane } = only(load(GOOD, { seed: 9, repeat: 4, dataplane: "afxdp" }).cases);
  t.deepEqual([seed, repeat, dataplane], [9, 4, { kind: "afxdp", reactors: 1 }]);
  const four = `${GOOD}\n[dataplane]\nkind = "afxdp"\nreactors = 1\n`;
  t.deepEqual(only(load(four, { dataplane: "kernel" }).cases).dataplane, { kind: "kernel", reactors: 1 });
  t.deepEqual(lines(load(GOOD, { dataplane: "kernal" })), [
    '--dataplane kernal:1:16: dataplane.kind: "kernal" is not allowed; did you mean "kernel"? allowed: afxdp, kernel, ' +
      "external, none",
  ]);
  t.deepEqual(lines(load(GOOD, { repeat: 0 })), ["--repeat 0:1:8: repeat: 0 is too small; at least 1 is allowed"]);
});

test("--set: slips", (t) => {
  const of = (option: string) =>
    lines(load(GOOD, { set: [option] })).map((line) => line.replace(`--set ${option}:`, ""));
  t.deepEqual(of("plan.hme.down=1mbit"), ['1:1: there is no plan "hme"; did you mean "home"? this scenario has: home']);
  t.deepEqual(of("seed"), ['1:1: "seed" is no override; write PATH=VALUE, e.g. plan.home.down=20mbit']);
  t.deepEqual(of("plan..down=3"), ['1:1: "plan..down" is no path; write names joined by dots, e.g. plan.home.down']);
  t.deepEqual(of("expect.0.below=3ms"), ["1:1: [[expect]] is a list; an override reaches tables only"]);
  t.deepEqual(of("matrix.a.b=3"), ["1:1: matrix cannot be overridden: it decides what the cases are"]);
  t.deepEqual(of("plan.home.down=20 potatoes"), [
    '1:16: plan.home.down: "20 potatoes" is not a rate; write e.g. "20mbit" (units: bit, kbit, mbit, gbit)',
  ]);
  t.deepEqual(
    of("plan.home.dwn=20mbit")[0]?.slice(0, 60),
    '1:15: plan.home: unknown key "dwn"; did you mean "down"? all',
  );
});

test("--filter: terms are ANDed over id, tag and axes", (t) => {
  const text = `tags = ["x", "per-pr"]\n${GOOD}\n[matrix.sqm]\nfq = {}\npfifo = { plan.home.sqm.discipline = "pfifo" }\n`;
  const ids = (filter: string) => load(text, { filter }).cases.map(({ matrix }) => matrix.sqm);
  t.deepEqual(ids("tag=per-pr"), ["fq", "pfifo"]);
  t.deepEqual(ids("tag=^x$ sqm=fifo"), ["pfifo"]);
  t.deepEqual(ids("sqm!=fifo"), ["fq"]);
  t.deepEqual(ids("pfifo"), ["pfifo"]);
  t.deepEqual(ids("id=nothing"), []);
  t.deepEqual(lines(load(text, { filter: "sqn=fq" })), [
    '--filter sqn=fq:1:1: there is no "sqn" to filter by; did you mean "sqm"? allowed: id, tag, sqm',
  ]);
  t.regex(lines(load(text, { filter: "id=(" }))[0] ?? "", /"\(" is no regular expression/u);
});

test("folders: scenarios below, without those that are there to be extended", (t) => {
  const files = { "s/a.toml": GOOD, "s/sub/b.toml": GOOD, "s/base/home.toml": GOOD, "s/_part.toml": GOOD };
  const list = (path: string) => (path === "s" ? Object.keys(files) : path === "empty" ? [] : undefined);
  const { cases } = loadCases(["s", "s/a.toml"], {}, { read: reader(files), list });
  t.deepEqual(
    cases.map(({ id }) => id),
    ["a", "b"],
  );
  t.is(loadCases(["s/base/home.toml"], {}, { read: reader(files), list }).cases.length, 1);
  t.deepEqual(lines(loadCases(["empty"], {}, { read: reader(files), list })), [
    "empty: this folder holds no scenario: no .toml file in it",
  ]);
});

test("two files of one name cannot run together", (t) => {
  const files = { "a/home.toml": GOOD, "b/home.toml": GOOD };
  t.deepEqual(lines(loadCases(Object.keys(files), {}, reader(files))), [
    'b/home.toml: "a/home.toml" is called home, too; results are called after the file (rename one of them)',
  ]);
});

test("a table whose name is kind or discipline is no choice: nothing beside it is reset", (t) => {
  const base = `${GOOD}
[client.kind]
plan = "home"
[matrix.discipline]
fq = { plan.home.sqm.discipline = "fq_codel" }
[matrix.rate]
slow = { plan.home.down = "10mbit" }
fast = { plan.home.down = "50mbit" }
`;
  const over = 'extends = "base.toml"\n[matrix.discipline]\npfifo = { plan.home.sqm.discipline = "pfifo" }\n';
  const loaded = load({ "top.toml": over, "base.toml": base }, { set: ["client.kind.path=metro"] });
  t.deepEqual(lines(loaded), []);
  t.deepEqual(
    loaded.cases.map(({ id }) => id),
    [
      "top[discipline=fq,rate=slow]",
      "top[discipline=fq,rate=fast]",
      "top[discipline=pfifo,rate=slow]",
      "top[discipline=pfifo,rate=fast]",
    ],
  );
  t.deepEqual(
    loaded.cases[0]?.clients.map(({ name, path }) => [name, path]),
    [
      ["home-1", null],
      ["home-2", null],
      ["kind", "metro"],
    ],
  );
});

test("matrix: an override reaches what the scenario has, and nothing else", (t) => {
  const of = (matrix: string) => {
    const { cases, ...rest } = load(`${GOOD}\n${matrix}\n`);
    t.deepEqual(cases, []);
    return lines({ cases, ...rest }).map((line) => line.slice("home.toml:".length));
  };
  t.deepEqual(of('[matrix.rate]\na = { plan.hom.down = "1mbit" }'), [
    '35:12: matrix.rate.a: there is no plan "hom"; did you mean "home"? this scenario has: home',
  ]);
  t.deepEqual(of('[matrix]\n"plan.hom.down" = ["1mbit", "2mbit"]'), [
    '35:1: matrix.plan.hom.down: there is no plan "hom"; did you mean "home"? this scenario has: home',
  ]);
  t.deepEqual(of("[matrix.rate]\na = { matrix.b.c = {} }"), [
    "35:7: matrix.rate.a: matrix cannot be overridden: it decides what the cases are",
  ]);
  t.deepEqual(of('[matrix]\n"extends" = ["x.toml"]'), [
    "35:1: matrix.extends: extends cannot be overridden: it decides what the cases are",
  ]);
  t.deepEqual(of("[matrix.rate]\na = { expect = [] }"), [
    "35:7: matrix.rate.a: [[expect]] is a list; an override reaches tables only",
  ]);
  t.deepEqual(of('[matrix.rate]\na = { client.more = { plan = "home" } }'), [
    '35:14: matrix.rate.a: there is no client "more"; did you mean "home"? this scenario has: home',
  ]);
});

test("--set: a table as value invents nothing either", (t) => {
  t.deepEqual(lines(load(GOOD, { set: ["plan={hom={down='1mbit'}}"] })), [
    '--set plan={hom={down=\'1mbit\'}}:1:1: there is no plan "hom"; did you mean "home"? this scenario has: home',
  ]);
  t.deepEqual(lines(load(GOOD, { set: ["plan.home.sqm_down.discipline=pfifo", "phases.idle=2s"] })), []);
});
