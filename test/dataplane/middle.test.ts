import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import type { Blueprint, DataplaneBlueprint } from "../../harness/blueprint/types.js";
import { readyWithin } from "../../harness/dataplane/kinds.js";
import { Middle, Unsupported } from "../../harness/dataplane/middle.js";
import { NativeProcess, NativeProcessError } from "../../harness/ffi/native-process.js";
import { linesWith } from "../blueprint/line.js";

const NEVER = new AbortController().signal;
const accounting = (fields: string) =>
  `{"in":9,"out":4,"dropped":{"aqm":2,"overflow":1,"path":0,"rig":0},${fields}"unclassified":0,` +
  '"kernel":{"rx_dropped":0,"rx_invalid":0,"fill_empty":0,"tx_invalid":0}}';
const says = (event: string) => `echo '${event}'`;
const READY = says('{"event":"ready","segments":[{"type":"x","writer":"w","path":"p"}],"info":{"a":1}}');
const STOP = `${says(`{"event":"stopped","accounting":${accounting('"held":0,')}}`)}; exit 0`;

/** What a program says at its start, and how it answers; `orderly` unless told otherwise. */
interface Acts {
  start?: string;
  stats?: string;
  change?: string;
  stop?: string;
}

/** A middle of one dataplane and its stages whose programs act as told; `launched` names what was started. */
function middleOf(t: ExecutionContext, kind: DataplaneBlueprint["kind"], acts: Record<string, Acts>) {
  const folder = mkdtempSync(join(tmpdir(), "mqoe-middle-"));
  const launched: string[] = [];
  const stages = Object.keys(acts).filter((name) => name.startsWith("path-"));
  const blueprint = {
    dataplane: { kind, external: null },
    pathStages: stages.map((name) => ({ side: name.slice(5), process: { kind: "path", external: null } })),
  } as unknown as Blueprint;
  const middle = new Middle(blueprint, (part, name) => {
    launched.push(`${part} ${name}`);
    const { start = READY, stats = "", change = "", stop = STOP } = acts[name] ?? {};
    const file = join(folder, name);
    const answers = `*'"stats"'*) ${stats} ;; *'"change"'*) ${change} ;; *'"stop"'*) ${stop} ;;`;
    writeFileSync(file, `#!/bin/sh\n${start}\nwhile read -r line; do case "$line" in ${answers} esac; done\n`);
    chmodSync(file, 0o755);
    return new NativeProcess(part, "x.json", () => {}, file, name);
  });
  t.teardown(async () => {
    await middle.end();
    rmSync(folder, { recursive: true });
  });
  return { middle, launched };
}

const LACKS = `${says('{"event":"error","fatal":true,"syscall":"RTM_NEWQDISC","object":"cake","code":"EOPNOTSUPP","message":"no sch_cake"}')}; exit 3`;

test("the dataplane's program by its kind, then the stages; what they say is kept by name", async (t) => {
  const { middle, launched } = middleOf(t, "kernel", { dataplane: {}, "path-core": {}, "path-access": {} });
  const ready = await middle.start(NEVER);
  t.deepEqual(launched, ["kernel dataplane", "path path-core", "path path-access"]);
  t.is(ready.segments.length, 3);
  t.deepEqual(Object.keys(ready.info), ["dataplane", "path-core", "path-access"]);
  t.deepEqual(ready.info["path-core"], { a: 1 });
  for (const [kind, part] of [
    ["afxdp", "dataplane"],
    ["none", "kernel"],
    ["external", "external"],
  ] as const) {
    const other = middleOf(t, kind, { dataplane: {} });
    await other.middle.start(NEVER);
    t.deepEqual(other.launched, [`${part} dataplane`]);
  }
});

test("what a kernel lacks is told apart from what went wrong; only where kernels are compared", async (t) => {
  const kernel = middleOf(t, "kernel", { dataplane: { start: LACKS }, "path-core": {} });
  const error = await t.throwsAsync(kernel.middle.start(NEVER), { instanceOf: Unsupported });
  t.is(error?.message, "dataplane: RTM_NEWQDISC cake: no sch_cake (EOPNOTSUPP)");
  t.deepEqual(kernel.launched, ["kernel dataplane"], "nothing more is started");
  const ours = middleOf(t, "afxdp", { dataplane: { start: LACKS } });
  await t.throwsAsync(ours.middle.start(NEVER), { instanceOf: NativeProcessError });
  const stage = middleOf(t, "kernel", { dataplane: {}, "path-core": { start: LACKS } });
  await t.throwsAsync(stage.middle.start(NEVER), { instanceOf: NativeProcessError, message: /^path-core: / });
});

