import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import chalk from "chalk";
import { formatProblem, type Loaded, type LoadOptions, loadCases, type Problem } from "../scenario/index.js";
import { EXIT } from "./exit.js";

/** Reads scenarios from disk; folders stand for every .toml below them, in order. */
export function loadFromDisk(paths: string[], options: LoadOptions): Loaded {
  return loadCases(paths, options, { read: (path) => readFileSync(path, "utf8"), list: listScenarios });
}

/** Cases of valid scenarios; otherwise prints what is wrong, sets exit code 2 and returns null. */
export function loadOrExplain(paths: string[], options: LoadOptions): Loaded | null {
  const loaded = loadFromDisk(paths, options);
  printProblems(loaded.problems);
  if (!loaded.problems.some((problem) => problem.severity === "error")) return loaded;
  process.exitCode = EXIT.usage;
  return null;
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
      if (entry.isDirectory()) return listScenarios(inner) ?? [];
      return entry.name.endsWith(".toml") ? [inner] : [];
    });
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
