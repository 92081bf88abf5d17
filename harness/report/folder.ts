import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { judgeHealth } from "../health/index.js";
import { deriveMetrics, deriveSeries } from "../metrics/index.js";
import { type Run, readRun } from "../recording/index.js";
import type { Case, Expectation } from "../scenario/types.js";
import {
  buildResults,
  type CaseEvidence,
  type Ending,
  isSameCell,
  judgeCase,
  type RunEvidence,
  referenceOf,
  skippedCase,
} from "../verdict/index.js";
import type { CaseResult, HealthCheck, RigHealth } from "../verdict/types.js";
import { capturesIn, withCaptures } from "./captures.js";
import { programsIn, withPrograms } from "./programs.js";
import type { CaseReport, ReportInput, RunReport } from "./types.js";

/** `run.json` of the whole, as the conductor wrote it (docs/run-folder.md). */
interface Manifest {
  date: string;
  command: string;
  version: string;
  /** Absent in folders of older versions: live. */
  world?: CaseResult["world"];
  /** Was every complete run to be recorded twice? */
  verifyDeterminism?: boolean;
  cases: string[];
  /** Every case that was to be run, in order; absent in folders of older versions. */
  planned?: Case[];
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
  const stored = manifest.cases.map((name) => readWhole(join(folder, name)));
  const others = new Map(stored.map(({ evidence }) => [evidence.case.id, evidence]));
  const cases = stored.map(({ evidence, runs }): CaseReport => {
    const result = judgeCase(evidence.case, evidence.runs, others, manifest.world);
    return { result: withPrograms(withCaptures(result, runs, folder), runs, folder), case: evidence.case, runs };
  });
  cases.push(...notStarted(manifest));
  return {
    results: buildResults(cases.map(({ result }) => result)),
    cases,
    generatedAt: manifest.date,
    command: manifest.command,
    version: manifest.version,
  };
}

/** Cases are started in the order they were planned in: what is beyond the started ones never was. */
function notStarted({ planned = [], cases, world }: Manifest): CaseReport[] {
  return planned.slice(cases.length).map((which) => {
    return { result: skippedCase(which, "the run ended before this case began", world), case: which, runs: [] };
  });
}

/** A case's result while others are still to come. */
export interface ProvisionalResult extends CaseResult {
  /** Expectations left out because the case that they are compared with has not been run to its end yet. */
  uncompared: number;
}

/** One finished case, judged with those of the same run that it is compared with and that are finished too. */
export function judgeCaseFolder(folder: string): ProvisionalResult {
  const evidence = readCase(folder);
  const references = referencesFor(evidence.case, dirname(folder));
  const isComparable = (expectation: Expectation): boolean => {
    const cell = referenceOf(expectation, evidence.case);
    return cell === null || references.some((one) => isSameCell(one.case, cell));
  };
  const expectations = evidence.case.expectations.filter(isComparable);
  const others = new Map([evidence, ...references].map((one) => [one.case.id, one]));
  const { world } = readJson<Manifest>(join(dirname(folder), "run.json"));
  const result = judgeCase({ ...evidence.case, expectations }, evidence.runs, others, world);
  return { ...result, uncompared: evidence.case.expectations.length - expectations.length };
}

/**
 * Those that the case refers to and of which all runs are there: under --jobs others are still being recorded, and half
 * of a case is another limit than the whole. No more are read: deriving metrics from a large recording takes its time.
 */
function referencesFor(which: Case, out: string): CaseEvidence[] {
  const cells = which.expectations
    .map((expectation) => referenceOf(expectation, which))
    .filter((cell) => cell !== null);
  if (cells.length === 0) return [];
  const { cases, verifyDeterminism = false } = readJson<Manifest>(join(out, "run.json"));
  const isWanted = (folder: string): boolean => {
    const other = readJson<Case>(join(folder, "case.json"));
    return cells.some((cell) => isSameCell(other, cell)) && isFinished(other, folder, verifyDeterminism);
  };
  return cases
    .map((name) => join(out, name))
    .filter(isWanted)
    .map(readCase);
}

/**
 * A run's own run.json is written last, when its lab is gone. With --verify-determinism that is not the end of a run
 * that is complete: what its second recording showed is then added to the file.
 */
function isFinished({ repeat }: Case, folder: string, verifyDeterminism: boolean): boolean {
  return Array.from({ length: repeat }, (_, i) => join(folder, `run-${i + 1}`)).every((run) => {
    if (!existsSync(join(run, "run.json"))) return false;
    const isVerified = () => readJsonOr<Partial<RunFile>>(join(run, "run.json"), {}).determinism !== undefined;
    return !verifyDeterminism || endingOf(readRun(run))?.reason !== "complete" || isVerified();
  });
}

