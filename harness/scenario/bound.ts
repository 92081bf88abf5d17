import { howToWrite, parsePercent, parseQuantity } from "../units/index.js";
import type { Axes } from "./matrix.js";
import type { Quantity } from "./metric-names.js";
import { didYouMean, oneOf } from "./suggest.js";
import type { Bound, BoundOp } from "./types.js";

/**
 * Bounds of expectations: a quantity, "N% of share", "N% of plan", a bare "N%" (of share; for a ratio, the ratio
 * itself), "2ms over base", "1ms over sqm=fq_codel", a count, or a grade. The unit must fit the metric.
 */
export type ParsedBound = { ok: true; bound: Bound } | { ok: false; message: string };

type Unit = Quantity["unit"];

/** Values of grades, so that better is larger (DSLReports' table; the metric uses the same numbers). */
export const GRADES: Readonly<Record<string, number>> = { F: 1, D: 2, C: 3, B: 4, A: 5, "A+": 6 };

const UNIT_WORDS: Readonly<Record<Unit, string>> = {
  s: `a time; ${howToWrite("time")}`,
  "bit/s": `a rate or "95% of share"; ${howToWrite("rate")}`,
  ratio: `a ratio; write e.g. 0.98 or "1%"`,
  packets: "a number of packets; write e.g. 0",
  count: "a count; write e.g. 0",
  score: "a number; write e.g. 4.2",
  grade: `a grade; allowed: ${Object.keys(GRADES).reverse().join(", ")}`,
};

export function parseBound(op: BoundOp, raw: string | number, quantity: Quantity, axes: Axes): ParsedBound {
  const parsed = readBound(op, raw, quantity, axes);
  const message = parsed.ok ? senseless(parsed.bound, quantity) : undefined;
  return message === undefined ? parsed : { ok: false, message };
}

function readBound(op: BoundOp, raw: string | number, { unit }: Quantity, axes: Axes): ParsedBound {
  const text = String(raw).trim();
  if (typeof raw === "number") return parseNumber(op, raw, text, unit);
  const share = /^(.+?)\s+of\s+(\S+)$/u.exec(text);
  if (share) return parseShare(op, text, share[1] as string, share[2] as string, unit);
  const over = /^(.+?)\s+over\s+(\S+)$/u.exec(text);
  if (over) return parseOver(op, text, over[1] as string, over[2] as string, unit, axes);
  if (unit === "bit/s" && text.endsWith("%")) return parseShare(op, text, text, "share", unit);
  const value = parseValue(text, unit);
  if (typeof value === "string") return { ok: false, message: value };
  return bound(op, value, unit, null, text);
}

function bound(op: BoundOp, value: number, unit: Unit, of: Bound["of"], text: string): ParsedBound {
  return { ok: true, bound: { op, value, unit, of, text } };
}

/** Ratios that are no part of a whole: a shaper may overshoot the plan, and a page may take longer than while idle. */
const PASSES_ONE = /^(?:utilization|plt_ratio|slowdown)/u;

/** What a quantity can be, so that a bound that holds always or never is seen before anything runs. */
function limitsOf({ name, unit }: Quantity): [low: number, high: number] {
  if (unit === "grade") return [Math.min(...Object.values(GRADES)), Math.max(...Object.values(GRADES))];
  if (unit === "score" && !name.startsWith("rpm"))
    return name.startsWith("mos") ? [1, 4.5] : [Number.NEGATIVE_INFINITY, 100];
  const high = unit === "ratio" && !PASSES_ONE.test(name) ? 1 : Number.POSITIVE_INFINITY;
  // Load can also shorten a delay (a CPU that no longer sleeps), so what it adds may be less than nothing.
  return [name === "induced" ? Number.NEGATIVE_INFINITY : 0, high];
}

function senseless({ op, value, of, text }: Bound, quantity: Quantity): string | undefined {
  const { name } = quantity;
  const [low, high] = limitsOf(quantity);
  if (value < 0) return `"${text}" is negative; a bound must be 0 or more`;
  if (of === "share" || of === "plan") return undefined;
  if (value > high) return `${text} is too much: ${name} is never more than ${high}`;
  if (of !== null) return undefined;
  if (op === "below" && value <= low) return `${name} is never below ${text}: the expectation cannot hold`;
  if (op === "above" && value >= high) return `${name} is never above ${text}: the expectation cannot hold`;
  const always = (op === "at_least" && value <= low) || (op === "at_most" && value >= high);
  return always ? `${name} is always ${op} ${text}: the expectation judges nothing` : undefined;
}

