import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeBlueprint } from "../blueprint/index.js";
import { packageVersion } from "../ffi/package.js";
import type { Case } from "../scenario/types.js";
import { invoker, userOf } from "../traffic/user.js";
import type { Recorded, RecordHooks } from "../world/record.js";
import type { World, WorldName } from "../world/world.js";
import { compareSamples, type Determinism } from "./determinism.js";

export interface ConductOptions {
  /** The folder that the runs land in; it exists. */
  out: string;
  /** The command line, for the environment. */
  command: string;
  world: World;
  /** Cases recorded at once; more than one only in a world that is `concurrent`. */
  jobs: number;
  /** Record every run twice and compare. */
  verifyDeterminism: boolean;
  /** A fixed lab name; null = the world's. */
  lab: string | null;
  /** A case as a scenario file of its own. */
  scenarioText: (id: string) => string;
  /** How often a run on an unfit rig may be made again. */
  retries: number;
  /** Why the machine, and only it, spoiled a stored run; null when it did not. */
  unfit: (folder: string) => string | null;
  /** Waits for a better moment before it is made again. */
  calm: (signal: AbortSignal) => Promise<void>;
}

/** What a person may watch while cases run. */
export interface ConductHooks extends RecordHooks {
  runStarted(which: Case, repeat: number, position: { n: number; of: number }): void;
  runEnded(which: Case, repeat: number, recorded: Recorded): void;
  /** A run was recorded twice (`--verify-determinism`). */
  verified(which: Case, repeat: number, determinism: Determinism): void;
  /** All runs of a case are recorded; `folder` holds case.json and the run folders. */
  caseEnded(folder: string): void;
}

/** `run.json` of the whole: what was asked for, and the folders of the cases that began, in order. */
export interface RunManifest {
  schema: "mqoe-run/1";
  /** ISO 8601, when it began. */
  date: string;
  command: string;
  version: string;
  /** Absent in folders of older versions: live. */
  world?: WorldName;
  /** A complete run without a comparison (`determinism` in its run.json) is no evidence then. */
  verifyDeterminism?: boolean;
  /** All that were asked for, begun or not. */
  planned: Case[];
  cases: string[];
}

/** A run that the machine spoiled, kept beside the one that was made instead. */
export interface Retried {
  folder: string;
  reason: string;
}

/**
 * Records every case run by run, and as many cases at once as `jobs` and the world allow, begun in their order. What
 * goes wrong in a run becomes part of its folder and so of its verdict. Ends early on a signal, after the lab of the moment is gone, and when the folder of a case or of a run
 * cannot be made: then returns why, so that what was measured is judged but no pass. Throws only before the first case.
 */
export async function conduct(
  cases: Case[],
  options: ConductOptions,
  hooks: ConductHooks,
  signal: AbortSignal,
): Promise<string | null> {
  const manifest: RunManifest = {
    schema: "mqoe-run/1",
    date: new Date().toISOString(),
    command: options.command,
    version: packageVersion(),
    world: options.world.name,
    ...(options.verifyDeterminism ? { verifyDeterminism: true } : {}),
    planned: cases,
    cases: [],
  };
  writeJson(join(options.out, "run.json"), manifest);
  const queue = cases.entries();
  let trouble: string | null = null;
  const work = async (): Promise<void> => {
    for (const [index, which] of queue) {
      if (signal.aborted || trouble !== null) return;
      try {
        const folder = beginCase(which, options, manifest);
        await conductCase(which, folder, { n: index + 1, of: cases.length }, options, hooks, signal);
        hooks.caseEnded(folder);
      } catch (error) {
        trouble = `${which.id} and what comes after it could not be recorded: ${(error as Error).message}`;
        hooks.note(trouble);
      }
    }
  };
  const workers = options.world.concurrent ? Math.min(options.jobs, cases.length) : 1;
  await Promise.all(Array.from({ length: workers }, work));
  return trouble;
}

function beginCase(which: Case, options: ConductOptions, manifest: RunManifest): string {
  const name = caseFolder(options.out, which.id);
  const folder = join(options.out, name);
  mkdirSync(folder);
  writeJson(join(folder, "case.json"), which);
  writeFileSync(join(folder, "scenario.toml"), options.scenarioText(which.id));
  manifest.cases.push(name);
  writeJson(join(options.out, "run.json"), manifest);
  return folder;
}

