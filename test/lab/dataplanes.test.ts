import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import {
  BULK,
  type Finished,
  fitRun,
  home,
  labTest,
  metric,
  mqoe,
  namespaces,
  scenario,
  startMqoe,
} from "./helpers/mqoe.js";

/** A path on both sides of the dataplane, which so needs both stages; probes of both families. */
const APART = `${home({ sqm: 'discipline = "none"', down: "100mbit", up: "100mbit", duration: "5s" })}
[path.wifi]
rtt = "6ms"
[traffic.six]
kind = "probe"
from = "home"
to = "web"
family = "ipv6"
interval = "10ms"
`.replace('plan = "line"', 'plan = "line"\npath = "wifi"');

function fileOf(finished: Finished, file: string) {
  return join(finished.out, file);
}

/** Drops by cause and what is missing, of a case's frames from endpoint to endpoint. */
function accounting(t: ExecutionContext, { results }: Finished, index = 0) {
  const found = results?.cases[index]?.accounting;
  t.truthy(found);
  return { ...found?.dropped, held: found?.held, unaccounted: found?.unaccounted };
}

/** Pid of a native process of that lab, by its journal: other labs may stand beside it. */
function processOf(lab: string, name: string): number {
  const lines = readFileSync(`/run/mqoe/${lab}/journal.jsonl`, "utf8").split("\n").filter(Boolean);
  const entries = lines.map((line) => JSON.parse(line) as { create: string; name: string; pid: number });
  return entries.find((entry) => entry.create === "process" && entry.name === name)?.pid ?? -1;
}

const NOTHING_LOST = { aqm: 0, overflow: 0, path: 0, rig: 0, held: 0, unaccounted: 0 };

labTest("distance fused into our dataplane and apart from another agree, in both families", async (t) => {
  t.timeout(180_000);
  const matrix = '[matrix.middle]\nfused = {}\napart = { dataplane.kind = "none" }\n';
  // Medians and counts hold on a busy machine, too: whether it was fit to judge a product is not asked here.
  const finished = await mqoe(["run", scenario(t, "apart", APART + matrix), "--lab", "mqapart"]);
  for (const traffic of ["ping", "six"]) {
    const [fused, apart] = [0, 1].map((index) => metric(t, finished, index, `${traffic}.rtt.p50`));
    t.log(`${traffic}: fused ${((fused ?? 0) * 1e3).toFixed(3)} ms, apart ${((apart ?? 0) * 1e3).toFixed(3)} ms`);
    t.true((fused ?? 0) >= 0.026 && (apart ?? 0) >= 0.026, "no shorter than the paths");
    t.true(Math.abs((fused ?? 0) - (apart ?? 0)) <= 0.0003);
  }
  t.deepEqual(accounting(t, finished, 1), NOTHING_LOST);
  const run = "apart_middle=apart_/run-1";
  for (const part of ["dataplane", "path-core", "path-access"]) {
    const { kind } = JSON.parse(readFileSync(fileOf(finished, `${run}/${part}.json`), "utf8"));
    t.is(kind, part === "dataplane" ? "none" : "path");
  }
  const environment = JSON.parse(readFileSync(fileOf(finished, `${run}/environment.json`), "utf8"));
  t.deepEqual(Object.keys(environment.native), ["dataplane", "path-core", "path-access", "traffic"]);
  t.deepEqual(namespaces("mqapart"), []);
});

labTest("Linux's own queue in the middle: shaped, and every frame accounted for", async (t) => {
  t.timeout(120_000);
  const expect = '[[expect]]\nmetric = "bulk.goodput"\nat_least = "90% of share"\n';
  const text = `${home({ sqm: 'discipline = "pfifo", limit = 50', duration: "7s" })}${BULK}${expect}`;
  const finished = await fitRun([scenario(t, "linux", text), "--dataplane", "kernel", "--lab", "mqlinux"]);
  t.is(finished.results?.cases[0]?.expectations[0]?.verdict, "pass", `${finished.stdout}\n${finished.stderr}`);
  const goodput = metric(t, finished, 0, "bulk.goodput");
  t.true(goodput < 20e6, `${goodput} bit/s is more than the plan`);
  const { overflow, unaccounted, rig } = accounting(t, finished);
  t.true((overflow ?? 0) > 0, "a short FIFO under load drops");
  t.deepEqual([unaccounted, rig], [0, 0]);
  const [result] = finished.results?.cases ?? [];
  t.is(result?.dataplane, "kernel");
  t.true(metric(t, finished, 0, "dataplane.drops") > 0);
  const names = Object.keys(result?.metrics ?? {});
  t.deepEqual(
    names.filter((name) => name.includes("sojourn")),
    [],
    "nobody measured how long packets waited",
  );
});

