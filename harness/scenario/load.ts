import { basename, relative } from "node:path";
import { resolveChanges } from "./change.js";
import { expandClients } from "./clients.js";
import { anchorCommand } from "./command.js";
import { type Draft, makeDraft } from "./draft.js";
import { resolveExpectations } from "./expectations.js";
import { loadTree, type ReadFile } from "./extends.js";
import { filterCases, keeps } from "./filter.js";
import type { Machine } from "./machine.js";
import { type Axes, type Cell, expandMatrix } from "./matrix.js";
import { applySet } from "./override.js";
import { anchorFiles, PathFiles } from "./path-files.js";
import { expandPresets } from "./presets.js";
import { type Problem, Problems, wholeFile } from "./problem.js";
import { resolveCase } from "./resolve.js";
import { checkSemantics } from "./semantics.js";
import type { TableNode } from "./tree.js";
import type { Case } from "./types.js";

export interface LoadOptions extends Machine {
  /** `PATH=VALUE` overrides, applied to every case after its matrix values. */
  set?: readonly string[];
  /** Short for overrides of dataplane.kind, seed and repeat. */
  dataplane?: string;
  seed?: number;
  repeat?: number;
  /** See filter.ts. */
  filter?: string;
  /** What relative names on the command line, scenario files among them, are relative to; "/" when left out. */
  cwd?: string;
}

/** How the scenario folder reaches the disk: it never does so by itself. */
export interface Files {
  read: ReadFile;
  /** The scenario files below a directory, in order; undefined when the path is none. */
  list?: (path: string) => string[] | undefined;
}

export interface Loaded {
  /** Only cases without errors, in order of files and cells. */
  cases: Case[];
  /** Everything found, in reading order; the load failed when one has severity "error". */
  problems: Problem[];
  /** Case id → the merged scenario of that cell, for render.ts. */
  merged: Map<string, TableNode>;
}

/**
 * Reads scenario files (and all *.toml below directories), expands their matrices, applies overrides and checks
 * everything. Never throws for anything that a file, a matrix or an override says: problems are data.
 */
export function loadCases(paths: readonly string[], options: LoadOptions, files: Files | ReadFile): Loaded {
  const access = typeof files === "function" ? { read: files } : files;
  const problems = new Problems();
  const loader = new Loader(options, access, problems);
  for (const file of expandPaths(paths, access, problems)) loader.load(file);
  const { cases, merged } = loader;
  const chosen = options.filter === undefined ? cases : filterCases(cases, options.filter, problems);
  return { cases: chosen, problems: problems.sorted(), merged };
}

function expandPaths(paths: readonly string[], files: Files, problems: Problems): string[] {
  const all = paths.flatMap((path) => {
    const listed = files.list?.(path)?.filter((file) => isScenario(path, file));
    if (listed?.length === 0) {
      problems.error(wholeFile(path), "this folder holds no scenario: no .toml file in it");
    }
    return listed ?? [path];
  });
  return [...new Set(all)];
}

/** Files in folders called `base`, and files or folders that begin with `_` or `.`, are there to be extended. */
function isScenario(folder: string, file: string): boolean {
  return !relative(folder, file)
    .split("/")
    .some((step) => step === "base" || /^[_.](?!\.)/u.test(step));
}

class Loader {
  readonly cases: Case[] = [];
  readonly merged = new Map<string, TableNode>();
  readonly #options: LoadOptions;
  readonly #files: Files;
  readonly #problems: Problems;
  readonly #stems = new Map<string, string>();
  readonly #pathFiles: PathFiles;

  constructor(options: LoadOptions, files: Files, problems: Problems) {
    this.#options = options;
    this.#files = files;
    this.#problems = problems;
    this.#pathFiles = new PathFiles(files.read);
  }

  load(file: string): void {
    const tree = loadTree(file, this.#files.read, this.#problems);
    if (!tree || !this.#claimStem(file)) return;
    const { cells, axes } = expandMatrix(tree, this.#problems);
    for (const cell of cells) this.#loadCell(file, cell, axes);
  }

  #loadCell(file: string, cell: Cell, axes: Axes): void {
    // Each cell has its own problems, so that one bad cell does not take the others' cases away.
    const problems = new Problems();
    const overridden = this.#overrides().reduce(
      (root, [set, label]) => applySet(root, set, problems, label),
      cell.tree,
    );
    const cwd = this.#options.cwd ?? "/";
    const tree = expandPresets(anchorFiles(anchorCommand(overridden, cwd), cwd), problems);
    const draft = makeDraft(tree, this.#pathFiles, problems);
    const clients = expandClients(draft, problems);
    const machine = this.#machineFor(draft, idOf(stemOf(file), cell.matrix), cell.matrix);
    checkSemantics(draft, clients, machine, problems);
    const timeline = resolveChanges({ draft, clients, machine, problems });
    const expectations = resolveExpectations({ draft, clients, axes, matrix: cell.matrix, timeline, problems });
    for (const problem of problems.sorted()) this.#problems.add(problem);
    const base = Object.fromEntries([...axes].map(([axis, values]) => [axis, values[0] ?? ""]));
    if (!problems.hasErrors && !cell.broken) {
      this.#keep(draft, clients, timeline.changes, expectations, file, cell.matrix, base);
    }
  }

  /** A case that the filter leaves out is not run: it needs nothing of this machine, and no leave to run a program. */
  #machineFor(draft: Draft, id: string, matrix: Cell["matrix"]): Machine {
    const { filter } = this.#options;
    if (filter === undefined || keeps(filter, { id, tags: draft.tags ?? [], matrix })) return this.#options;
    return {};
  }

  #keep(
    draft: Draft,
    clients: Parameters<typeof resolveCase>[1],
    changes: Parameters<typeof resolveCase>[2],
    expectations: Parameters<typeof resolveCase>[3],
    file: string,
    matrix: Cell["matrix"],
    base: Cell["matrix"],
  ): void {
    const stem = stemOf(file);
    const id = idOf(stem, matrix);
    this.cases.push(resolveCase(draft, clients, changes, expectations, { id, file, stem, matrix, base }));
    this.merged.set(id, draft.root);
  }

  /** Overrides from the command line, each with the option as the user wrote it. */
  #overrides(): [set: string, label: string | undefined][] {
    const { dataplane, seed, repeat, set = [] } = this.#options;
    const short = { "dataplane.kind": dataplane, seed, repeat };
    const given = Object.entries(short).filter(([, value]) => value !== undefined);
    return [
      ...given.map(([path, value]): [string, string] => {
        return [`${path}=${JSON.stringify(value)}`, `--${path.replace(".kind", "")} ${value}`];
      }),
      ...set.map((option): [string, undefined] => [option, undefined]),
    ];
  }

  /** Case ids and result folders are called after the file, so two files of one name cannot run together. */
  #claimStem(file: string): boolean {
    const stem = stemOf(file);
    const other = this.#stems.get(stem);
    if (other !== undefined) {
      const message = `"${other}" is called ${stem}, too; results are called after the file`;
      this.#problems.error(wholeFile(file), message, "rename one of them");
      return false;
    }
    this.#stems.set(stem, file);
    return true;
  }
}

function idOf(stem: string, matrix: Cell["matrix"]): string {
  const axes = Object.entries(matrix).map(([axis, value]) => `${axis}=${value}`);
  return axes.length > 0 ? `${stem}[${axes.join(",")}]` : stem;
}

function stemOf(file: string): string {
  return basename(file).replace(/\.toml$/u, "");
}
