import test from "ava";
import { renderToml } from "../../harness/scenario/index.js";
import type { Case } from "../../harness/scenario/types.js";
import { GOOD, lines, load } from "./helpers.js";

const on = (dataplane: string, sqm: string) =>
  `${GOOD.replace('discipline = "fq_codel", target = "7ms"', sqm)}\n[dataplane]\n${dataplane}\n`;
const EXTERNAL = 'kind = "external"\ncommand = ["./my-dataplane", "-v"]';

function only(cases: Case[]): Case {
  if (cases.length !== 1) throw new Error(`${cases.length} cases`);
  return cases[0] as Case;
}

test("the kernel runs what Linux has, with Linux's defaults", (t) => {
  const sqmOf = (sqm: string) => only(load(on('kind = "kernel"', sqm)).cases).plans.home?.sqmDown;
  t.deepEqual(sqmOf('discipline = "cake"'), {
    discipline: "cake",
    tins: "diffserv3",
    rtt: 100e6,
    isolation: "triple-isolate",
    nat: false,
    wash: false,
    ackFilter: "off",
    ingress: false,
    splitGso: true,
    memoryLimit: null,
    autorateIngress: false,
  });
  const codel = { discipline: "codel", target: 5e6, interval: 100e6, limit: 1000, ecn: false, ceThreshold: null };
  t.deepEqual(sqmOf('discipline = "codel"'), codel);
  t.deepEqual(sqmOf('discipline = "dualpi2", step_thresh = "2ms"'), {
    discipline: "dualpi2",
    limit: 10_000,
    memoryLimit: 2 * 1514 * 10_000,
    target: 15e6,
    tupdate: 16e6,
    alpha: 41,
    beta: 819,
    step: { unit: "time", threshold: 2e6 },
    minQlenStep: 0,
    coupling: 2,
    classicProtection: 10,
    dropOnOverload: true,
    dropEarly: false,
    ecnMask: "l4s",
  });
  t.deepEqual(sqmOf('discipline = "tc", args = "sfq perturb 10", rate = "5mbit"'), {
    discipline: "tc",
    args: "sfq perturb 10",
    rate: 5e6,
  });
});

test("each dataplane refuses by name what it does not run, and says which does", (t) => {
  const refusal = (dataplane: string, sqm: string) => lines(load(on(dataplane, sqm), { allowExec: true }));
  const message = (what: string) => `${what} dataplane is part of the language but not built yet in this version`;
  t.deepEqual(refusal('reactors = 1\nkind = "afxdp"', 'discipline = "tc", args = "sfq"'), [
    `home.toml:7:22: ${message('discipline "tc" of the afxdp')}; built: fq_codel, cake, codel, cobalt, dualpi2, pfifo, ` +
      'bfifo, none (dataplane.kind = "kernel" has it)',
  ]);
  t.deepEqual(refusal('kind = "kernel"', 'discipline = "cobalt"'), [
    `home.toml:7:22: ${message('discipline "cobalt" of the kernel')}; built: fq_codel, cake, codel, dualpi2, pfifo, ` +
      'bfifo, none, tc (dataplane.kind = "afxdp" has it)',
  ]);
  for (const discipline of ["cake", "cobalt", "dualpi2"]) {
    t.deepEqual(refusal('kind = "none"', `discipline = "${discipline}"`), []);
    t.deepEqual(refusal(EXTERNAL, `discipline = "${discipline}"`), []);
  }
});

test("reactors of a dataplane that has none to choose are an unknown key, and only that", (t) => {
  const refusals = lines(load(on('kind = "kernel"\nreactors = 4', 'discipline = "cake"')));
  t.is(refusals.length, 1);
  t.regex(refusals[0] ?? "", /dataplane: unknown key "reactors"/);
});

test("--dataplane and a matrix over the kind leave the siblings of the old kind behind", (t) => {
  const text = `${on('reactors = 1\nkind = "afxdp"', 'discipline = "fq_codel"')}
[matrix.middle]
ours = {}
linux = { dataplane.kind = "kernel" }
mine = { dataplane.kind = "external", dataplane.command = ["mine"] }
`;
  const loaded = load(text, { allowExec: true });
  t.deepEqual(lines(loaded), []);
  t.deepEqual(
    loaded.cases.map(({ dataplane }) => dataplane),
    [
      { kind: "afxdp", reactors: 1 },
      { kind: "kernel", reactors: 1 },
      { kind: "external", reactors: 1, external: { command: ["mine"], ready: 1e9, xdp: "stub" } },
    ],
  );
  const kinds = load(text, { dataplane: "none", allowExec: true }).cases.map(({ dataplane }) => dataplane);
  t.deepEqual(
    kinds,
    Array.from({ length: 3 }, () => ({ kind: "none" as const, reactors: 1 })),
  );
  t.regex(lines(load(GOOD, { dataplane: "external" }))[0] ?? "", /dataplane.command: is missing; it must be a list/);
});

