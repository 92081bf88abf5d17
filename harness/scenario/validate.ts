import type { z } from "zod";
import { allowedNames } from "./capabilities.js";
import type { Position, Problems } from "./problem.js";
import { didYouMean, nearest, oneOf } from "./suggest.js";
import { describeNode, keyPositionAt, type Node, nodeAt, positionAt, type TableNode, toPlain } from "./tree.js";

/**
 * Checks one section of a scenario against its part of the schema and places every issue where it stands in the text.
 * Sections are checked one by one, so that a slip in one does not hide the slips in another.
 */
export function check<T extends z.ZodType>(
  schema: T,
  node: Node,
  label: string,
  header: Position,
  problems: Problems,
): z.output<T> | undefined {
  const result = schema.safeParse(toPlain(node), { error: (issue) => explain(issue) });
  if (result.success) return result.data;
  for (const issue of withoutEchoes(result.error.issues)) report(issue, node, label, header, problems);
  return undefined;
}

/** A key that is missing because it is misspelt: the misspelt one is said, with what was meant. */
function withoutEchoes(issues: readonly z.core.$ZodIssue[]): z.core.$ZodIssue[] {
  const unknown = issues.filter((issue) => issue.code === "unrecognized_keys");
  return issues.filter(({ path, message }) => {
    const last = String(path.at(-1));
    const table = JSON.stringify(path.slice(0, -1));
    const here = unknown.filter((one) => JSON.stringify(one.path) === table).flatMap(({ keys }) => keys);
    return !message.startsWith("is missing") || !here.some((key) => nearest(key, [last]) !== undefined);
  });
}

function report(issue: z.core.$ZodIssue, node: Node, label: string, header: Position, problems: Problems): void {
  if (issue.code === "unrecognized_keys") {
    const table = (nodeAt(node, issue.path) ?? node) as TableNode;
    // `explain` wrote one line per key, in the order of the keys.
    const messages = issue.message.split("\n");
    const where = dotted(label, issue.path);
    issue.keys.forEach((key, index) => {
      problems.error(keyPositionAt(table, key), where ? `${where}: ${messages[index]}` : `${messages[index]}`);
    });
    return;
  }
  const form = meantForm(issue, node);
  if (form) {
    for (const one of withoutEchoes(form))
      report({ ...one, path: [...issue.path, ...one.path] }, node, label, header, problems);
    return;
  }
  const misspelt = misspeltChoice(issue, node);
  if (misspelt) {
    const { table, key, choice } = misspelt;
    const where = dotted(label, issue.path.slice(0, -1));
    problems.error(keyPositionAt(table, key), `${where}: unknown key "${key}"; did you mean "${choice}"?`);
    return;
  }
  problems.error(
    positionAt(node, issue.path, header),
    `${dotted(label, issue.path)}: ${issue.message}${found(issue, node)}`,
  );
}

/** `disipline = "fq_codel"`: which variant is meant is not known, so zod cannot say which key is wrong. */
function misspeltChoice(issue: z.core.$ZodIssue, node: Node) {
  const choice = issue.code === "invalid_union" ? issue.discriminator : undefined;
  const table = nodeAt(node, issue.path.slice(0, -1));
  if (choice === undefined || table?.type !== "table" || table.entries.has(choice)) return undefined;
  const key = [...table.entries.keys()].find((each) => nearest(each, [choice]) !== undefined);
  return key === undefined ? undefined : { table, key, choice };
}

/** Of the forms that a value can take, what is wrong by the only one that is a table, when it is a table. */
function meantForm(issue: z.core.$ZodIssue, node: Node): z.core.$ZodIssue[] | undefined {
  if (issue.code !== "invalid_union" || issue.discriminator !== undefined) return undefined;
  if (nodeAt(node, issue.path)?.type !== "table") return undefined;
  const isNoTable = (one: z.core.$ZodIssue) =>
    (one.code === "invalid_type" || one.code === "invalid_value") && one.path.length === 0;
  const tables = issue.errors.filter((form) => !form.some(isNoTable));
  return tables.length === 1 ? tables[0] : undefined;
}