function readRuns(folder: string): { repeat: number; run: Run }[] {
  const numbers = readdirSync(folder)
    .map((name) => Number(/^run-(\d+)$/.exec(name)?.[1]))
    .filter((n) => n > 0)
    .sort((a, b) => a - b);
  return numbers.map((repeat) => ({ repeat, run: readRun(join(folder, `run-${repeat}`)) }));
}

function evidenceOf(folder: string, runs: { repeat: number; run: Run }[]): CaseEvidence {
  const which = readJson<Case>(join(folder, "case.json"));
  const { verifyDeterminism = false } = readJsonOr<Partial<Manifest>>(join(dirname(folder), "run.json"), {});
  const evidence = runs.map(({ repeat, run }) => readEvidence(run, repeat, which));
  return { case: which, runs: verifyDeterminism ? evidence.map(orUnverified) : evidence };
}

const readCase = (folder: string): CaseEvidence => evidenceOf(folder, readRuns(folder));

function readWhole(folder: string): StoredCase {
  const runs = readRuns(folder);
  const evidence = evidenceOf(folder, runs);
  return { evidence, runs: runs.map(({ repeat, run }) => readReport(run, repeat)) };
}

/** `run.json` of one run. */
interface RunFile {
  wall_s: number;
  retried?: { folder: string; reason: string }[];
  determinism?: { identical: boolean; files: number; differences: string[] };
}

/** A run that is not the first of its kind says so: what was thrown away is part of the evidence. */
function withRetries(health: RigHealth, retried: RunFile["retried"] = []): RigHealth {
  if (retried.length === 0) return health;
  const reason = retried.map((one) => `${one.folder} was made again: ${one.reason}`).join(" ");
  const told: HealthCheck = { name: "retried", verdict: "warn", value: retried.length, limit: 0, unit: "runs", reason };
  return { ...health, checks: [...health.checks, told] };
}

const DETERMINISM = "determinism";

/**
 * A run that was recorded twice must have come out the same, or neither is what its seed says. Programs of the
 * scenario's own need not: their threads, random numbers and dates are not ours.
 */
function withDeterminism(health: RigHealth, determinism: RunFile["determinism"], hasPrograms: boolean): RigHealth {
  if (determinism === undefined) return health;
  const { identical, files, differences } = determinism;
  const told: HealthCheck = {
    name: DETERMINISM,
    verdict: identical ? "ok" : hasPrograms ? "warn" : "invalid",
    value: differences.length,
    limit: 0,
    unit: "files",
    reason: identical
      ? `a second recording is identical in all ${files} sample files.`
      : `a second recording differs${hasPrograms ? ", as programs may" : ""}: ${differences.join("; ")}.`,
  };
  return { verdict: identical || hasPrograms ? health.verdict : "invalid", checks: [...health.checks, told] };
}

/** A complete run without the second recording that was asked for was stopped before its end. */
function orUnverified(evidence: RunEvidence): RunEvidence {
  const { ending, health } = evidence;
  if (ending?.reason !== "complete" || health.checks.some(({ name }) => name === DETERMINISM)) return evidence;
  const reason = "the second recording to compare with was not completed, or the comparison could not be stored.";
  const missing: HealthCheck = { name: DETERMINISM, verdict: "invalid", value: 1, limit: 0, unit: "runs", reason };
  return {
    ...evidence,
    ending: { ...ending, reason: "interrupted" },
    health: { verdict: "invalid", checks: [...health.checks, missing] },
  };
}

function readEvidence(run: Run, repeat: number, which: Case): RunEvidence {
  const hasPrograms = run.blueprint?.programs !== undefined;
  const { wall_s, retried, determinism } = readJsonOr<RunFile>(join(run.dir, "run.json"), { wall_s: 0 });
  return {
    repeat,
    seed: which.seed + repeat - 1,
    wall_s,
    blueprint: run.blueprint,
    metrics: deriveMetrics(run),
    health: withDeterminism(withRetries(judgeHealth(run), retried), determinism, hasPrograms),
    ending: endingOf(run),
  };
}

function endingOf({ events }: Run): Ending | null {
  const done = events.findLast(({ event }) => event === "done");
  if (done === undefined) return null;
  const started = events.some(({ event }) => event === "lab-ready");
  return { reason: String(done.reason), error: typeof done.error === "string" ? done.error : "", started };
}

function readReport(run: Run, repeat: number): RunReport {
  return {
    repeat,
    captures: capturesIn(run),
    programs: programsIn(run),
    blueprint: run.blueprint,
    environment: run.environment,
    series: deriveSeries(run),
  };
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
