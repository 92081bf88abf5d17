import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { UsageError } from "./exit.js";

/** What a run leaves beside its case folders (docs/run-folder.md). */
const OWN_FILES = ["run.json", "results.json", "report.html"];

/** The case folders that a folder's run.json names; null when that is not the run.json of a run. */
export function storedCases(folder: string): string[] | null {
  try {
    const { schema, cases } = JSON.parse(readFileSync(join(folder, "run.json"), "utf8"));
    const plain = (name: unknown) => typeof name === "string" && name === basename(name) && !/^\.{0,2}$/.test(name);
    return schema === "mqoe-run/1" && Array.isArray(cases) && cases.every(plain) ? cases : null;
  } catch {
    return null;
  }
}

/** Makes a folder and those above it, one by one: Node's own recursive mkdir loops for ever below /proc. */
export function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  makeFolder(dirname(resolve(folder)));
  mkdirSync(folder);
}

/** --out: made when absent; an earlier run there makes room, and nothing else is ever removed. */
export function emptiedFolder(out: string): string {
  try {
    return clearEarlierRun(out, realpathSync(out));
  } catch (error) {
    if (error instanceof UsageError) throw error;
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw refused(out, error);
  }
  try {
    makeFolder(out);
    return out;
  } catch (error) {
    throw refused(out, error);
  }
}

/** `folder` is where `out` leads: through a link, the run lands where the link points, and the link stays. */
function clearEarlierRun(out: string, folder: string): string {
  const entries = readdirSync(folder);
  const cases = storedCases(folder);
  if (entries.length > 0 && cases === null) {
    throw new UsageError(`--out ${out}: not empty and not a run of mqoe; choose another folder`);
  }
  for (const name of [...(cases ?? []), ...OWN_FILES]) rmSync(join(folder, name), { recursive: true, force: true });
  return out === folder ? out : relativeToHere(folder);
}

function refused(out: string, error: unknown): UsageError {
  const { code, message } = error as NodeJS.ErrnoException;
  const why = code === "ENOTDIR" ? "a file is in the way" : (code ?? message);
  return new UsageError(`--out ${out}: ${why}; choose another folder`);
}

function relativeToHere(folder: string): string {
  const short = relative(process.cwd(), folder);
  return short.startsWith("..") || short === "" ? folder : short;
}

/** A folder of its own for every run, `reports/<date>-<time>-<name>`, and `reports/latest` pointing at it. */
export function datedFolder(first: string, now: Date, reports = "reports"): string {
  makeFolder(reports);
  const stamp = now.toISOString().slice(0, 19).replace("T", "-").replaceAll(":", "");
  const out = makeUnique(join(reports, `${stamp}-${basename(resolve(first)).replace(/\.toml$/, "")}`));
  pointLatest(join(reports, "latest"), basename(out));
  return out;
}

/** Two runs may start in the same second: whoever makes the folder has it, the next one takes the next number. */
function makeUnique(wanted: string): string {
  for (let n = 1; ; n++) {
    const folder = n === 1 ? wanted : `${wanted}-${n}`;
    try {
      mkdirSync(folder);
      return folder;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
  }
}

/** Replaced by a rename, so that there is one at any time; what somebody else put under that name stays. */
function pointLatest(latest: string, target: string): void {
  const found = lstatSync(latest, { throwIfNoEntry: false });
  if (found && !found.isSymbolicLink()) return;
  const link = `${latest}.${process.pid}`;
  symlinkSync(target, link);
  renameSync(link, latest);
}
