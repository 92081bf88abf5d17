import { appendFileSync, existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { makeBlueprint } from "../blueprint/index.js";
import { findRoot } from "../ffi/native.js";
import type { Case } from "../scenario/types.js";
import { packageVersion } from "./environment.js";
import { randomLabName } from "./lab-name.js";
import { type Recorded, type RecordHooks, recordRun } from "./record.js";

export interface ConductOptions {
  /** The folder that the runs land in; it exists. */
  out: string;
  /** The command line, for the environment. */
  command: string;
  /** A fixed lab name; null = a fresh one for every run. */
  lab: string | null;
  /** A case as a scenario file of its own. */
  scenarioText: (id: string) => string;
  /** How often a run on an unfit rig may be made again. */
  retries: number;
  /** Why the rig of a stored run was unfit; null when it was fit. */
  unfit: (folder: string) => string | null;
}

/** What a person may watch while cases run. */
export interface ConductHooks extends RecordHooks {
  runStarted(which: Case, repeat: number, position: { n: number; of: number }): void;
  runEnded(which: Case, repeat: number, recorded: Recorded): void;
  /** All runs of a case are recorded; `folder` holds case.json and the run folders. */
  caseEnded(folder: string): void;
}

/** `run.json` of a run folder: what was asked for, and the case folders in order. */
export interface RunManifest {
  schema: "mqoe-run/1";
  /** ISO 8601, when it began. */
  date: string;
  command: string;
  version: string;
  cases: string[];
}

/**
 * Records every case, run by run, one after the other. What goes wrong in a run becomes part of its folder and so of
 * its verdict; only a signal ends the whole, after the lab of the moment is gone.
 */
export async function conduct(
  cases: Case[],
  options: ConductOptions,
  hooks: ConductHooks,
  signal: AbortSignal,
): Promise<void> {
  const manifest: RunManifest = {
    schema: "mqoe-run/1",
    date: new Date().toISOString(),
    command: options.command,
    version: packageVersion(findRoot()),
    cases: [],
  };
  for (const [index, which] of cases.entries()) {
    if (signal.aborted) break;
    const name = caseFolder(options.out, which.id);
    const folder = join(options.out, name);
    mkdirSync(folder);
    writeJson(join(folder, "case.json"), which);
    writeFileSync(join(folder, "scenario.toml"), options.scenarioText(which.id));
    manifest.cases.push(name);
    writeJson(join(options.out, "run.json"), manifest);
    await conductCase(which, folder, { n: index + 1, of: cases.length }, options, hooks, signal);
    hooks.caseEnded(folder);
  }
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
    for (let attempt = 0; ; attempt++) {
      hooks.runStarted(which, repeat, position);
      const run = join(folder, `run-${repeat}`);
      const recorded = await runOnce(which, repeat, run, options, hooks, signal);
      hooks.runEnded(which, repeat, recorded);
      // Only what the machine spoiled is made again: a failure, a death and a wish to stop are results.
      const reason = recorded.reason === "complete" ? options.unfit(run) : null;
      if (reason === null || attempt === options.retries) break;
      renameSync(run, `${run}.unfit-${attempt + 1}`);
      hooks.note(`run ${repeat} again (retry ${attempt + 1} of ${options.retries}): ${reason}`);
    }
  }
}

function writeJson(file: string, value: object): void {
  writeFileSync(file, `${JSON.stringify(value, null, 1)}\n`);
}

async function runOnce(
  which: Case,
  repeat: number,
  folder: string,
  options: ConductOptions,
  hooks: RecordHooks,
  signal: AbortSignal,
): Promise<Recorded> {
  const lab = options.lab ?? randomLabName();
  const seed = which.seed + repeat - 1;
  const started = performance.now();
  mkdirSync(folder);
  try {
    const blueprint = makeBlueprint(which, { lab, seed, cores: availableParallelism() });
    return await recordRun({ blueprint, folder, command: options.command }, hooks, signal);
  } catch (error) {
    const reason = signal.aborted ? "interrupted" : "error";
    const message = signal.aborted ? `interrupted by ${signal.reason}` : (error as Error).message;
    const line = { event: "done", time: null, reason, error: message };
    appendFileSync(join(folder, "events.jsonl"), `${JSON.stringify(line)}\n`);
    return { reason, error: message, setUpMs: performance.now() - started, tearDownMs: 0 };
  } finally {
    writeJson(join(folder, "run.json"), { repeat, seed, wall_s: (performance.now() - started) / 1000 });
  }
}

/** A folder named as the case, made safe for every file system; a second case of that name gets a number. */
function caseFolder(out: string, id: string): string {
  const name = id.replace(/[^A-Za-z0-9._=-]/g, "_");
  for (let n = 1; ; n++) {
    const candidate = n === 1 ? name : `${name}-${n}`;
    if (!existsSync(join(out, candidate))) return candidate;
  }
}
