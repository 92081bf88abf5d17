import { dirname, isAbsolute, resolve } from "node:path";
import { parseQuantity, type QuantityKind } from "../units/index.js";
import { REASONS, type ReadFile } from "./extends.js";
import { expandPaths } from "./merge.js";
import { type Position, Problems, wholeFile } from "./problem.js";
import { didYouMean, oneOf } from "./suggest.js";
import type { Entry, ListNode, Node, TableNode } from "./tree.js";
import type { PathLine } from "./types.js";

/** Files that paths name: traces and tables of distributions. What is wrong in one is said with its line and column. */

export type Trace = NonNullable<PathLine["trace"]>;

/** Both directions of a path fit in one command to a running dataplane (16 MiB). */
const MAX_ENTRIES = 500_000;
const MAX_ROWS = 50_000;
/** netem's: sch_netem.c, NETEM_DIST_MAX. */
const MAX_TABLE = 16_384;
const MAHIMAHI = [".trace", ".up", ".down"];

/** Reads each file once, however many cases name it. */
export class PathFiles {
  readonly #read: ReadFile;
  readonly #traces = new Map<string, Found<Trace>>();
  readonly #tables = new Map<string, Found<number[]>>();

  constructor(read: ReadFile) {
    this.#read = read;
  }

  /** Undefined after a problem, which is said at the line of the file, or at `at` when it cannot be read. */
  trace(file: string, at: Position, problems: Problems): Trace | undefined {
    const ending = /\.[^./]+$/u.exec(file)?.[0] ?? "";
    if (ending !== ".csv" && !MAHIMAHI.includes(ending)) {
      const allowed = `a mahimahi trace ends in ${MAHIMAHI.join(", ")}, a table of steps in .csv`;
      problems.error(at, `trace: "${file}" is of an unknown kind; ${allowed}`);
      return undefined;
    }
    const parse = ending === ".csv" ? parseSteps : parseOpportunities;
    return this.#get(file, at, problems, this.#traces, "trace", parse);
  }

  table(file: string, at: Position, problems: Problems): number[] | undefined {
    return this.#get(file, at, problems, this.#tables, "table", parseTable);
  }

  #get<T>(
    file: string,
    at: Position,
    problems: Problems,
    known: Map<string, Found<T>>,
    noun: string,
    parse: (file: string, text: string, problems: Problems) => T | undefined,
  ): T | undefined {
    const before = known.get(file);
    const found = before ?? this.#find(file, noun, parse);
    known.set(file, found);
    if (found.unreadable !== undefined) problems.error(at, found.unreadable);
    for (const problem of found.problems.sorted()) problems.add(problem);
    return found.value;
  }

  #find<T>(file: string, noun: string, parse: (file: string, text: string, problems: Problems) => T | undefined) {
    const problems = new Problems();
    try {
      const text = this.#read(file).replace(/^\uFEFF/u, "");
      return { value: parse(file, text, problems), problems };
    } catch (error) {
      const why = REASONS[(error as { code?: string }).code ?? ""] ?? (error as Error).message;
      return { value: undefined, problems, unreadable: `${noun}: cannot read "${file}": ${why}` };
    }
  }
}

interface Found<T> {
  value: T | undefined;
  problems: Problems;
  unreadable?: string;
}

// ---- contents ------------------------------------------------------------------------------------------------------

/** mahimahi (mm-link): on each line the millisecond at which a packet of 1504 bytes may leave. */
function parseOpportunities(file: string, text: string, problems: Problems): Trace | undefined {
  const opportunities: number[] = [];
  for (const [index, line] of text.split(/\r?\n/u).entries()) {
    const word = line.trim();
    if (word === "") continue;
    const at = { file, line: index + 1, column: line.indexOf(word) + 1 };
    const before = opportunities.at(-1) ?? 0;
    const wrong = noOpportunity(word, before, opportunities.length);
    if (wrong !== undefined) {
      problems.error(at, `trace: ${wrong}`);
      return undefined;
    }
    opportunities.push(Number(word));
  }
  if ((opportunities.at(-1) ?? 0) > 0) return { format: "mahimahi", opportunities };
  const allowed = "a mahimahi trace has a millisecond on each line, the last of them more than 0";
  problems.error(wholeFile(file), `trace: no packet may ever leave; ${allowed}`);
  return undefined;
}

