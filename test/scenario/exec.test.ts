import test from "ava";
import { renderToml } from "../../harness/scenario/index.js";
import { isMany, parseJsonPath, valuesAt } from "../../harness/scenario/json-path.js";
import { execTimes, fillIn, readUnit } from "../../harness/scenario/kinds/exec.js";
import type { ExecTraffic } from "../../harness/scenario/types.js";
import { GOOD, lines, load } from "./helpers.js";

const EXEC = `[traffic.x]
kind = "exec"
from = "home"
to = "web"
command = ["tool", "{server}"]
`;

function only(text: string): ExecTraffic {
  const loaded = load(GOOD + text, { allowExec: true });
  const found = loaded.cases[0]?.traffic.find(({ name }) => name === "x");
  if (found?.kind !== "exec") throw new Error(lines(loaded).join("\n"));
  return found;
}

const refusals = (text: string) => lines(load(GOOD + text, { allowExec: true }));

test("defaults: starts with the load, ends with the run, must exit with 0", (t) => {
  t.like(only(EXEC), {
    command: ["tool", "{server}"],
    serverCommand: null,
    serverPer: "traffic",
    start: { phase: "ramp", offset: 0 },
    timeout: null,
    expectExit: 0,
    metrics: {},
  });
  t.is(only(`${EXEC}expect_exit = "any"\n`).expectExit, null);
  t.deepEqual(only(`${EXEC}start = "loaded+2s"\n`).start, { phase: "loaded", offset: 2e9 });
  t.deepEqual(only(`${EXEC}start = "1500ms"\n`).start, { phase: null, offset: 1.5e9 });
});

test("programs need to be allowed: told by check, refused by run, each command by its name", (t) => {
  const text = `${GOOD}${EXEC}server_command = ["./serve"]\n`;
  t.deepEqual(load(text).problems, []);
  const told = load(text, { allowExec: "tell", cwd: "/s" });
  t.deepEqual(
    told.problems.map(({ severity, hint }) => [severity, hint]),
    Array.from({ length: 2 }, () => ["warning", "mqoe run will need --allow-exec"]),
  );
  const refused = lines(load(text, { allowExec: false, cwd: "/s" }));
  t.is(refused.length, 2);
  t.regex(
    refused[0] ?? "",
    /traffic.x.command: runs the program "tool" on this machine, as the user.*add --allow-exec/,
  );
  t.regex(refused[1] ?? "", /traffic.x.server_command: runs the program "\/s\/serve"/);
});

test("a program with a slash is relative to the file that names it, also in the scenario that a run keeps", (t) => {
  const files = { "suite/home.toml": `${GOOD}${EXEC.replace('"tool"', '"bin/tool"')}server_command = ["../serve"]\n` };
  const loaded = load(files, { allowExec: true, cwd: "/me" });
  const [which] = loaded.cases;
  const traffic = which?.traffic.find(({ name }) => name === "x") as ExecTraffic;
  t.is(traffic.command[0], "/me/suite/bin/tool");
  t.deepEqual(traffic.serverCommand, ["/me/serve"]);
  const again = load({ "/else/where.toml": renderToml(loaded, which?.id ?? "") }, { allowExec: true, cwd: "/" });
  t.deepEqual(
    again.cases[0]?.traffic.find(({ name }) => name === "x"),
    traffic,
  );
});

test("what is wrong is said where it stands, with what is allowed", (t) => {
  const cases: [text: string, message: RegExp][] = [
    [
      'command = ["tool", "{sever}"]',
      /command: "\{sever\}": there is no such placeholder; did you mean "server"\?.*\{\{sever\}\}/,
    ],
    [
      'server_command = ["s", "{client}"]',
      /server_command: "\{client\}": one server serves all clients.*server_per = "client"/,
    ],
    ['server_per = "client"', /server_per: there is no server_command/],
    ['dscp = "EF"', /dscp: the program must be told.*\{dscp\} or \{tos\}/],
    [
      'start = "soon"',
      /start: "soon" is no time of the run; write e.g. "15s" or "loaded\+2s"; phases: idle, ramp, loaded/,
    ],
    ['start = "20s"', /start: is 20s from the start, but must lie inside the run of 15s/],
    ['start = "13s"\ncommand = ["t", "{duration}"]', /start: \{duration\}.* is 0/],
    ["expect_exit = 256", /expect_exit: 256 is too large; at most 255 is allowed/],
    ['expect_exit = "some"', /expect_exit: expected an exit code, 0 … 255, or "any"/],
    ['metrics.wall = { json = "a", unit = "s" }', /metrics: "wall" is the name of a metric of every program/],
    ['metrics.idle = { json = "a", unit = "s" }', /metrics: "idle" is the name of a phase/],
    ['metrics.a = { unit = "s" }', /metrics.a.unit: needs json or regex beside it/],
    ['metrics.a = { json = "a", regex = "b", unit = "s" }', /metrics.a.regex: json and regex exclude each other/],
    ['metrics.a = { json = "a[*]", unit = "s" }', /metrics.a.json: \[\*\] finds several numbers; add each = true/],
    ['metrics.a = { json = "a..b", unit = "s" }', /metrics.a.json: "a..b" is no path into JSON: found "..b"/],
    ['metrics.a = { regex = "(", unit = "s" }', /metrics.a.regex: "\(" is no regular expression/],
    ['metrics.a = { regex = "x", unit = "furlong" }', /metrics.a.unit: "furlong" is no unit; allowed: ns, us, ms, s/],
  ];
  for (const [text, message] of cases) {
    const base = text.includes('command = ["t') ? EXEC.replace(/command.*\n/u, "") : EXEC;
    const said = refusals(`${base}${text}\n`);
    t.is(said.length, 1, `${text}: ${said.join("\n")}`);
    t.regex(said[0] ?? "", message);
  }
});

