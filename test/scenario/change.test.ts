import test from "ava";
import { type Blueprint, makeBlueprint } from "../../harness/blueprint/index.js";
import type { Case } from "../../harness/scenario/types.js";
import { linesWith } from "../blueprint/line.js";
import { GOOD, harmed, lines, load } from "./helpers.js";

/** GOOD: 15 s = 3 s idle, 3 s ramp, 7 s loaded (6 … 13), 2 s cooldown. */
const SECOND = 1e9;

const DROP = `
[[change]]
at = "loaded+4s"
phase = "dropped"
set = { plan.home.down = "5mbit" }
`;

function caseOf(text: string): Case {
  const loaded = load(text);
  const [first] = loaded.cases;
  if (!first) throw new Error(lines(loaded).join("\n"));
  return first;
}

function timelineOf(text: string): Blueprint["timeline"] {
  return makeBlueprint(caseOf(text), { lab: "mq-1a2b", seed: 1, cores: 2 }).timeline;
}

test("a change is in the case with its time, what is in force after it, and where it stands", (t) => {
  const [change, ...rest] = caseOf(GOOD + DROP).changes;
  t.like(change, { at: 10 * SECOND, phase: "dropped", text: "plan.home.down = 5mbit", file: "home.toml", line: 34 });
  t.deepEqual(rest, []);
  t.deepEqual(change?.plans.home, { ...(caseOf(GOOD).plans.home as object), down: 5e6 } as never);
  t.deepEqual(change?.paths, {});
});

test("a phase that a change opens ends the one before it, and has the shares in force then", (t) => {
  const { phases, shares, changes } = timelineOf(GOOD + DROP);
  t.deepEqual(
    phases.map(({ name, start, end, of }) => [name, start / SECOND, end / SECOND, of]),
    [
      ["idle", 0, 3, undefined],
      ["ramp", 3, 6, undefined],
      ["loaded", 6, 10, undefined],
      ["dropped", 10, 13, "loaded"],
      ["cooldown", 13, 15, undefined],
    ],
  );
  t.deepEqual(shares[0], { client: "home-1", down: 20e6, up: 5e6 });
  t.deepEqual(
    phases.map((phase) => phase.shares?.[0]?.down),
    [undefined, undefined, undefined, 5e6, 5e6],
  );
  const [change] = changes;
  // Both clients of the plan, the direction that changes only.
  t.deepEqual(
    change?.set.map((one) => ("shaper" in one ? [one.client, one.direction, one.shaper.rate] : one)),
    [
      [0, "down", 5e6],
      [1, "down", 5e6],
    ],
  );
  t.false("stages" in (change ?? {}));
});

test("changes lay their overrides on what is in force, in the order of their times", (t) => {
  const text = `${GOOD}
[[change]]
at = "12s"
set = { plan.home.up = "1mbit" }
[[change]]
at = "loaded+1s"
set = { plan.home.down = "8mbit", path.metro.rtt = "60ms" }
[[change]]
at = "11s"
set = { plan.home.sqm.discipline = "pfifo", plan.home.down = "9mbit" }
`;
  const { changes } = caseOf(text);
  t.deepEqual(
    changes.map(({ at }) => at / SECOND),
    [7, 11, 12],
  );
  const [first, second, third] = changes;
  t.deepEqual(first?.paths, { metro: linesWith(30e6, 30e6) });
  t.like(first?.plans.home, { down: 8e6, up: 5e6 });
  t.is(first?.text, "plan.home.down = 8mbit, path.metro.rtt = 60ms");
  // A discipline that is stated anew has its own defaults.
  t.deepEqual(second?.plans.home?.sqmDown, { discipline: "pfifo", limit: 1000 });
  t.like(third?.plans.home, { down: 9e6, up: 1e6 });
  const { changes: told, phases } = timelineOf(text);
  t.deepEqual(told[0]?.set.at(-1), { path: 0, ...linesWith(30e6, 30e6) });
  t.is(phases.find(({ name }) => name === "loaded")?.shares, null, "no share holds for the whole of it");
});

test("every and until repeat; two of them take turns", (t) => {
  const text = `${GOOD}
[[change]]
at = "4s"
every = "2s"
until = "8s"
set = { plan.home.down = "5mbit" }
[[change]]
at = "5s"
every = "2s"
until = "loaded+3s"
set = { plan.home.down = "20mbit" }
`;
  t.deepEqual(
    caseOf(text).changes.map(({ at, plans }) => [at / SECOND, (plans.home?.down ?? 0) / 1e6]),
    [
      [4, 5],
      [5, 20],
      [6, 5],
      [7, 20],
      [8, 5],
      [9, 20],
    ],
  );
});