function noOpportunity(word: string, before: number, count: number): string | undefined {
  if (!/^\d{1,9}$/u.test(word))
    return `"${word}" is no time; each line is a whole number of milliseconds below 10^9, such as 42`;
  if (Number(word) < before) return `${word} comes after ${before}; times do not decrease`;
  return count === MAX_ENTRIES ? `more than ${MAX_ENTRIES} packets; at most as many are allowed` : undefined;
}

const COLUMNS = { time: "time", rate: "rate", delay: "time", loss: "percent" } as const satisfies Record<
  string,
  QuantityKind
>;
type Column = keyof typeof COLUMNS;
const MOST: Readonly<Record<Column, [number, string]>> = {
  time: [86400e9, "24h"],
  rate: [1e12, "1tbit"],
  delay: [60e9, "60s"],
  loss: [1, "100%"],
};
type Step = Extract<Trace, { format: "steps" }>["steps"][number];

interface Cell {
  text: string;
  at: Position;
}

function cellsOf(file: string, line: string, number: number): Cell[] {
  let start = 0;
  return line.split(",").map((raw) => {
    const column = start + raw.length - raw.trimStart().length + 1;
    start += raw.length + 1;
    return { text: raw.trim(), at: { file, line: number, column } };
  });
}

/** `time,rate,delay,loss`: each row is in force from its time on; an empty cell leaves that to the path's own key. */
function parseSteps(file: string, text: string, problems: Problems): Trace | undefined {
  const rows = text
    .split(/\r?\n/u)
    .map((line, index) => ({ line, number: index + 1 }))
    .filter(({ line }) => line.trim() !== "" && !line.trimStart().startsWith("#"));
  const [head, ...body] = rows.map(({ line, number }) => cellsOf(file, line, number));
  const columns = head && headOf(head, problems);
  if (!columns || problems.hasErrors) {
    if (!head) problems.error(wholeFile(file), "trace: is empty; its first line is the header time,rate,delay,loss");
    return undefined;
  }
  const steps = body.slice(0, MAX_ROWS + 1).map((cells) => stepOf(columns, cells, problems));
  for (const [index, step] of steps.entries()) {
    const before = steps[index - 1];
    const at = body[index]?.[columns.indexOf("time")]?.at;
    if (before && at && step.at <= before.at)
      problems.error(at, "trace: comes no later than the row before; times ascend");
  }
  if (steps.length === 0) problems.error(wholeFile(file), "trace: has a header and no row");
  if (steps.length > MAX_ROWS) problems.error(wholeFile(file), `trace: more than ${MAX_ROWS} rows`);
  return problems.hasErrors ? undefined : { format: "steps", loop: 0, steps };
}

function headOf(cells: readonly Cell[], problems: Problems): Column[] {
  const names = Object.keys(COLUMNS);
  for (const [index, { text, at }] of cells.entries()) {
    if (!names.includes(text)) {
      problems.error(at, `trace: unknown column "${text}"; ${didYouMean(text, names)}columns: ${oneOf(names)}`);
    } else if (cells.findIndex((cell) => cell.text === text) < index) {
      problems.error(at, `trace: column "${text}" is there twice`);
    }
  }
  const found = cells.map(({ text }) => text);
  const [first] = cells;
  if (first && !problems.hasErrors && (!found.includes("time") || found.length < 2))
    problems.error(first.at, "trace: needs the column time, and at least one of rate, delay, loss");
  return found as Column[];
}

function stepOf(columns: readonly Column[], cells: readonly Cell[], problems: Problems): Step {
  const step: Step = { at: 0 };
  const [first] = cells;
  if (cells.length !== columns.length && first)
    problems.error(first.at, `trace: ${cells.length} cells in this row, ${columns.length} in the header`);
  for (const [index, column] of columns.entries()) {
    const cell = cells[index];
    if (!cell || (cell.text === "" && column !== "time")) continue;
    const value = cellValue(column, cell, problems);
    if (value !== undefined) step[column === "time" ? "at" : column] = value;
  }
  return step;
}