async function conductCase(
  which: Case,
  folder: string,
  position: { n: number; of: number },
  options: ConductOptions,
  hooks: ConductHooks,
  signal: AbortSignal,
): Promise<void> {
  for (let repeat = 1; repeat <= which.repeat && !signal.aborted; repeat++) {
    const retried: Retried[] = [];
    let recorded: Recorded;
    for (;;) {
      hooks.runStarted(which, repeat, position);
      const run = join(folder, `run-${repeat}`);
      mkdirSync(run);
      recorded = await runOnce({ which, repeat, folder: run, retried }, options, hooks, signal);
      hooks.runEnded(which, repeat, recorded);
      // Only what the machine spoiled is made again: a failure, a death and a wish to stop are results.
      const reason = recorded.reason === "complete" && !signal.aborted ? options.unfit(run) : null;
      if (reason === null || retried.length >= options.retries) break;
      await options.calm(signal);
      if (signal.aborted) break; // The run stays as it is.
      const kept = `run-${repeat}.unfit-${retried.length + 1}`;
      renameSync(run, join(folder, kept));
      retried.push({ folder: kept, reason });
      hooks.note(`run ${repeat} again (retry ${retried.length} of ${options.retries}): ${reason}`);
    }
    // A run that ended otherwise says why itself; its second recording could only say it again.
    const comparable = recorded.reason === "complete" && !signal.aborted;
    if (options.verifyDeterminism && comparable) await verifyRun(which, repeat, folder, options, hooks, signal);
  }
}

/** Records run `repeat` once more beside the first, and writes what differs into the first one's run.json. */
async function verifyRun(
  which: Case,
  repeat: number,
  folder: string,
  options: ConductOptions,
  hooks: ConductHooks,
  signal: AbortSignal,
): Promise<void> {
  const [run, twin] = [join(folder, `run-${repeat}`), join(folder, `run-${repeat}.twin`)];
  mkdirSync(twin);
  hooks.note(`${which.id}: run ${repeat} once more, to compare (--verify-determinism)`);
  const { reason, error } = await runOnce({ which, repeat, folder: twin, retried: [] }, options, hooks, signal);
  if (signal.aborted) return;
  const determinism = reason === "complete" ? compareSamples(run, twin) : brokenTwin(reason, error);
  orNote(join(run, "run.json"), hooks, (file) =>
    writeJson(file, { ...(JSON.parse(readFileSync(file, "utf8")) as RunFile), determinism }),
  );
  if (determinism.identical) rmSync(twin, { recursive: true });
  hooks.verified(which, repeat, determinism);
}

/** What a second recording that was not completed has to say for itself: its samples would only differ. */
function brokenTwin(reason: string, error: string): Determinism {
  return { identical: false, files: 0, differences: [`the second recording ended with "${reason}": ${error}`] };
}

/** `run.json` of one run (docs/run-folder.md). */
interface RunFile {
  repeat: number;
  seed: number;
  wall_s: number;
  retried?: Retried[];
  determinism?: Determinism;
}

/** Whole or not at all: on a full disk the file keeps what it had. */
function writeJson(file: string, value: object): void {
  const draft = `${file}.part`;
  try {
    writeFileSync(draft, `${JSON.stringify(value, null, 1)}\n`);
    renameSync(draft, file);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}

/** For what a verdict can do without: a file that cannot be written is named, and the run goes on. */
function orNote(file: string, hooks: RecordHooks, write: (file: string) => void): void {
  try {
    write(file);
  } catch (error) {
    hooks.note(`${file} could not be written: ${(error as Error).message}`);
  }
}

interface OneRun {
  which: Case;
  repeat: number;
  /** It exists and is empty. */
  folder: string;
  /** The attempts before this one. */
  retried: Retried[];
}

async function runOnce(
  { which, repeat, folder, retried }: OneRun,
  options: ConductOptions,
  hooks: RecordHooks,
  signal: AbortSignal,
): Promise<Recorded> {
  const { world } = options;
  const lab = options.lab ?? world.labName();
  const seed = which.seed + repeat - 1;
  const started = performance.now();
  try {
    const blueprint = makeBlueprint(which, {
      lab,
      seed,
      cores: world.cores,
      world: world.name,
      user: userOf(invoker()),
    });
    return await world.record({ blueprint, folder, command: options.command }, hooks, signal);
  } catch (error) {
    const { reason, message } = explain(error, signal);
    const line = { event: "done", time: null, reason, error: message };
    orNote(join(folder, "events.jsonl"), hooks, (file) => appendFileSync(file, `${JSON.stringify(line)}\n`));
    return { reason, error: message, setUpMs: performance.now() - started, tearDownMs: 0 };
  } finally {
    const told: RunFile = { repeat, seed, wall_s: (performance.now() - started) / 1000 };
    const value = retried.length > 0 ? { ...told, retried } : told;
    orNote(join(folder, "run.json"), hooks, (file) => writeJson(file, value));
  }
}

/** An error that merely happened after the wish to stop is still an error. */
function explain(error: unknown, signal: AbortSignal): { reason: "interrupted" | "error"; message: string } {
  if (signal.aborted && error === signal.reason) {
    return { reason: "interrupted", message: `interrupted by ${signal.reason}` };
  }
  return { reason: "error", message: error instanceof Error ? error.message : String(error) };
}

/** A folder named as the case, made safe for every file system; a second case of that name gets a number. */
function caseFolder(out: string, id: string): string {
  const name = id.replace(/[^A-Za-z0-9._=-]/g, "_");
  for (let n = 1; ; n++) {
    const candidate = n === 1 ? name : `${name}-${n}`;
    if (!existsSync(join(out, candidate))) return candidate;
  }
}