test("what must last for the whole run is decided for all of it", (t) => {
  const grown = (set: string) => {
    const text = `${GOOD}\n[[change]]\nat = "7s"\nset = { ${set} }\n`;
    return makeBlueprint(caseOf(text), { lab: "l", seed: 1, cores: 2 });
  };
  const plain = makeBlueprint(caseOf(GOOD), { lab: "l", seed: 1, cores: 2 });
  const frames = ({ dataplane }: Blueprint) => dataplane.reactors[0]?.frames ?? 0;
  t.true(frames(grown('plan.home.down = "900mbit"')) > frames(plain));
  t.is(frames(grown('plan.home.down = "1mbit"')), frames(plain));
  const timeout = ({ traffic }: Blueprint) => traffic.probes[0]?.timeout ?? 0;
  t.true(timeout(grown('path.metro.rtt = "900ms"')) > timeout(plain));
  t.deepEqual(grown('plan.home.down = "1mbit"').dataplane, plain.dataplane, "the run begins as without the change");
});

test("where a path is a stage of its own, the stage is told, and is there although it does nothing at first", (t) => {
  const text = `${GOOD.replace('rtt = "20ms"', 'rtt = "0ms"')}
[dataplane]
kind = "kernel"
[[change]]
at = "7s"
set = { path.metro.rtt = "30ms", plan.home.up = "1mbit" }
`;
  const { timeline, pathStages } = makeBlueprint(caseOf(text), { lab: "l", seed: 1, cores: 2 });
  t.deepEqual(
    pathStages.map(({ side }) => side),
    ["core"],
  );
  const [change] = timeline.changes;
  t.deepEqual(
    change?.set.map((one) => "client" in one && one.direction),
    ["up", "up"],
  );
  t.deepEqual(change?.stages, [{ side: "core", set: [{ path: 0, ...linesWith(15e6, 15e6) }] }]);
});

test("metrics of a phase that a change opens are there, where the phase it was part of has them", (t) => {
  const expect = (metric: string, bound = 'at_most = "90ms"') =>
    lines(load(`${GOOD}${DROP}[[expect]]\nmetric = "${metric}"\n${bound}\n`));
  t.deepEqual(expect("ping.dropped.rtt.p99"), []);
  t.deepEqual(expect("ping.dropped.induced.p99"), []);
  t.deepEqual(expect("bulk.dropped.goodput", 'at_least = "90% of share"'), []);
  t.deepEqual(expect("bulk.goodput", 'at_least = "90% of share"'), [], "loaded ends where the plan changes");
  t.regex(expect("bulk.cooldown.goodput", "at_least = 1").join(), /does not exist in the cooldown phase/u);
  t.regex(expect("dataplane.dropped.unaccounted", "equals = 0").join(), /does not exist in the dropped phase/u);
  t.regex(expect("ping.droped.rtt.p99").join(), /nothing produces/u);
});

test("in a phase during which a plan changes there is no share to be a part of", (t) => {
  const text = `${GOOD}${DROP.replace('phase = "dropped"\n', "")}[[expect]]\nmetric = "bulk.goodput"\nat_least = "90% of share"\n`;
  t.deepEqual(lines(load(text)), [
    'home.toml:39:12: expect.at_least: "90% of share" is not one number in the loaded phase: a plan, a site or the load changes within it (let the change open a phase of its own: phase = "NAME")',
  ]);
  t.deepEqual(lines(load(text.replace('"90% of share"', '"1mbit"'))), []);
  t.deepEqual(lines(load(text.replace('plan.home.down = "5mbit"', 'path.metro.rtt = "50ms"'))), []);
  const starved = text.replace('bulk.goodput"\nat_least = "90% of share"', 'dataplane.utilization"\nat_least = 0.9');
  t.regex(lines(load(starved)).join(), /expect\.metric: utilization, which is relative to the plan or the share/u);
});