/** Records check keys as well: point at the value, say what the key may be. */
function found(issue: z.core.$ZodIssue, node: Node): string {
  if (issue.code !== "invalid_union" || issue.discriminator !== undefined) return "";
  const value = nodeAt(node, issue.path);
  // A message about one form of the value says what was found by itself.
  const isSaid = value !== undefined && issue.message.startsWith(describeNode(value));
  return value && !isSaid ? `, found ${describeNode(value)}` : "";
}

function dotted(label: string, path: readonly PropertyKey[]): string {
  const steps = path.map((step) => (typeof step === "number" ? `[${step + 1}]` : `.${String(step)}`)).join("");
  return `${label}${steps}`.replace(/^\./u, "");
}

/** The message of a raw issue; undefined leaves zod's own, which this covers for every type the schema uses. */
function explain(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => unknownKey(key, issue.inst)).join("\n");
    case "invalid_type":
      return wrongType(issue.expected, issue.input);
    case "invalid_value":
      return issue.input === undefined ? missing(issue.values) : notOneOf(issue.input, issue.values.map(String));
    case "invalid_union":
      return issue.discriminator === undefined ? undefined : badChoice(issue);
    case "too_small":
      return outOfRange(issue.input, issue.minimum, "small", issue.origin);
    case "too_big":
      return outOfRange(issue.input, issue.maximum, "large", issue.origin);
    case "invalid_format":
      return `${JSON.stringify(issue.input)} is no name; names are letters, digits, "_" and "-"`;
    case "invalid_key":
      return `not a name; names are letters, digits, "_" and "-"`;
    default:
      return undefined;
  }
}

function unknownKey(key: string, schema: unknown): string {
  const shape =
    (schema as { _zod?: { def?: { shape?: Record<string, unknown> } } } | undefined)?._zod?.def?.shape ?? {};
  const allowed = Object.keys(shape);
  const home = allowed.includes("discipline") ? ON_THE_PLAN[key] : undefined;
  if (home) return `unknown key "${key}"; ${home}`;
  return `unknown key "${key}"; ${didYouMean(key, allowed)}allowed: ${oneOf(allowed, 24)}`;
}

/** Words of tc's command lines that are the plan's here, whatever its discipline. */
const RATE = "the rate is the plan's: `down` and `up` beside sqm";
const FRAMING = "framing belongs to the plan: write it beside sqm, not in it";
const ON_THE_PLAN: Readonly<Record<string, string>> = {
  bandwidth: RATE,
  ...Object.fromEntries(["overhead", "mpu", "atm", "ptm", "vlan"].map((key) => [key, FRAMING])),
};

const TYPES: Readonly<Record<string, string>> = {
  string: "a string",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  object: "a table",
  record: "a table",
  array: "a list",
};

function wrongType(expected: string, input: unknown): string {
  const wanted = TYPES[expected] ?? expected;
  if (input === undefined) return `is missing; it must be ${wanted}`;
  return `expected ${wanted}, found ${describeInput(input)}`;
}

function missing(values: readonly unknown[]): string {
  return `is missing; allowed: ${allowedNames(values.map(String))}`;
}

function notOneOf(input: unknown, allowed: readonly string[]): string {
  const suggestion = typeof input === "string" ? didYouMean(input, allowed) : "";
  return `${describeInput(input)} is not allowed; ${suggestion}allowed: ${allowedNames(allowed)}`;
}

function badChoice(issue: z.core.$ZodRawIssue<z.core.$ZodIssueInvalidUnion>): string {
  const options = (issue as { options?: readonly unknown[] }).options ?? [];
  const value = (issue.input as Record<string, unknown> | undefined)?.[issue.discriminator ?? ""];
  return value === undefined ? missing(options) : notOneOf(value, options.map(String));
}

function outOfRange(input: unknown, limit: unknown, too: "small" | "large", origin: string): string {
  const bound = too === "small" ? "at least" : "at most";
  if (origin === "string" || origin === "array") {
    return too === "small" ? `must not be empty` : `is too long; at most ${limit}`;
  }
  return `${String(input)} is too ${too}; ${bound} ${String(limit)} is allowed`;
}

function describeInput(input: unknown): string {
  if (Array.isArray(input)) return "a list";
  if (input instanceof Date) return "a date";
  return typeof input === "object" && input !== null ? "a table" : JSON.stringify(input);
}
