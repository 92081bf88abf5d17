import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import chalk from "chalk";
import { formatProblem, type Loaded, type LoadOptions, loadCases, type Problem } from "../scenario/index.js";
import { congestionControls } from "./congestion.js";
import { EXIT } from "./exit.js";

/** Reads scenarios from disk; folders stand for every .toml below them, in order. */
export function loadFromDisk(paths: string[], options: LoadOptions): Loaded {
  const known = congestionControls();
  const machine = known ? { congestionControls: known } : {};
  const read = (path: string) => readFileSync(path, "utf8");
  return loadCases(paths, { ...machine, cwd: process.cwd(), ...options }, { read, list: listScenarios });
}

/** Cases of valid scenarios; otherwise prints what is wrong, sets exit code 2 and returns null. */
export function loadOrExplain(paths: string[], options: LoadOptions): Loaded | null {
  const loaded = loadFromDisk(paths, options);
  printProblems(loaded.problems);
  if (!loaded.problems.some((problem) => problem.severity === "error")) return loaded;
  process.exitCode = EXIT.usage;
  return null;
}

/** A filter that leaves nothing is no success: a gate with a mistyped filter must not be green. */
export function explainNoCase(): void {
  process.stderr.write("mqoe: no case matches; mqoe list shows what there is\n");
  process.exitCode = EXIT.nothingRan;
}

/** Each problem with its line and a caret, on standard error. */
export function printProblems(problems: Problem[]): void {
  for (const problem of problems) {
    const text = formatProblem(problem, sourceOf(problem.file));
    const [head = "", ...rest] = text.split("\n");
    const paint = problem.severity === "error" ? chalk.red : chalk.yellow;
    process.stderr.write([paint(head), ...rest.map((line) => chalk.dim(line))].join("\n").concat("\n"));
  }
}

function sourceOf(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

function listScenarios(path: string): string[] | undefined {
  if (!isFolder(path)) return undefined;
  return readdirSync(path, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const inner = join(path, entry.name);
      if (entry.isDirectory()) return isForScenarios(inner, entry.name) ? (listScenarios(inner) ?? []) : [];
      return entry.name.endsWith(".toml") ? [inner] : [];
    });
}

/** Run folders hold the scenarios they ran as scenario.toml: those are records. One named on purpose is still read. */
function isForScenarios(folder: string, name: string): boolean {
  return name !== "node_modules" && !existsSync(join(folder, "run.json"));
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
