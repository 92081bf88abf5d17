import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import test, { type ExecutionContext } from "ava";
import { type ConductHooks, type ConductOptions, conduct } from "../../harness/run/conductor.js";
import { loadCases } from "../../harness/scenario/index.js";
import type { World } from "../../harness/world/world.js";

/** Records nothing but one sample file, whose text `sampleOf` gives. */
function fakeWorld(sampleOf: (folder: string) => string = () => "same"): World & { atOnce: number } {
  let running = 0;
  const world = {
    name: "hermetic" as const,
    cores: 1,
    concurrent: true,
    atOnce: 0,
    labName: () => "fake",
    async record({ folder }: { folder: string }) {
      world.atOnce = Math.max(world.atOnce, ++running);
      mkdirSync(join(folder, "samples"));
      writeFileSync(join(folder, "samples", "a.probe.seg"), sampleOf(folder));
      await sleep(20);
      running--;
      return { reason: "complete" as const, error: "", setUpMs: 0, tearDownMs: 0 };
    },
  };
  return world;
}

function setUp(t: ExecutionContext) {
  const out = mkdtempSync(join(tmpdir(), "mqoe-conduct-"));
  t.teardown(() => rmSync(out, { recursive: true }));
  const notes: string[] = [];
  const nothing = () => undefined;
  const hooks: ConductHooks = {
    building: nothing,
    phase: nothing,
    rates: nothing,
    note: (text) => notes.push(text),
    runStarted: nothing,
    runEnded: nothing,
    verified: nothing,
    caseEnded: nothing,
  };
  const scenarioText = () => "";
  const options: ConductOptions = {
    world: fakeWorld(),
    jobs: 1,
    verifyDeterminism: false,
    out,
    command: "test",
    lab: "x",
    scenarioText,
    retries: 0,
    unfit: () => null,
    calm: () => Promise.resolve(),
  };
  const read = (file: string) => JSON.parse(readFileSync(join(out, file), "utf8"));
  return { notes, hooks, options, read };
}

const TOML = `duration = "12s"
[plan.line]
down = "20mbit"
up = "20mbit"
sqm = { discipline = "fq_codel" }
[path.near]
rtt = "2ms"
[server.web]
path = "near"
[client.home]
plan = "line"
[traffic.ping]
kind = "probe"
from = "home"
to = "web"
`;

test("a case whose folder cannot be made ends the whole, with its name; the manifest keeps what was planned", async (t) => {
  const { hooks, notes, options, read } = setUp(t);
  const { cases } = loadCases(["two.toml"], {}, () => `${TOML}[matrix]\n"plan.line.down" = ["10mbit", "20mbit"]\n`);
  const full = () => {
    throw new Error("ENOSPC: no space left on device");
  };
  const unable = await conduct(cases, { ...options, scenarioText: full }, hooks, new AbortController().signal);
  t.regex(unable ?? "", /ENOSPC/);
  t.true(unable?.startsWith(cases[0]?.id ?? "?"));
  t.deepEqual(notes, [unable]);
  t.deepEqual(read("run.json").cases, []);
  t.is(read("run.json").planned.length, 2);
});

const FOUR = `${TOML}[matrix]\n"plan.line.down" = ["10mbit", "20mbit", "30mbit", "40mbit"]\n`;

test("a concurrent world records as many cases at once as there are jobs, and begins them in order", async (t) => {
  const { hooks, options, read } = setUp(t);
  const { cases } = loadCases(["four.toml"], {}, () => FOUR);
  const world = fakeWorld();
  t.is(await conduct(cases, { ...options, world, jobs: 3 }, hooks, new AbortController().signal), null);
  t.is(world.atOnce, 3);
  t.is(read("run.json").world, "hermetic");
  t.deepEqual(
    read("run.json").cases,
    cases.map(({ id }) => id.replaceAll(/[[\]]/gu, "_")),
  );
});

test("a world that is not concurrent records one case at a time, whatever jobs says", async (t) => {
  const { hooks, options } = setUp(t);
  const { cases } = loadCases(["four.toml"], {}, () => FOUR);
  const world = fakeWorld();
  const alone = { ...options, world: Object.assign(world, { concurrent: false }), jobs: 3 };
  await conduct(cases, alone, hooks, new AbortController().signal);
  t.is(world.atOnce, 1);
});