test("an external dataplane: defaults, both ways of being ready, and what is wrong with them", (t) => {
  const read = (more: string) => load(on(`${EXTERNAL}\n${more}`, 'discipline = "cake"'), { allowExec: true });
  const external = (more: string) => only(read(more).cases).dataplane.external;
  t.like(external(""), { ready: 1e9, xdp: "stub" });
  t.like(external('ready = "line"\nxdp = "own"'), { ready: "line", xdp: "own" });
  t.like(external('ready = "250ms"'), { ready: 250e6 });
  const [wrong] = lines(read('ready = "soon"'));
  t.regex(wrong ?? "", /dataplane.ready: expected "line" or a time such as "1s", at most "60s"/);
  t.regex(
    lines(read("reactors = 2")).join(),
    /dataplane: unknown key "reactors"; .*allowed: kind, command, ready, xdp/,
  );
});

test("a program with a slash is relative to the file that names it, also in the scenario that a run keeps", (t) => {
  const base = '[dataplane]\nkind = "external"\ncommand = ["bin/middle", "a/b"]\n';
  const options = { allowExec: true, cwd: "/home/me" };
  const program = (files: Record<string, string>, more = {}) => {
    const loaded = load(files, { ...options, ...more });
    t.deepEqual(lines(loaded), []);
    const case_ = only(loaded.cases);
    const again = load({ "/else/where.toml": renderToml(loaded, case_.id) }, { ...options, cwd: "/" });
    t.deepEqual(only(again.cases).dataplane.external, case_.dataplane.external);
    return case_.dataplane.external?.command;
  };
  const extended = { "suite/home.toml": `extends = "../base/middle.toml"\n${GOOD}`, "base/middle.toml": base };
  t.deepEqual(program(extended), ["/home/me/base/bin/middle", "a/b"]);
  t.deepEqual(program({ "/abs/home.toml": GOOD + base }), ["/abs/bin/middle", "a/b"]);
  const set = ['dataplane.command=["./x"]'];
  t.deepEqual(program({ "suite/home.toml": GOOD + base }, { set }), ["/home/me/x"]);
  t.deepEqual(program({ "h.toml": GOOD + base.replace("bin/middle", "tool") }), ["tool", "a/b"]);
});

test("a program of the scenario's own needs to be allowed: told by check, refused by run", (t) => {
  const text = on(EXTERNAL, 'discipline = "cake"');
  t.deepEqual(load(text).problems, [], "who only lists or prints need not be told");
  const checked = load(text, { allowExec: "tell" });
  t.is(checked.cases.length, 1);
  t.deepEqual(
    checked.problems.map(({ severity, hint }) => [severity, hint]),
    [["warning", "mqoe run will need --allow-exec"]],
  );
  const [refused] = lines(load(text, { allowExec: false, cwd: "/s" }));
  t.regex(refused ?? "", /dataplane.command: runs the program "\/s\/my-dataplane" .*add --allow-exec/);
  t.deepEqual(load(text, { allowExec: true }).problems, []);
});

test("what the filter leaves out needs no leave and nothing of the machine", (t) => {
  const mine = on(EXTERNAL, 'discipline = "cake"');
  const ours = `[matrix.m]\nmine = {}\nours = { dataplane.kind = "afxdp", tags = ["fast"] }\n`;
  const lone = `tags = ["slow"]\n${mine}\n${ours}`;
  const options = { allowExec: false, toRun: true, congestionControls: ["cubic"] };
  t.is(lines(load(lone, options)).length, 1);
  const kept = load(lone, { ...options, filter: "tag=fast" });
  t.deepEqual([lines(kept), kept.cases.map(({ id }) => id)], [[], ["home[m=ours]"]]);
  t.deepEqual(lines(load(lone, { ...options, filter: "m=ours id=home" })), []);
  t.is(lines(load(lone, { ...options, filter: "tag=slow" })).length, 1);
  const bbr = lone.replace('kind = "tcp"', 'kind = "tcp"\ncongestion_control = "bbr"');
  const severities = (filter: string) => load(bbr, { ...options, filter }).problems.map(({ severity }) => severity);
  t.deepEqual(severities("tag=fast"), ["error"]);
  t.deepEqual(severities("id=nothing"), []);
});
