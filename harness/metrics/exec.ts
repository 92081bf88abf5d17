import type { ProgramBlueprint } from "../blueprint/types.js";
import { type Run, type RunEvent, readOutput } from "../recording/index.js";
import { parseJsonPath, valuesAt } from "../scenario/json-path.js";
import type { ExecMetric, ExecTraffic } from "../scenario/types.js";
import { largest, mean, smallest, sum } from "../stats/index.js";
import type { Context } from "./context.js";
import { DEFAULT_PHASE, metricName } from "./names.js";
import { type Group, groupBy, type Sheet } from "./sheet.js";

/** timeout(1)'s, of a program whose time was over before it ended by itself. */
const OVER = 124;

/** One client's program and what it left. */
interface Outcome {
  client: string;
  /** null: it was never started, could not be, or nobody saw its end. */
  exit: number | null;
  wall: number | null;
  /** Every number that it printed for a metric, by the metric's name, in the metric's unit. */
  values: ReadonlyMap<string, readonly number[]>;
}

/** Metrics of programs: how they ended, and what their scenario finds in what they printed. */
export function execMetrics(context: Context, sheet: Sheet): void {
  const { run, blueprint } = context;
  for (const traffic of run.case?.traffic ?? []) {
    if (traffic.kind !== "exec") continue;
    const programs = (blueprint.programs?.programs ?? []).filter(
      ({ traffic: name, role }) => name === traffic.name && role === "client",
    );
    const byClient = groupBy(programs, ({ endpoint }) => [endpoint]);
    const outcomes = [...byClient.values()].map((own) =>
      merged(own.map((program) => outcomeOf(run, traffic, program))),
    );
    for (const [group, members] of groupBy(outcomes, ({ client }) => context.groupsOf(client)))
      putGroup(sheet, group, traffic, members);
  }
}

function putGroup(sheet: Sheet, group: Group, traffic: ExecTraffic, members: readonly Outcome[]): void {
  const name = (quantity: string) => metricName(traffic.name, DEFAULT_PHASE, quantity);
  const put = (quantity: string, unit: "count" | "s", values: readonly (number | null)[]) => {
    const known = values.filter((value) => value !== null);
    sheet.put(group, name(quantity), known.length === values.length ? largest(known) : null, unit, known.length);
  };
  put(
    "exit_code",
    "count",
    members.map(({ exit }) => exit),
  );
  put(
    "wall",
    "s",
    members.map(({ wall }) => wall),
  );
  for (const [quantity, metric] of Object.entries(traffic.metrics)) {
    const values = members.map((member) => member.values.get(quantity) ?? []);
    if (metric.each) sheet.distribution(group, name(quantity), values.flat(), metric.unit);
    else putNumber(sheet, group, name(quantity), metric, values);
  }
}

/** Without a number of each of them there is none of all: a sum over the rest would understate. */
function putNumber(
  sheet: Sheet,
  group: Group,
  name: string,
  { unit, total }: ExecMetric,
  values: readonly (readonly number[])[],
): void {
  const numbers = values.flatMap((own) => own.at(-1) ?? []);
  const reduce = { sum, mean, min: smallest, max: largest }[total];
  sheet.put(group, name, numbers.length === values.length ? reduce(numbers) : null, unit, numbers.length);
}

/** Of a client that ran its program several times, as it came and went: the worst of its ends, all of its numbers. */
function merged(outcomes: readonly Outcome[]): Outcome {
  const [first] = outcomes as [Outcome];
  const worst = (values: readonly (number | null)[]) => {
    const known = values.filter((value) => value !== null);
    return known.length === values.length ? largest(known) : null;
  };
  const values = [...first.values.keys()].map((name): [string, number[]] => {
    return [name, outcomes.flatMap((one) => one.values.get(name) ?? [])];
  });
  const [exit, wall] = [worst(outcomes.map((one) => one.exit)), worst(outcomes.map((one) => one.wall))];
  return { client: first.client, exit, wall, values: new Map(values) };
}

function outcomeOf(run: Run, traffic: ExecTraffic, program: ProgramBlueprint): Outcome {
  const event = run.events.findLast((one) => one.event === "program" && one.name === program.name);
  const [exit, wall] = [numberOf(event?.exit), numberOf(event?.wall)];
  const isOver = event?.over === true;
  const outputs = new Map<ExecMetric["from"], string | null>();
  const output = (from: ExecMetric["from"]) => {
    if (!outputs.has(from)) outputs.set(from, event === undefined ? null : outputOf(run, program, from, event));
    return outputs.get(from) ?? null;
  };
  const metrics = Object.entries(traffic.metrics);
  const values = metrics.map(([name, metric]) => [name, valuesOf(metric, output(metric.from))] as const);
  return { client: program.endpoint, exit: exit !== null && isOver ? OVER : exit, wall, values: new Map(values) };
}

const EXTENSION = { stdout: "out", stderr: "err" } as const;

/** Null also when not all of it was kept: what is missing might be what is looked for. */
function outputOf(run: Run, program: ProgramBlueprint, from: ExecMetric["from"], event: RunEvent): string | null {
  const { bytes, kept } = (event[from] ?? {}) as { bytes?: number; kept?: number };
  return bytes === undefined || bytes !== kept ? null : readOutput(run, `${program.name}.${EXTENSION[from]}`);
}

function valuesOf(metric: ExecMetric, output: string | null): number[] {
  const { json, regex, factor } = metric;
  if (output === null) return [];
  const found = json !== null ? numbersInJson(output, json) : numbersInText(output, regex ?? "");
  return found.map((value) => value * factor);
}

/** Of a document, or of each line that is one. */
export function numbersInJson(output: string, text: string): number[] {
  const parsed = parseJsonPath(text);
  if (!parsed.ok) return [];
  const whole = parse(output);
  const documents = whole === undefined ? output.split("\n").map(parse) : [whole];
  return documents.flatMap((document) => valuesAt(document, parsed.path)).flatMap((value) => numberOf(value) ?? []);
}

/** The first group of every match, or the whole of it where there is no group. */
export function numbersInText(output: string, regex: string): number[] {
  return [...output.matchAll(new RegExp(regex, "gm"))].flatMap(([whole, group]) => numberOf(group ?? whole) ?? []);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** A finite number, also one that is written as a string. */
function numberOf(value: unknown): number | null {
  if (typeof value !== "number" && (typeof value !== "string" || value.trim() === "")) return null;
  const number = Number(value);
  return Number.isFinite(number) ? number : null;
}
