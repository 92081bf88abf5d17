import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { ExecutionContext } from "ava";
import { makeBlueprint } from "../../harness/blueprint/index.js";
import type { Blueprint } from "../../harness/blueprint/types.js";
import { type NativeEvent, NativeProcess } from "../../harness/ffi/native-process.js";
import { clockMonotonic, Spool } from "../../harness/ffi/spool.js";
import { processStart } from "../../harness/lab/journal.js";
import { Lab } from "../../harness/lab/lab.js";
import { LiveSegment } from "../../harness/recording/index.js";
import { judgeFolder } from "../../harness/report/folder.js";
import { conduct } from "../../harness/run/conductor.js";
import { randomLabName } from "../../harness/run/lab-name.js";
import { loadCases } from "../../harness/scenario/index.js";
import { liveWorld } from "../../harness/world/live.js";
import { recordRun } from "../../harness/world/record.js";
import { BULK, home, journals, labTest, namespaces } from "./helpers/mqoe.js";

const MBIT = 1e6;
const DOWN = 0;

function blueprintOf(lab: string, toml: string): Blueprint {
  const { cases, problems } = loadCases(["record.toml"], {}, () => toml);
  const [only] = cases;
  if (!only) throw new Error(problems[0]?.message);
  return makeBlueprint(only, { lab, seed: 1, cores: 2 });
}

function folderOf(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), "mqoe-record-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** A lab with both native processes going; `rate` tells what the first client's shaper let through, downwards. */
async function startLab(t: ExecutionContext, blueprint: Blueprint) {
  const folder = folderOf(t);
  const lab = await Lab.build(blueprint.lab);
  const launch = async (part: "dataplane" | "traffic") => {
    writeFileSync(join(folder, `${part}.json`), JSON.stringify(blueprint[part]));
    const child = new NativeProcess(part, join(folder, `${part}.json`));
    lab.adopt(child.pid, processStart(child.pid) ?? "", part);
    t.teardown(() => child.stop());
    return { child, ready: await child.wait("ready", 15_000) };
  };
  t.teardown(() => lab.teardown());
  const [dataplane, traffic] = [await launch("dataplane"), await launch("traffic")];
  const spool = Spool.start(folder, 1000);
  t.teardown(() => spool.stop());
  const rate = shapedRate(spool, dataplane.ready);
  const t0 = clockMonotonic() + 100e6;
  for (const { child } of [dataplane, traffic]) child.send({ op: "go", t0 });
  return { dataplane: dataplane.child, rate };
}

/** A function that waits so many milliseconds and returns the rate in them, bit/s as the plan accounts. */
function shapedRate(spool: Spool, ready: NativeEvent): (ms: number) => Promise<number> {
  const segment = ready.segments?.find(({ type }) => type === "dp_client");
  const bytes = spool.view(spool.add(segment?.path ?? ""));
  if (!bytes) throw new Error("the dataplane has no dp_client segment");
  const live = new LiveSegment(bytes);
  const last = { time: 0, bytes: 0 };
  const read = () => {
    live.each((record) => {
      if (record.get("client") !== 0 || record.get("direction") !== DOWN) return;
      last.time = record.get("time");
      last.bytes = record.get("out_shaped_bytes");
    });
    return { ...last };
  };
  return async (ms) => {
    const from = read();
    await sleep(ms);
    const to = read();
    return ((to.bytes - from.bytes) * 8) / ((to.time - from.time) / 1e9);
  };
}

labTest(
  "a live change: seen in the records within a second; a bad one is refused and nothing of it applied",
  async (t) => {
    t.timeout(60_000);
    const blueprint = blueprintOf("mqchange", home({ duration: "20s" }) + BULK);
    const { dataplane, rate } = await startLab(t, blueprint);
    const shaper = blueprint.dataplane.clients[0]?.down;
    const change = (id: number, ...set: object[]) => dataplane.ask({ op: "change", id, set }, "changed");
    const to = (mbit: number) => ({ client: 0, direction: "down", shaper: { ...shaper, rate: mbit * MBIT } });
    const isAbout = (bits: number, mbit: number) => t.true(Math.abs(bits / (mbit * MBIT) - 1) < 0.1, `${bits} bit/s`);

    await sleep(3000);
    isAbout(await rate(1000), 20);
    t.is((await change(1, to(5))).id, 1);
    await sleep(300);
    isAbout(await rate(700), 5);

    const bad = { client: 99, direction: "down", shaper: { ...shaper, rate: MBIT } };
    await t.throwsAsync(change(2, to(1), bad), { message: /^dataplane: change .*client/ });
    isAbout(await rate(1000), 5);
    t.is((await change(3, to(10))).id, 3, "the channel still works");
  },
);

labTest("an abort while processes start ends the wait at once, as what it is", async (t) => {
  t.timeout(60_000);
  const stop = new AbortController();
  const reason = new Error("enough");
  const hooks = { building: () => stop.abort(reason), phase() {}, rates() {}, note: (text: string) => t.fail(text) };
  const request = { blueprint: blueprintOf("mqabort", home()), folder: folderOf(t), command: "test" };
  const error = await t.throwsAsync(recordRun(request, hooks, stop.signal));
  t.is(error, reason);
  t.deepEqual(namespaces("mqabort"), []);
  t.false(journals().includes("mqabort"));
});

labTest("a run that the machine spoiled is made again, kept beside, and named in run.json", async (t) => {
  t.timeout(60_000);
  const out = folderOf(t);
  const { cases } = loadCases(["again.toml"], {}, () => home({ duration: "3s" }));
  const nothing = () => undefined;
  const watchers = { building: nothing, phase: nothing, rates: nothing, note: nothing };
  const hooks = { ...watchers, runStarted: nothing, runEnded: nothing, verified: nothing, caseEnded: nothing };
  const unfit = (run: string) => (existsSync(`${run}.unfit-1`) ? null : "a neighbour was loud");
  const world = { world: liveWorld(randomLabName), jobs: 1, verifyDeterminism: false };
  const options = {
    ...world,
    out,
    command: "test",
    lab: null,
    scenarioText: () => "",
    retries: 1,
    unfit,
    calm: () => Promise.resolve(),
  };
  t.is(await conduct(cases, options, hooks, new AbortController().signal), null);
  const told = JSON.parse(readFileSync(join(out, "again/run-1/run.json"), "utf8"));
  t.deepEqual(told.retried, [{ folder: "run-1.unfit-1", reason: "a neighbour was loud" }]);
  t.true(existsSync(join(out, "again/run-1.unfit-1/events.jsonl")));
  const health = judgeFolder(out).cases[0]?.result.runs[0]?.health;
  const check = health?.checks.find(({ name }) => name === "retried");
  t.is(check?.verdict, "warn");
  t.regex(check?.reason ?? "", /run-1.unfit-1 was made again: a neighbour was loud/);
});