test("its metrics can be expected, by the names that it declares; others are refused by name", (t) => {
  const metrics = `metrics.rtt = { json = "r[*]", unit = "ms", each = true }\nmetrics.rate = { regex = "x", unit = "Mbit/s" }\n`;
  const expecting = (metric: string, bound: string) =>
    refusals(`${EXEC}${metrics}\n[[expect]]\nmetric = "${metric}"\n${bound}\n`);
  t.deepEqual(expecting("x.rtt.p99", 'below = "30ms"'), []);
  t.deepEqual(expecting("x.rate", 'at_least = "2mbit"'), []);
  t.deepEqual(expecting("x.wall", 'below = "5s"'), []);
  t.regex(expecting("x.rtt", 'below = "30ms"')[0] ?? "", /rtt is a distribution/);
  t.regex(expecting("x.ratee", 'at_least = "2mbit"')[0] ?? "", /exec has no quantity "ratee"; did you mean "rate"/);
  t.regex(expecting("x.idle.rate", 'at_least = "2mbit"')[0] ?? "", /rate does not exist in the idle phase/);
  t.regex(
    expecting("x.rate", 'at_least = "95%"')[0] ?? "",
    /what a program sends, and which way, is not known.*write a rate/,
  );
});

test("the exit code is expected without being written, unless it is written or none is", (t) => {
  const expected = (text: string) =>
    (load(GOOD + text, { allowExec: true }).cases[0]?.expectations ?? [])
      .filter(({ metric }) => metric === "x.exit_code")
      .map(({ bound, gate }) => [bound.op, bound.value, gate]);
  t.deepEqual(expected(EXEC), [["equals", 0, "invariant"]]);
  t.deepEqual(expected(`${EXEC}expect_exit = 3\n`), [["equals", 3, "invariant"]]);
  t.deepEqual(expected(`${EXEC}expect_exit = "any"\n`), []);
  t.deepEqual(expected(`${EXEC}enabled = false\n`), []);
  t.deepEqual(expected(`${EXEC}\n[[expect]]\nmetric = "x.exit_code"\nat_most = 1\n`), [["at_most", 1, "invariant"]]);
});

test("placeholders are filled in; double braces and curl's words are not placeholders", (t) => {
  const values = { server: "198.18.0.1", port: "30001" };
  t.is(fillIn("{server}:{port}", values), "198.18.0.1:30001");
  t.is(fillIn('%{http_code} {{server}} {"a":1} {}', values), '%{http_code} {server} {"a":1} {}');
});

test("when a program runs, and how long it is told to", (t) => {
  const phases = { idle: 3e9, ramp: 2e9, loaded: 10.5e9, cooldown: 2e9 };
  const times = (start: ExecTraffic["start"], timeout: number | null = null, cooldown = 2e9) =>
    execTimes({ start, timeout }, { ...phases, cooldown });
  t.deepEqual(times({ phase: "ramp", offset: 0 }), { start: 3e9, stop: 17.5e9, seconds: 12 });
  t.deepEqual(times({ phase: "loaded", offset: 1e9 }, 4e9), { start: 6e9, stop: 10e9, seconds: 9 });
  t.deepEqual(times({ phase: null, offset: 0 }, null, 0), { start: 0, stop: 15.5e9, seconds: 14 });
  const life = { start: 5e9, stop: 9e9, version: 0, first: 0 };
  t.deepEqual(execTimes({ start: { phase: "ramp", offset: 0 }, timeout: null, life }, phases), {
    start: 5e9,
    stop: 9e9,
    seconds: 4,
  });
});

test("units that programs print, in the units of metrics", (t) => {
  const table: [text: string, unit: string, factor: number][] = [
    ["ns", "s", 1e-9],
    ["ms", "s", 1e-3],
    ["s", "s", 1],
    ["bit/s", "bit/s", 1],
    ["Mbit/s", "bit/s", 1e6],
    ["kB/s", "bit/s", 8e3],
    ["MiB/s", "bit/s", 8 * 2 ** 20],
    ["%", "ratio", 0.01],
    ["packets", "packets", 1],
  ];
  for (const [text, unit, factor] of table) t.deepEqual(readUnit(text), { unit, factor }, text);
  for (const text of ["", "mbit", "bits", "ms/s", "B", "bit/s/s", "%/s"]) t.is(readUnit(text), undefined, text);
});

test("paths into JSON: names, places from either end, each, quoted names", (t) => {
  const document = { a: { b: [{ c: 1 }, { c: 2 }, {}] }, "d.e": { f: 3 } };
  const at = (text: string) => {
    const parsed = parseJsonPath(text);
    if (!parsed.ok) throw new Error(parsed.message);
    return valuesAt(document, parsed.path);
  };
  t.deepEqual(at("a.b[0].c"), [1]);
  t.deepEqual(at("a.b[-2].c"), [2]);
  t.deepEqual(at("a.b[*].c"), [1, 2]);
  t.deepEqual(at('["d.e"].f'), [3]);
  t.deepEqual(at("a.x.y"), []);
  t.deepEqual(at("toString"), [], "only what the document has itself");
  const many = parseJsonPath("a[*]");
  t.true(many.ok && isMany(many.path));
  for (const text of ["", ".a", "a.", "a[", "a[x]", "a[*"]) t.false(parseJsonPath(text).ok, text);
});