const SLIPS: [slip: string, found: string, replacement: string, message: RegExp][] = [
  [
    "no time",
    '"loaded+4s"',
    '"soon"',
    /:35:6: change\.at: "soon" is no time of the run; .*phases: idle, ramp, loaded/u,
  ],
  ["a phase misspelt", '"loaded+4s"', '"laoded+4s"', /did you mean "loaded"/u],
  ["after the end", '"loaded+4s"', '"loaded+9s"', /"loaded\+9s" is 15s from the start, but must lie inside the run/u],
  ["at the start", '"loaded+4s"', '"0s"', /:35:6: change\.at: .*must lie inside the run/u],
  ["a negative time", '"loaded+4s"', '"loaded+-4s"', /"loaded\+-4s" is no time of the run/u],
  [
    "a phase without length",
    '"loaded+4s"',
    '"loaded"',
    /:36:9: change\.phase: the loaded phase begins at that moment/u,
  ],
  ["a phase twice", '"dropped"', '"idle"', /:36:9: change\.phase: there is a phase "idle" already/u],
  ["a phase called as a metric", '"dropped"', '"rtt"', /"rtt" is the name of a metric/u],
  ["a phase that repeats", "[[change]]\n", '[[change]]\nevery = "1s"\n', /a change that repeats can open no phase/u],
  ["until alone", "[[change]]\n", '[[change]]\nuntil = "12s"\n', /:35:9: change\.until: is of no use without every/u],
  [
    "until before at",
    '[[change]]\nat = "loaded+4s"\nphase = "dropped"',
    '[[change]]\nevery = "1s"\nat = "8s"\nuntil = "7s"',
    /:37:9: change\.until: "7s" lies before/u,
  ],
  ["too often", 'phase = "dropped"', 'every = "100us"', /at most 10000 are allowed/u],
  [
    "a plan that is not there",
    "plan.home.down",
    "plan.hom.down",
    /:37:14: change\.set: there is no plan "hom"; did you mean "home"/u,
  ],
  [
    "whose traffic it is",
    "plan.home.down",
    "traffic.bulk.from",
    /:37:22: change\.set: traffic\.bulk\.from cannot change .*: it would make it another traffic.*; what can: dscp, /u,
  ],
  [
    "a bad setting of a traffic",
    'plan.home.down = "5mbit"',
    "traffic.bulk.flows = 0",
    /change\.set: traffic\.bulk\.flows: /u,
  ],
  [
    "traffic that is not there",
    'plan.home.down = "5mbit"',
    "traffic.bulkk.flows = 5",
    /:37:17: change\.set: there is no traffic "bulkk"; did you mean "bulk"/u,
  ],
  [
    "a client that is not there",
    'plan.home.down = "5mbit"',
    "client.home-3.online = false",
    /:37:16: change\.set: there is no client "home-3"; did you mean "home-/u,
  ],
  [
    "a client's plan",
    'plan.home.down = "5mbit"',
    'client.home.plan = "home"',
    /client\.home\.plan cannot change while the run goes on; what can: online/u,
  ],
  [
    "presence that is none",
    'plan.home.down = "5mbit"',
    'client.home.online = "no"',
    /expected true \(it joins\) or false/u,
  ],
  [
    "a server",
    'plan.home.down = "5mbit"',
    'server.web.path = "metro"',
    /:37:9: change\.set: server cannot change while the run goes on; what can: plan \(down.*traffic/u,
  ],
  [
    "the seed",
    'plan.home.down = "5mbit"',
    "seed = 5",
    /:37:9: change\.set: seed cannot change while the run goes on; what can/u,
  ],
  [
    "what makes no sense in a path",
    'plan.home.down = "5mbit"',
    'path.metro.reorder = "1%", path.metro.rtt = "0ms"',
    /path\.metro \(after this change\)\.reorder: is of no use without a delay/u,
  ],
  ["nonsense", '"5mbit"', '"5 potatoes"', /:37:26: change\.set: plan\.home\.down: "5 potatoes" is not a rate/u],
  [
    "a discipline without",
    'plan.home.down = "5mbit"',
    'plan.home.sqm = { discipline = "tc", args = "x" }',
    /discipline "tc" of the afxdp dataplane/u,
  ],
  ["a plan and not its setting", 'plan.home.down = "5mbit"', "plan.home = 5", /expected settings/u],
  ["nothing", '{ plan.home.down = "5mbit" }', "{}", /nothing is changed/u],
];

for (const [slip, found, replacement, message] of SLIPS) {
  test(`refused: ${slip}`, (t) => {
    t.true(DROP.includes(found));
    const all = lines(load(GOOD + DROP.replace(found, replacement)));
    t.is(all.length, 1, all.join("\n"));
    t.regex(all[0] ?? "", message);
  });
}

test("a dataplane that enforces no plans, or cannot be told, refuses a change of one; paths are stages and can", (t) => {
  for (const kind of ["none", "external"]) {
    const dataplane = `[dataplane]\nkind = "${kind}"\n${kind === "external" ? 'command = ["/bin/true"]\n' : ""}`;
    const all = lines(load(`${GOOD}${dataplane}${DROP}`)).filter((line) => !line.includes("warning"));
    t.is(all.length, 1, all.join("\n"));
    t.regex(all[0] ?? "", new RegExp(`change\\.set: plan\\.home: the ${kind} dataplane`, "u"));
    const paths = DROP.replace('plan.home.down = "5mbit"', 'path.metro.rtt = "5ms"');
    t.deepEqual(
      lines(load(`${GOOD}${dataplane}${paths}`)).filter((line) => !line.includes("warning")),
      [],
    );
  }
});

test("a change that alters nothing is told, unless it opens a phase", (t) => {
  const same = DROP.replace('"5mbit"', '"20mbit"');
  t.deepEqual(lines(load(GOOD + same)), []);
  t.regex(lines(load(GOOD + same.replace('phase = "dropped"\n', ""))).join(), /warning: change: alters nothing/u);
});

test("a plan that a shaper tree enforces changes the leaf of the tree, not the shaper", (t) => {
  const site = harmed("[client.home]", '[site.tower]\ndown = "30mbit"\nup = "30mbit"\n\n[client.home]\nsite = "tower"');
  const [change] = timelineOf(site + DROP).changes;
  const node = { rate: 0, ceil: 5e6, quantum: 0, priority: 0, burst: 0 };
  t.deepEqual(change?.set, [
    { client: 0, direction: "down", node },
    { client: 1, direction: "down", node },
  ]);
});

test("a change may not take away what a site holds frames back in", (t) => {
  const tree = `${harmed('plan = "home"', 'plan = "home"\nsite = "tower"')}\n[site.tower]\ndown = "30mbit"\nup = "10mbit"\n`;
  const change = (setting: string) => `${tree}\n[[change]]\nat = "10s"\nset = { ${setting} }\n`;
  t.deepEqual(lines(load(change('plan.home.down = "5mbit"'))), []);
  const [none, ...more] = lines(load(change('plan.home.sqm.discipline = "none"')));
  t.deepEqual(more, []);
  t.regex(
    none ?? "",
    /^home\.toml:\d+:\d+: plan\.home \(after this change\)\.sqm: "none" has no queue in which a site/,
  );
});

test("whatever else is wrong, a phase that a table names is not said to be unknown", (t) => {
  const expect = '[[expect]]\nmetric = "bulk.dropped.goodput"\nat_least = "90% of share"\n';
  const wrong = (text: string) => lines(load(text)).map((line) => line.replace(/^home\.toml:\d+:\d+: /u, ""));
  const found = [
    ...wrong(GOOD.replace('to = "web"', 'to = "wob"') + DROP + expect),
    ...wrong(GOOD + DROP.replace("loaded+4s", "loaded+4") + expect),
    ...wrong(GOOD + DROP.replace("5mbit", "5mbitt") + expect),
  ];
  t.is(found.length, 3, found.join("\n"));
  t.regex(found[1] ?? "", /^change\.at: "loaded\+4" is no time of the run; write e\.g\./);
});

test("only what a repetition alters counts: the same setting again is told to nobody", (t) => {
  const many = harmed("count = 2", "count = 1000");
  const each = '\n[[change]]\nat = "loaded"\nevery = "10ms"\nuntil = "12s"\nset = { plan.home.down = "5mbit" }\n';
  const { changes } = caseOf(many + each);
  t.is(changes.length, 601);
  t.is(changes.filter(({ plans }) => Object.keys(plans).length > 0).length, 1);
  const other = each.replace("loaded", "loaded+5ms").replace("5mbit", "6mbit");
  t.regex(lines(load(many + each + other))[0] ?? "", /more than 1000000 shapers of clients anew/);
});

test("a key or section that is misspelt is told from one that cannot change", (t) => {
  const setting = (what: string) => lines(load(`${GOOD}\n[[change]]\nat = "8s"\nset = { ${what} }\n`));
  const one = (what: string, expected: RegExp) => {
    const [first = "", ...others] = setting(what);
    t.regex(first, expected);
    t.deepEqual(others, [], what);
  };
  one('path.metro.lnk = "down"', /path\.metro: unknown key "lnk"; did you mean "link"\? what can change while/u);
  one("traffic.bulk.flow = 8", /traffic\.bulk: unknown key "flow"; did you mean "flows"\?/u);
  one('paht.metro.link = "down"', /change\.set: unknown key "paht"; did you mean "path"\? what can: plan/u);
  one('server.web.path = "metro"', /change\.set: server cannot change while the run goes on/u);
  one('plan.home.shaper = "leaf"', /plan\.home\.shaper cannot change while the run goes on/u);
});

test("a change with a wrong value is not blamed on expectations about the phases after it", (t) => {
  const later = '\n[[change]]\nat = "loaded+5s"\nphase = "back"\nset = { path.metro.link = "up" }\n';
  const first = '\n[[change]]\nat = "loaded+4s"\nset = { path.metro.link = "dwon" }\n';
  const expect = '\n[[expect]]\nmetric = "ping.back.rtt.p50"\nbelow = "25ms"\n';
  const [found = "", ...others] = lines(load(GOOD + first + later + expect));
  t.regex(found, /path\.metro\.link: "dwon" is not allowed; did you mean "down"/u);
  t.deepEqual(others, []);
});