function parseNumber(op: BoundOp, value: number, text: string, unit: Unit): ParsedBound {
  if (unit === "ratio" || unit === "packets" || unit === "count" || unit === "score") {
    const valid = unit === "ratio" || unit === "score" ? Number.isFinite(value) : Number.isInteger(value) && value >= 0;
    return valid ? bound(op, value, unit, null, text) : { ok: false, message: `${text} is not ${UNIT_WORDS[unit]}` };
  }
  return { ok: false, message: `${text} is a bare number, here it must be ${UNIT_WORDS[unit]}` };
}

/** A value in the metric's unit (seconds, not nanoseconds), or a message. */
function parseValue(text: string, unit: Unit): number | string {
  switch (unit) {
    case "s":
    case "bit/s": {
      const parsed = parseQuantity(text, unit === "s" ? "time" : "rate");
      if (!parsed.ok) return parsed.message;
      return unit === "s" ? parsed.value / 1e9 : parsed.value;
    }
    case "ratio": {
      if (/^-?(?:\d+(?:\.\d+)?|\.\d+)$/u.test(text)) return Number(text);
      const parsed = parsePercent(text);
      return parsed.ok ? parsed.value : `"${text}" is not ${UNIT_WORDS.ratio}`;
    }
    case "score":
      return /^-?(?:\d+(?:\.\d+)?|\.\d+)$/u.test(text) ? Number(text) : `"${text}" is not ${UNIT_WORDS.score}`;
    case "grade":
      return Object.hasOwn(GRADES, text) ? (GRADES[text] as number) : `"${text}" is not ${UNIT_WORDS.grade}`;
    default:
      return `"${text}" is not ${UNIT_WORDS[unit]}`;
  }
}

function parseShare(op: BoundOp, text: string, amount: string, of: string, unit: Unit): ParsedBound {
  if (of !== "share" && of !== "plan") {
    return { ok: false, message: `"${text}": "of ${of}" is not known; write "95% of share" or "95% of plan"` };
  }
  if (unit !== "bit/s") {
    return {
      ok: false,
      message: `"${text}" is relative to a rate, but the metric is not one: it needs ${UNIT_WORDS[unit]}`,
    };
  }
  const parsed = parsePercent(amount);
  if (!parsed.ok) return { ok: false, message: parsed.message };
  if (parsed.value <= 0) return { ok: false, message: `"${text}": the percentage must be more than 0` };
  return bound(op, parsed.value, "ratio", of, text);
}

function parseOver(op: BoundOp, text: string, amount: string, of: string, unit: Unit, axes: Axes): ParsedBound {
  if (op === "equals")
    return { ok: false, message: `"${text}": equals takes no relative bound; write below or at_most` };
  if (unit === "grade") return { ok: false, message: `"${text}": a grade has no "over"; it needs ${UNIT_WORDS.grade}` };
  const value = unit === "packets" || unit === "count" ? parseCount(amount) : parseValue(amount, unit);
  if (typeof value === "string") return { ok: false, message: value };
  if (axes.size === 0) return { ok: false, message: `"${text}": there is no other case to compare with: no [matrix]` };
  if (of === "base") return bound(op, value, unit, { base: true }, text);
  const [axis = "", other = ""] = of.split("=");
  const message = unknownCell(axis, other, axes);
  return message
    ? { ok: false, message: `"${text}": ${message}` }
    : bound(op, value, unit, { axis, value: other }, text);
}

function parseCount(text: string): number | string {
  return /^\d+$/u.test(text) ? Number(text) : `"${text}" is not a count; write e.g. 10`;
}

/** Why `axis = value` names no case, or undefined when it does. */
export function unknownCell(axis: string, value: string, axes: Axes): string | undefined {
  const values = axes.get(axis);
  if (!values) {
    const names = [...axes.keys()];
    return `the matrix has no axis "${axis}"; ${didYouMean(axis, names)}axes: ${oneOf(names)}`;
  }
  if (values.includes(value)) return undefined;
  return `the axis "${axis}" has no value "${value}"; ${didYouMean(value, values)}values: ${oneOf(values)}`;
}