test("a death is told with whose it was, and no other's", async (t) => {
  const dies = { start: `${READY}; exit 7` };
  const dataplane = middleOf(t, "none", { dataplane: dies, "path-core": {} });
  await dataplane.middle.start(NEVER);
  t.like(await dataplane.middle.died(), { reason: "dataplane-died" });
  const stage = middleOf(t, "none", { dataplane: {}, "path-core": dies });
  await stage.middle.start(NEVER);
  const death = await stage.middle.died();
  t.is(death.reason, "path-died");
  t.regex(death.error, /^path-core: ended unexpectedly \(exit code 7\)/);
});

test("drained: when nobody holds a frame and nobody sees a new one", async (t) => {
  const answer = (held: string) => `printf '{"event":"stats","accounting":${accounting('"held":%d,')}}\\n' ${held}`;
  // The stage holds something for its first two answers.
  const busy = { start: `n=0\n${READY}`, stats: `n=$((n + 1)); ${answer("$((n > 2 ? 0 : 5))")}` };
  const { middle } = middleOf(t, "none", { dataplane: { stats: answer("0") }, "path-core": busy });
  await middle.start(NEVER);
  const started = performance.now();
  await middle.drain();
  t.true(performance.now() - started >= 100, "waited for the stage");
});

test("stopped: everybody's last count, or none and whose is missing", async (t) => {
  const good = middleOf(t, "none", { dataplane: {}, "path-core": {} });
  await good.middle.start(NEVER);
  const { accounting: counted, death } = await good.middle.stop();
  t.is(death, null);
  t.is(counted?.dataplane.dropped.aqm, 2);
  t.deepEqual(Object.keys(counted?.stages ?? {}), ["path-core"]);
  const mute = middleOf(t, "none", { dataplane: {}, "path-core": { stop: "exit 5" } });
  await mute.middle.start(NEVER);
  const told = await mute.middle.stop();
  t.is(told.accounting, null);
  t.is(told.death?.reason, "path-died");
  t.regex(told.death?.error ?? "", /^path-core: .*exit code 5/);
});

test("an abort ends the wait for a program that is never ready", async (t) => {
  const stop = new AbortController();
  const { middle } = middleOf(t, "external", { dataplane: { start: "" } });
  const starting = middle.start(stop.signal);
  stop.abort(new Error("enough"));
  await t.throwsAsync(starting, { message: "enough" });
});

test("an external command is given the time that it was promised, on top of everybody's", (t) => {
  const within = (external: unknown) => readyWithin({ external } as DataplaneBlueprint);
  t.is(within(null), 15_000);
  t.is(within({ ready: 3e9 }), 18_000);
  t.is(within({ ready: "line" }), 75_000);
});

/** Answers a command with its own id, as far as the shell can read it. */
const CHANGED = `id=\${line#*'"id":'}; id=\${id%%,*}; echo "{\\"event\\":\\"changed\\",\\"id\\":$id}"`;
const SITE = {
  site: 0,
  direction: "down" as const,
  node: { rate: 0, ceil: 1, quantum: 0, priority: 0, burst: 0 },
};
const PATH = { path: 0, ...linesWith(1, 1) };

test("a change goes to whom it concerns; it is over when all have applied it, and fails with what one says", async (t) => {
  const refusal =
    '{"event":"error","id":7000,"fatal":false,"syscall":"change","object":"$.set[0]","code":"EINVAL","message":"no"}';
  const { middle } = middleOf(t, "kernel", {
    dataplane: { change: says(refusal) },
    "path-core": { change: CHANGED },
    "path-access": {
      change: says('{"event":"error","fatal":true,"syscall":"x","object":"y","message":"nobody asked"}'),
    },
  });
  await middle.start(NEVER);
  await middle.change(3, { set: [], stages: [{ side: "core", set: [PATH] }] });
  // In parts, so that a line never grows beyond what a process reads.
  const many = Array.from({ length: 10_001 }, () => SITE);
  await middle.change(4, { set: [], stages: [{ side: "core", set: many }] });
  const refused = middle.change(7, { set: [PATH], stages: [{ side: "core", set: [PATH] }] });
  await t.throwsAsync(refused, { instanceOf: NativeProcessError, message: "dataplane: change $.set[0]: no (EINVAL)" });
});