labTest("a qdisc that this kernel lacks: skipped with its name, exit 4, nothing left", async (t) => {
  t.timeout(60_000);
  const text = home({ sqm: 'discipline = "tc", args = "mqoe_nonesuch"' }) + BULK;
  const expect = '[[expect]]\nmetric = "ping.loss"\nbelow = "1%"\n';
  const file = scenario(t, "lacking", text + expect);
  const finished = await mqoe(["run", file, "--dataplane", "kernel", "--repeat", "2", "--lab", "mqlack"]);
  t.is(finished.code, 4, `${finished.stdout}\n${finished.stderr}`);
  const [result] = finished.results?.cases ?? [];
  t.is(result?.verdict, "skipped");
  t.regex(result?.reason ?? "", /mqoe_nonesuch/);
  t.is(result?.expectations[0]?.verdict, "skipped");
  t.deepEqual(
    result?.runs.map(({ verdict }) => verdict),
    ["skipped", "skipped"],
  );
  t.regex(readFileSync(fileOf(finished, "lacking/run-1/events.jsonl"), "utf8"), /"reason":"unsupported"/);
  t.deepEqual(namespaces("mqlack"), []);
});

labTest("a path stage killed mid-run: invalid with the reason, lab removed", async (t) => {
  t.timeout(60_000);
  const run = startMqoe(["run", scenario(t, "stage", home()), "--dataplane", "none", "--lab", "mqstage"]);
  const events = join(run.out, "stage/run-1/events.jsonl");
  const isLoaded = () => existsSync(events) && readFileSync(events, "utf8").includes('"loaded"');
  while (!isLoaded()) await new Promise((resolve) => setTimeout(resolve, 20));
  process.kill(processOf("mqstage", "path-core"), "SIGKILL");
  const finished = await run.finished;
  t.is(finished.code, 3, finished.stdout);
  t.is(finished.results?.cases[0]?.verdict, "invalid");
  t.regex(finished.stdout, /path-core: ended unexpectedly \(killed by SIGKILL\)/);
  t.regex(readFileSync(events, "utf8"), /"reason":"path-died"/);
  t.deepEqual(namespaces("mqstage"), []);
});

labTest("shell: the path is there, whatever the dataplane", async (t) => {
  t.timeout(60_000);
  const file = scenario(t, "walk", APART);
  // Nobody listens there: the refusal comes back after one round trip.
  const program = `const from = performance.now();
require("node:net").connect(9, "198.18.0.1").on("error", ({ code }) => console.log(code, performance.now() - from));`;
  const words = ["--dataplane", "none", "--lab", "mqwalk", "--", process.execPath, "-e", program];
  const finished = await mqoe(["shell", file, "home", ...words]);
  const [code, ms] = finished.stdout.split(" ");
  t.is(code, "ECONNREFUSED", finished.stdout + finished.stderr);
  t.true(Number(ms) >= 26, `${ms} ms`);
  t.deepEqual(namespaces("mqwalk"), []);
});

labTest("a scenario's own program is not run unless it is allowed: run and shell say why and how", async (t) => {
  const command = '[dataplane]\nkind = "external"\ncommand = ["./mine"]\n';
  const file = scenario(t, "unasked", home() + command);
  for (const args of [
    ["run", file],
    ["shell", file, "home", "--", "true"],
  ]) {
    const { code, stderr } = await mqoe(args);
    t.is(code, 2, stderr);
    t.regex(stderr, /dataplane\.command: runs the program ".*\/mine" on this machine.*add --allow-exec/s);
  }
  const checked = await mqoe(["check", file]);
  t.is(checked.code, 0);
  t.regex(checked.stderr, /warning: dataplane\.command/);
});
