import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { makeBlueprint } from "../../harness/blueprint/index.js";
import { numbersInJson, numbersInText } from "../../harness/metrics/exec.js";
import { deriveMetrics } from "../../harness/metrics/index.js";
import { readRun } from "../../harness/recording/index.js";
import { GOOD, load } from "../scenario/helpers.js";
import { scratchFolder } from "../scratch.js";

const SCENARIO = `${GOOD}
[traffic.x]
kind = "exec"
from = "home"
to = "web"
command = ["tool"]
[traffic.x.metrics]
rate = { json = "end.rate", unit = "Mbit/s" }
worst = { json = "end.rate", unit = "Mbit/s", total = "min" }
rtt = { json = "rtt[*]", unit = "ms", each = true }
told = { regex = "took ([0-9.]+) ms", unit = "ms", from = "stderr" }
`;

interface Left {
  client: string;
  out?: string;
  err?: string;
  event?: object;
}

/** The folder of a run whose two clients left that. */
function runOf(left: readonly Left[]) {
  const out = scratchFolder("mqoe-exec-");
  const run = join(out, "run-1");
  mkdirSync(join(run, "programs"), { recursive: true });
  const [which] = load(SCENARIO, { allowExec: true }).cases;
  if (which === undefined) throw new Error("the scenario is refused");
  writeFileSync(join(out, "case.json"), JSON.stringify(which));
  writeFileSync(join(run, "blueprint.json"), JSON.stringify(makeBlueprint(which, { lab: "x", seed: 1, cores: 1 })));
  const events = left.map(({ client, out: stdout = "", err = "", event = {} }) => {
    const name = `x.${client}`;
    writeFileSync(join(run, "programs", `${name}.out`), stdout);
    writeFileSync(join(run, "programs", `${name}.err`), err);
    const kept = (text: string) => ({ bytes: Buffer.byteLength(text), kept: Buffer.byteLength(text), error: null });
    const ended = { exit: 0, signal: 0, over: false, wall: 2, stdout: kept(stdout), stderr: kept(err), ...event };
    return JSON.stringify({ event: "program", time: 1, name, ...ended });
  });
  writeFileSync(join(run, "events.jsonl"), `${events.join("\n")}\n`);
  return deriveMetrics(readRun(run));
}

const json = (rate: number, rtt: number[]) => JSON.stringify({ end: { rate }, rtt });

test("what programs print is in their metrics: of each client, and of all", (t) => {
  const { total, by } = runOf([
    { client: "home-1", out: json(5, [10, 20]), err: "took 3 ms\ntook 4.5 ms\n" },
    { client: "home-2", out: json(7, [30]), err: "took 5.5 ms", event: { wall: 3 } },
  ]);
  t.like(by["client/home-1"]?.["x.rate"], { value: 5e6, unit: "bit/s", count: 1 });
  t.is(by["client/home-1"]?.["x.told"]?.value, 0.0045, "the last match");
  t.is(by["client/home-1"]?.["x.rtt.p50"]?.value, 0.01);
  t.is(total["x.rate"]?.value, 12e6, "rates add up");
  t.is(total["x.worst"]?.value, 5e6);
  t.like(total["x.rtt.max"], { value: 0.03, unit: "s", count: 3 });
  t.is(total["x.told"]?.value, 0.005, "all else is a mean");
  t.is(total["x.wall"]?.value, 3);
  t.is(total["x.exit_code"]?.value, 0);
});

test("no data where a program was not run, said something else, or where not all was kept", (t) => {
  const { total, by } = runOf([{ client: "home-1", out: "oops", event: { exit: 4 } }]);
  t.is(by["client/home-1"]?.["x.exit_code"]?.value, 4);
  t.is(by["client/home-1"]?.["x.rate"]?.value, null);
  t.is(by["client/home-1"]?.["x.rtt.p50"]?.value, null);
  t.is(total["x.exit_code"]?.value, null, "nobody knows of the other client");
  t.is(total["x.rate"]?.value, null);
  const cut = { stdout: { bytes: 99, kept: 10, error: null } };
  t.is(runOf([{ client: "home-1", out: json(5, []), event: cut }]).by["client/home-1"]?.["x.rate"]?.value, null);
});

test("a program that was ended in its time's stead has timeout's exit code", (t) => {
  const { by } = runOf([{ client: "home-1", event: { exit: 0, over: true } }]);
  t.is(by["client/home-1"]?.["x.exit_code"]?.value, 124);
});

test("JSON as one document or one a line; text by the first group or as a whole", (t) => {
  t.deepEqual(numbersInJson('{"a":1}\n{"a":"2.5"}\nnoise\n{"a":null}', "a"), [1, 2.5]);
  t.deepEqual(numbersInJson('{\n"a": [1,\n2]}', "a[*]"), [1, 2]);
  t.deepEqual(numbersInText("x=1\ny=2\nx=3", "^x=(\\d+)$"), [1, 3]);
  t.deepEqual(numbersInText("1 a 2", "\\d"), [1, 2]);
  t.deepEqual(numbersInText("x=none", "x=(\\w+)"), []);
});
