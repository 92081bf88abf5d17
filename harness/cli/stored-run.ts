import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { isAlive, type JournalContent, readJournals } from "../lab/journal.js";
import { oneOf } from "../scenario/suggest.js";
import { UsageError } from "./exit.js";
import { storedCases } from "./out-folder.js";

export interface RunChoice {
  /** Case id or the name of its folder; undefined: the newest. */
  case: string | undefined;
  /** undefined: the newest. */
  repeat: number | undefined;
}

/**
 * The folder of one recording, `…/<case>/run-<n>`, out of what the user typed: a run's folder, a case's or a single run's
 * in it, or the name of a lab that is running (or the beginning of one). Throws UsageError saying what there is.
 */
export function findRun(word: string, choice: RunChoice, labs: () => JournalContent[] = readJournals): string {
  if (!isFolder(word)) return ofLab(word, labs());
  if (existsSync(join(word, "blueprint.json"))) return refuseChoice(word, choice);
  const cases = storedCases(word);
  if (cases !== null) return ofCase(pickCase(word, cases, choice.case), choice.repeat);
  if (existsSync(join(word, "case.json"))) return ofCase(word, choice.repeat);
  throw new UsageError(
    `${word} is no run of mqoe (no run.json with schema "mqoe-run/1" in it); --out of mqoe run, or reports/latest, is`,
  );
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

function refuseChoice(folder: string, choice: RunChoice): string {
  if (choice.case === undefined && choice.repeat === undefined) return folder;
  const whole = dirname(dirname(resolve(folder)));
  throw new UsageError(`${folder} is one run already; --case and --repeat choose among those of ${whole}`);
}

function ofLab(word: string, labs: readonly JournalContent[]): string {
  const running = labs.filter(({ owner }) => owner !== null && isAlive(owner));
  const exact = running.find(({ lab }) => lab === word);
  const found = exact === undefined ? running.filter(({ lab }) => lab.startsWith(word)) : [exact];
  const [only] = found;
  if (only === undefined || word === "") throw new UsageError(`${word}: no such folder, and ${noLab(running)}`);
  if (found.length > 1)
    throw new UsageError(`"${word}" is the beginning of several labs: ${oneOf(found.map(({ lab }) => lab))}`);
  if (only.run === null)
    throw new UsageError(`lab ${only.lab} records nothing (yet): it is being built, or is one of mqoe shell`);
  return only.run;
}

function noLab(running: readonly JournalContent[]): string {
  const names = running.map(({ lab }) => lab);
  return names.length === 0
    ? "no lab is running; name a run's folder, e.g. reports/latest"
    : `no lab of that name is running; running: ${oneOf(names)}`;
}

function pickCase(out: string, cases: readonly string[], wanted: string | undefined): string {
  if (cases.length === 0) throw new UsageError(`${out}: no case of this run has begun yet`);
  if (wanted === undefined) return join(out, cases.at(-1) as string);
  const found = cases.find((name) => name === wanted || caseId(join(out, name)) === wanted);
  if (found !== undefined) return join(out, found);
  const ids = cases.map((name) => caseId(join(out, name)) ?? name);
  throw new UsageError(`--case: there is no case "${wanted}" in ${out}; cases: ${oneOf(ids)}`);
}

function caseId(folder: string): string | null {
  try {
    const { id } = JSON.parse(readFileSync(join(folder, "case.json"), "utf8"));
    return typeof id === "string" ? id : null;
  } catch {
    return null;
  }
}

/** A run whose lab is still being built has nothing to show: the one before it is the newest, if there is one. */
function ofCase(folder: string, repeat: number | undefined): string {
  const numbers = readdirSync(folder)
    .map((name) => Number(/^run-(\d+)$/u.exec(name)?.[1]))
    .filter((n) => n > 0)
    .sort((a, b) => a - b);
  const isRecorded = (n: number) => existsSync(join(folder, `run-${n}`, "samples"));
  const newest = numbers.findLast(isRecorded) ?? numbers.at(-1);
  if (newest === undefined) throw new UsageError(`${folder}: no run of this case has begun yet`);
  const chosen = repeat ?? newest;
  if (numbers.includes(chosen)) return join(folder, `run-${chosen}`);
  throw new UsageError(`--repeat ${chosen}: ${basename(folder)} has no such run; runs: ${oneOf(numbers.map(String))}`);
}
