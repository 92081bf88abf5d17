import { z } from "zod";
import { howToWrite, nounOf, parseQuantity, type QuantityKind, quantityPattern } from "../units/index.js";
import { didYouMean, oneOf } from "./suggest.js";

/** The small types of the scenario language: strings with units that become numbers in base units. */

export const NAME = /^[A-Za-z0-9_-]+$/u;

interface Range {
  /** In base units, inclusive; both as the messages should print them. */
  min?: [value: number, text: string];
  max?: [value: number, text: string];
  /** Zero is refused by default: a rate or interval of 0 is a slip. */
  zero?: boolean;
}

const EXAMPLES: Readonly<Record<QuantityKind, string>> = {
  rate: "20mbit",
  time: "15ms",
  size: "64KiB",
  percent: "95%",
};

/**
 * A quantity as a string with a unit; the output is a number in base units (bit/s, ns, bytes, ratio). `words` are
 * names that stand for a value of their own.
 */
export function quantity(kind: QuantityKind, range: Range = {}, words: Readonly<Record<string, number>> = {}) {
  const names = Object.keys(words);
  const pattern = [quantityPattern(kind), ...names.map((name) => `^${name}$`)].join("|");
  return z
    .string({ error: (issue) => notText(kind, issue.input) })
    .meta({ title: kind, pattern, examples: [EXAMPLES[kind]] })
    .transform((text, context) => {
      if (Object.hasOwn(words, text)) return words[text] as number;
      const parsed = readQuantity(text, kind, names);
      const message = parsed.ok ? outside(text, kind, parsed.value, range) : parsed.message;
      if (message === undefined && parsed.ok) return parsed.value;
      context.addIssue({ code: "custom", message: message ?? "" });
      return z.NEVER;
    });
}

function readQuantity(text: string, kind: QuantityKind, names: readonly string[]) {
  const parsed = parseQuantity(text, kind);
  if (parsed.ok || names.length === 0 || /^\s*[-+.\d]/u.test(text)) return parsed;
  const message = `"${text}" is neither ${nounOf(kind)} nor a preset; ${didYouMean(text, names)}presets: ${oneOf(names)}`;
  return { ok: false as const, message };
}

export const rate = (range: Range = {}) => quantity("rate", { max: [1e12, "1tbit"], ...range });
export const time = (range: Range = {}) => quantity("time", range);
export const size = (range: Range = {}) => quantity("size", range);
export const percent = (range: Range = {}) => quantity("percent", { max: [1, "100%"], ...range });

/** The name of something in the scenario, or a reference to one. */
export const name = () => z.string().regex(NAME);

/** One string or several; the output is always a list. */
export function oneOrMore(what: string) {
  const error = `expected ${what} or a list of them`;
  return z
    .union([z.string().min(1), z.array(z.string().min(1)).min(1)], { error })
    .transform((value) => (typeof value === "string" ? [value] : value));
}

/** DSCP names (RFC 2474, 2597, 3246, 5865, 8622) → code points. */
export const DSCP: Readonly<Record<string, number>> = {
  ...Object.fromEntries(Array.from({ length: 8 }, (_, n) => [`CS${n}`, 8 * n])),
  ...Object.fromEntries([1, 2, 3, 4].flatMap((c) => [1, 2, 3].map((drop) => [`AF${c}${drop}`, 8 * c + 2 * drop]))),
  EF: 46,
  VA: 44,
  LE: 1,
};

export function dscp() {
  const names = Object.keys(DSCP) as [string, ...string[]];
  const error = `expected a DSCP name (CS0 … CS7, AF11 … AF43, EF, VA, LE) or a code point 0 … 63`;
  return z
    .union([z.enum(names), z.int().min(0).max(63)], { error })
    .transform((value) => (typeof value === "string" ? (DSCP[value] as number) : value));
}

function notText(kind: QuantityKind, input: unknown): string {
  if (input === undefined) return `is missing; ${howToWrite(kind)}`;
  if (typeof input === "number")
    return `${input} is a bare number, here ${nounOf(kind)} is needed; ${howToWrite(kind)}`;
  return `expected ${nounOf(kind)} as a string; ${howToWrite(kind)}`;
}

function outside(
  text: string,
  kind: QuantityKind,
  value: number,
  { min, max, zero = false }: Range,
): string | undefined {
  const noun = nounOf(kind).replace(/^a /u, "");
  if (value < 0)
    return `"${text}" is negative; ${kind === "percent" ? "a percentage" : `a ${noun}`} must be ${zero ? "0 or more" : "more than 0"}`;
  if (value === 0 && !zero) return `"${text}" is zero; a ${noun} must be more than 0`;
  if (min && value < min[0]) return `"${text}" is too small; at least ${min[1]} is allowed`;
  if (max && value > max[0]) return `"${text}" is too large; at most ${max[1]} is allowed`;
  return undefined;
}
