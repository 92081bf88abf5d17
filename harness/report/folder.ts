import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { judgeHealth } from "../health/index.js";
import { deriveMetrics, deriveSeries } from "../metrics/index.js";
import { type Run, readRun } from "../recording/index.js";
import type { Case } from "../scenario/types.js";
import { buildResults, type CaseEvidence, judgeCase, type RunEvidence } from "../verdict/index.js";
import type { CaseResult } from "../verdict/types.js";
import type { CaseReport, ReportInput, RunReport } from "./types.js";

/** `run.json` of the whole, as the conductor wrote it (docs/run-folder.md). */
interface Manifest {
  date: string;
  command: string;
  version: string;
  cases: string[];
}

interface StoredCase {
  evidence: CaseEvidence;
  runs: RunReport[];
}

/**
 * Everything that reports are made from, out of a run's folder alone: recording → metrics → verdicts. Nothing is taken
 * from memory of the run, so that `mqoe run` and a later `mqoe report` say the same.
 */
export function judgeFolder(folder: string): ReportInput {
  const manifest = readJson<Manifest>(join(folder, "run.json"));
  const stored = manifest.cases.map((name) => readCase(join(folder, name)));
  const others = new Map(stored.map(({ evidence }) => [evidence.case.id, evidence]));
  const cases = stored.map(({ evidence, runs }): CaseReport => {
    return { result: judgeCase(evidence.case, evidence.runs, others), case: evidence.case, runs };
  });
  return {
    results: buildResults(cases.map(({ result }) => result)),
    cases,
    generatedAt: manifest.date,
    command: manifest.command,
    version: manifest.version,
  };
}

/** One case by itself, while others are still to come: bounds that refer to another case have no data yet. */
export function judgeCaseFolder(folder: string): CaseResult {
  const { evidence } = readCase(folder);
  return judgeCase(evidence.case, evidence.runs, new Map([[evidence.case.id, evidence]]));
}

function readCase(folder: string): StoredCase {
  const which = readJson<Case>(join(folder, "case.json"));
  const numbers = readdirSync(folder)
    .map((name) => Number(/^run-(\d+)$/.exec(name)?.[1]))
    .filter((n) => n > 0)
    .sort((a, b) => a - b);
  const stored = numbers.map((n) => ({ repeat: n, run: readRun(join(folder, `run-${n}`)) }));
  const runs = stored.map(({ repeat, run }) => readEvidence(run, repeat, which));
  return { evidence: { case: which, runs }, runs: stored.map(({ repeat, run }) => readReport(run, repeat)) };
}

function readEvidence(run: Run, repeat: number, which: Case): RunEvidence {
  const { wall_s } = readJsonOr<{ wall_s: number }>(join(run.dir, "run.json"), { wall_s: 0 });
  return {
    repeat,
    seed: which.seed + repeat - 1,
    wall_s,
    blueprint: run.blueprint,
    metrics: deriveMetrics(run),
    health: judgeHealth(run),
  };
}

function readReport(run: Run, repeat: number): RunReport {
  return { repeat, blueprint: run.blueprint, environment: run.environment, series: deriveSeries(run) };
}

function readJson<T>(file: string): T {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as T;
  } catch (error) {
    throw new Error(`${file}: ${(error as Error).message}; is this the folder of a whole run?`);
  }
}

function readJsonOr<T>(file: string, otherwise: T): T {
  try {
    return readJson<T>(file);
  } catch {
    return otherwise;
  }
}