test("a verified run that comes out the same loses its twin; one that does not keeps it and says where they differ", async (t) => {
  const { hooks, options, read } = setUp(t);
  const { cases } = loadCases(["one.toml"], {}, () => `repeat = 2\n${TOML}`);
  const world = fakeWorld((folder) => (folder.endsWith("run-2.twin") ? "samE" : "same"));
  const told: string[] = [];
  const verified: ConductHooks["verified"] = (_, repeat, { identical }) => told.push(`${repeat} ${identical}`);
  const all = { ...options, world, verifyDeterminism: true };
  t.is(await conduct(cases, all, { ...hooks, verified }, new AbortController().signal), null);
  t.deepEqual(told, ["1 true", "2 false"]);
  t.true(read("one/run-1/run.json").determinism.identical);
  t.false(existsSync(join(options.out, "one/run-1.twin")));
  t.regex(read("one/run-2/run.json").determinism.differences[0], /a\.probe\.seg differs from byte 3 on/);
  t.true(existsSync(join(options.out, "one/run-2.twin")));
});

test("a second recording that is broken off is the difference, with its error; one without a first is not made", async (t) => {
  const { hooks, options, read, notes } = setUp(t);
  const { cases } = loadCases(["one.toml"], {}, () => `repeat = 2\n${TOML}`);
  const world = fakeWorld();
  const record: World["record"] = async (request, ...rest) => {
    const recorded = await world.record(request, ...rest);
    if (request.folder.endsWith("run-1.twin"))
      return { ...recorded, reason: "traffic-died", error: "traffic died of SIGSEGV" };
    return request.folder.endsWith("run-2") ? { ...recorded, reason: "unsupported", error: "no cake" } : recorded;
  };
  const all = { ...options, world: { ...world, record }, verifyDeterminism: true };
  t.is(await conduct(cases, all, hooks, new AbortController().signal), null);
  t.true(read("run.json").verifyDeterminism);
  const broken = 'the second recording ended with "traffic-died": traffic died of SIGSEGV';
  t.deepEqual(read("one/run-1/run.json").determinism, { identical: false, files: 0, differences: [broken] });
  t.is(read("one/run-2/run.json").determinism, undefined);
  t.false(existsSync(join(options.out, "one/run-2.twin")));
  t.deepEqual(notes, ["one: run 1 once more, to compare (--verify-determinism)"]);
});

test("a comparison that cannot be stored is a note, and the runs go on", async (t) => {
  const { hooks, options, notes } = setUp(t);
  const { cases } = loadCases(["one.toml"], {}, () => `repeat = 2\n${TOML}`);
  const world = fakeWorld((folder) => {
    if (folder.endsWith("run-1.twin")) rmSync(join(options.out, "one/run-1/run.json"));
    return "same";
  });
  const all = { ...options, world, verifyDeterminism: true };
  t.is(await conduct(cases, all, hooks, new AbortController().signal), null);
  t.true(notes.some((note) => /one\/run-1\/run\.json could not be written: ENOENT/u.test(note)));
  t.true(existsSync(join(options.out, "one/run-2/run.json")));
});

test("a stop during the second recording leaves a run without comparison, and no further runs", async (t) => {
  const { hooks, options, read } = setUp(t);
  const { cases } = loadCases(["one.toml"], {}, () => `repeat = 3\n${TOML}`);
  const stop = new AbortController();
  const world = fakeWorld((folder) => {
    if (folder.endsWith(".twin")) stop.abort("SIGINT");
    return "same";
  });
  await conduct(cases, { ...options, world, verifyDeterminism: true }, hooks, stop.signal);
  t.is(read("one/run-1/run.json").determinism, undefined);
  t.false(existsSync(join(options.out, "one/run-2")));
});

test("a stop with several jobs ends every case that runs, and begins no other", async (t) => {
  const { hooks, options, read } = setUp(t);
  const { cases } = loadCases(["four.toml"], {}, () => FOUR);
  const stop = new AbortController();
  const world = fakeWorld(() => {
    if (world.atOnce === 2) stop.abort("SIGINT");
    return "same";
  });
  await conduct(cases, { ...options, world, jobs: 2 }, hooks, stop.signal);
  t.is(read("run.json").cases.length, 2);
  t.is(read("run.json").planned.length, 4);
});

test("a spoiled run is made again after a quiet moment; a stop while waiting for it keeps the run as it is", async (t) => {
  for (const stopped of [false, true]) {
    const { hooks, options } = setUp(t);
    const { cases } = loadCases(["one.toml"], {}, () => TOML);
    const [stop, world, told] = [new AbortController(), fakeWorld(), [] as string[]];
    const calm = (signal: AbortSignal) => {
      told.push(signal === stop.signal ? "calm" : "another signal");
      if (stopped) stop.abort("SIGINT");
      return Promise.resolve();
    };
    const spoiled = { ...options, world, retries: 1, unfit: () => "too busy", calm };
    t.is(await conduct(cases, spoiled, hooks, stop.signal), null);
    t.deepEqual(told, ["calm"]);
    t.true(existsSync(join(options.out, "one/run-1")));
    t.is(existsSync(join(options.out, "one/run-1.unfit-1")), !stopped);
  }
});
