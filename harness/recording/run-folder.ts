import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { Blueprint } from "../blueprint/types.js";
import type { Case } from "../scenario/types.js";
import { emptyTable, joinTables, readSegment, type Table } from "./segment.js";
import { readTail } from "./tail.js";

export const TABLE_NAMES = [
  "dp_client",
  "dp_tin",
  "dp_reactor",
  "tcp_bin",
  "tcp_info",
  "flow_event",
  "udp_bin",
  "udp_sent",
  "probe",
  "transfer",
  "page",
  "video",
  "rpm",
  "traffic_reactor",
] as const;
export type TableName = (typeof TABLE_NAMES)[number];

/** One line of events.jsonl. */
export interface RunEvent {
  event: string;
  /** Seconds from t0; null before it is known. */
  time: number | null;
  [field: string]: unknown;
}

/**
 * One run as it lies on disk. What is missing or damaged is empty or null here and named in `problems`: a run that
 * crashed must still be judged.
 */
export interface Run {
  dir: string;
  case: Case | null;
  blueprint: Blueprint | null;
  environment: Record<string, unknown> | null;
  events: RunEvent[];
  /** Decoded when first asked for; always a table, empty when nothing was recorded. */
  tables: Readonly<Record<TableName, Table>>;
  /** What could not be read, one sentence each; grows while tables are decoded. */
  problems: string[];
}

/** Reads a run's folder (docs/run-folder.md), `DIR/<case>/run-<n>`. Never throws for what it finds there. */
export function readRun(dir: string): Run {
  const problems: string[] = [];
  return {
    dir,
    case: readJson<Case>(join(dirname(resolve(dir)), "case.json"), problems),
    blueprint: readJson<Blueprint>(join(dir, "blueprint.json"), problems),
    environment: readJson<Record<string, unknown>>(join(dir, "environment.json"), problems),
    events: readEvents(join(dir, "events.jsonl"), problems),
    tables: lazyTables(join(dir, "samples"), problems),
    problems,
  };
}

/** The file's text, or null with the reason in `problems`. */
function readText(path: string, problems: string[]): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    problems.push(`${path}: ${(error as Error).message}`);
    return null;
  }
}

function readJson<T extends object>(path: string, problems: string[]): T | null {
  const text = readText(path, problems);
  if (text === null) return null;
  const value = parseObject(text);
  if (value === null) problems.push(`${path}: is no JSON object; was the run killed while it was written?`);
  return value as T | null;
}

function parseObject(text: string): object | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}

function readEvents(path: string, problems: string[]): RunEvent[] {
  const events: RunEvent[] = [];
  const lines = (readText(path, problems) ?? "").split("\n");
  for (const [index, line] of lines.entries()) {
    if (line.trim() === "") continue;
    const value = parseObject(line) as Partial<RunEvent> | null;
    if (value === null || typeof value.event !== "string") {
      // The last line of a killed run is cut anywhere; that is no damage.
      if (index < lines.length - 1) problems.push(`${path}:${index + 1}: is no event; skipped`);
      continue;
    }
    events.push({ ...value, event: value.event, time: typeof value.time === "number" ? value.time : null });
  }
  return events;
}

/** What a program of the scenario printed (docs/run-folder.md); null when there is no such file. */
export function readOutput({ dir, problems }: Pick<Run, "dir" | "problems">, file: string): string | null {
  return readText(join(dir, "programs", file), problems);
}

function lazyTables(dir: string, problems: string[]): Record<TableName, Table> {
  const cache = new Map<TableName, Table>();
  const tables = {} as Record<TableName, Table>;
  for (const name of TABLE_NAMES) {
    const get = (): Table => {
      const table = cache.get(name) ?? readTable(dir, name, problems);
      cache.set(name, table);
      return table;
    };
    Object.defineProperty(tables, name, { get, enumerable: true });
  }
  return tables;
}

/**
 * The newest records of a run that may still be going on: of each writer those within `span` ns of its last one, and maybe
 * older ones. What cannot be read is named in `problems`.
 */
export function readNewest(run: string, type: TableName, span: number, problems: string[]): Table {
  return readTable(join(run, "samples"), type, problems, (path) => readTail(path, span));
}

/** All `<writer>.<type>.seg` of one type, joined in the order of their names. */
function readTable(dir: string, type: TableName, problems: string[], read = readSegment): Table {
  const parts: Table[] = [];
  for (const file of segmentFiles(dir, type)) {
    try {
      const table = read(join(dir, file));
      if (table.type === type) parts.push(table);
      else problems.push(`${join(dir, file)}: holds ${table.type} records, its name says ${type}; ignored`);
    } catch (error) {
      problems.push((error as Error).message);
    }
  }
  return parts.length === 0 ? emptyTable(type) : joinTables(type, parts);
}

function segmentFiles(dir: string, type: TableName): string[] {
  try {
    return readdirSync(dir)
      .filter((file) => file.endsWith(`.${type}.seg`))
      .sort();
  } catch {
    // No samples folder: the run ended before anything was recorded; the empty table says so.
    return [];
  }
}
