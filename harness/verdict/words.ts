import { GRADES } from "../metrics/index.js";
import type { Bound, BoundOp } from "../scenario/types.js";
import { formatCount, formatPercent, formatRate, formatTime } from "../units/index.js";

const OPS: Record<BoundOp, string> = {
  below: "below",
  at_most: "at most",
  above: "above",
  at_least: "at least",
  equals: "exactly",
};

/** A value of the bound's metric for people: `34.2 ms`, `19.1 Mbit/s`, `A+`. A missing one is `no data`. */
export function formatValue(value: number | null, bound: Bound, metric: string): string {
  if (value === null) return "no data";
  switch (unitOf(bound)) {
    case "s":
      return formatTime(value);
    case "bit/s":
      return formatRate(value);
    case "grade":
      return GRADES.find((grade) => grade.value === value)?.letter ?? String(value);
    case "ratio":
      // Jain's index is read as a number, everything else as a percentage.
      return metric.includes("jain") ? String(Number(value.toFixed(4))) : formatPercent(value);
    default:
      return formatCount(value);
  }
}

/** `below 30 ms`; where the bound is relative, with the text that it came from: `at least 18.2 Mbit/s (95% of share)`. */
export function formatBound(bound: Bound, limit: number | null, metric: string): string {
  const origin = bound.of === null ? "" : ` (${bound.text})`;
  const amount = limit === null ? bound.text : formatValue(limit, bound, metric);
  return `${OPS[bound.op]} ${amount}${limit === null ? "" : origin}`;
}

/** The unit of the metric: a fraction of a share or plan is of a rate. */
function unitOf(bound: Bound): string {
  return bound.of === "share" || bound.of === "plan" ? "bit/s" : bound.unit;
}