function cellValue(column: Column, { text, at }: Cell, problems: Problems): number | undefined {
  const parsed = parseQuantity(text === "0" ? `0${ZERO[column]}` : text, COLUMNS[column]);
  const [most, shown] = MOST[column];
  const wrong = !parsed.ok
    ? parsed.message
    : parsed.value < 0
      ? `"${text}" is negative`
      : parsed.value > most
        ? `"${text}" is too large; at most ${shown} is allowed`
        : undefined;
  if (wrong !== undefined) problems.error(at, `trace: ${column}: ${wrong}`);
  return parsed.ok && wrong === undefined ? parsed.value : undefined;
}

/** Zero is zero in every unit. */
const ZERO: Readonly<Record<Column, string>> = { time: "s", rate: "bit", delay: "s", loss: "%" };

/** netem's *.dist: numbers between white space, comments after "#"; 8192 is one jitter. Their order means nothing. */
function parseTable(file: string, text: string, problems: Problems): number[] | undefined {
  const values: number[] = [];
  for (const [index, line] of text.split(/\r?\n/u).entries()) {
    for (const { 0: word, index: start } of line.replace(/#.*/u, "").matchAll(/\S+/gu)) {
      const value = Number(word);
      if (/^-?\d+$/u.test(word) && value >= -32_768 && value <= 32_767) values.push(value);
      else {
        const at = { file, line: index + 1, column: start + 1 };
        problems.error(at, `table: "${word}" is no whole number from -32768 to 32767`);
        return undefined;
      }
    }
  }
  if (values.length > 0 && values.length <= MAX_TABLE) return values.sort((a, b) => a - b);
  problems.error(wholeFile(file), `table: ${values.length} numbers; 1 to ${MAX_TABLE} are allowed`);
  return undefined;
}

// ---- names ---------------------------------------------------------------------------------------------------------

/**
 * The tree with the files of its paths and changes named absolutely: each is relative to the file in which it is written
 * (`extends` may have brought it), or to `cwd` when the command line named it. So the case means the same wherever it is
 * run again.
 */
export function anchorFiles(tree: TableNode, cwd: string): TableNode {
  return mapKeys(tree, (key, value) => {
    if (key === "path") return anchorPaths(value, cwd);
    if (key !== "change" || value.type !== "list") return value;
    return { ...value, items: value.items.map((item) => anchorChange(item, cwd)) } satisfies ListNode;
  });
}

function anchorChange(change: Node, cwd: string): Node {
  if (change.type !== "table") return change;
  return mapKeys(change, (key, value) => {
    if (key !== "set" || value.type !== "table") return value;
    return mapKeys(expandPaths(value), (section, part) => (section === "path" ? anchorPaths(part, cwd) : part));
  });
}

/** Names in [path.*], whatever else is wrong there. */
function anchorPaths(node: Node, cwd: string): Node {
  if (node.type !== "table") return node;
  return mapKeys(node, (_, path) => (path.type === "table" ? anchorLine(path, cwd) : path));
}

function anchorLine(line: TableNode, cwd: string): TableNode {
  return mapKeys(line, (key, value) => {
    if (key === "trace") return anchored(value, cwd);
    if (value.type !== "table") return value;
    if (key === "distribution") return mapKeys(value, (name, file) => (name === "table" ? anchored(file, cwd) : file));
    return ["slot", "down", "up"].includes(key) ? anchorLine(value, cwd) : value;
  });
}

function anchored(node: Node, cwd: string): Node {
  if (node.type !== "scalar" || typeof node.value !== "string" || node.value === "" || isAbsolute(node.value))
    return node;
  const folder = node.at.file.startsWith("--") ? "." : dirname(node.at.file);
  return { ...node, value: resolve(cwd, folder, node.value) };
}

function mapKeys(table: TableNode, convert: (key: string, value: Node) => Node): TableNode {
  const entries = [...table.entries].map(([key, entry]): [string, Entry] => {
    return [key, { ...entry, value: convert(key, entry.value) }];
  });
  return { ...table, entries: new Map(entries) };
}
