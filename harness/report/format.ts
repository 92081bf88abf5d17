import { GRADES } from "../metrics/grade.js";
import type { MetricUnit, MetricValue } from "../metrics/types.js";
import { formatBytes, formatCount, formatDuration, formatPercent, formatRate, formatTime } from "../units/index.js";
import { NOT_STARTED, STOPPED } from "../verdict/case.js";
import type { CaseResult, ExpectationResult, Results, Verdict } from "../verdict/types.js";

/** Metrics and verdicts in the words of a report. Pure. */

/** Shown where there is no value; the words beside it say why. */
export const NO_VALUE = "–";

const RATIO_DIGITS = 4;

/**
 * A metric's value in the unit it is stored in. Ratios that people read as percentages (loss) become ones; units
 * that are not ours are printed as they are.
 */
export function formatValue(value: number | null, unit: MetricUnit | string, metric = ""): string {
  if (value === null || !Number.isFinite(value)) return NO_VALUE;
  switch (unit) {
    case "s":
      return formatTime(value);
    case "bit/s":
      return formatRate(value);
    case "bytes":
      return formatBytes(value);
    case "ratio":
      return metric.split(".").includes("loss") ? formatPercent(value) : String(Number(value.toFixed(RATIO_DIGITS)));
    case "grade":
      return formatGrade(value);
    case "count":
    case "packets":
    case "score":
      return formatCount(value);
    default:
      return `${formatCount(value)} ${unit}`.trim();
  }
}

export function formatMetric(metric: MetricValue | undefined, name = ""): string {
  return metric === undefined ? NO_VALUE : formatValue(metric.value, metric.unit, name);
}

/** The letter of a grade's points; a median between two letters is shown as the worse of them. */
export function formatGrade(points: number | null): string {
  return (points === null ? undefined : GRADES.find((grade) => grade.value <= points)?.letter) ?? NO_VALUE;
}

export interface VerdictLook {
  /** Beside the words, never instead of them. */
  symbol: string;
  words: string;
  /** `good` and `bad` decide a colour; `odd` needs a person; `mute` says nothing about the product. */
  tone: "good" | "bad" | "odd" | "mute";
}

const LOOKS: Record<Verdict, VerdictLook> = {
  pass: { symbol: "✓", words: "pass", tone: "good" },
  fail: { symbol: "✗", words: "fail", tone: "bad" },
  "expected-fail": { symbol: "✓", words: "expected fail", tone: "good" },
  "no-data": { symbol: "?", words: "no data", tone: "odd" },
  invalid: { symbol: "!", words: "invalid", tone: "odd" },
  inconclusive: { symbol: "~", words: "inconclusive", tone: "odd" },
  skipped: { symbol: "-", words: "skipped", tone: "mute" },
};

export function verdictLook(verdict: Verdict): VerdictLook {
  return LOOKS[verdict];
}

/** What a verdict means, for readers who meet it for the first time. */
const VERDICT_MEANING: Record<Verdict, string> = {
  pass: "everything came out as expected",
  fail: "an expectation did not hold",
  "expected-fail": "the control failed, as it must",
  "no-data": "nothing was measured, which is never a pass",
  invalid: "the machine or the lab was the limit, so nothing can be said about the product",
  inconclusive: "the measurements cannot tell",
  skipped: "not run",
};

/**
 * What the verdict of all cases means. The machine is only blamed for what it did: a run that its user stopped, or that
 * never started, says nothing about it.
 */
export function resultsMeaning({ verdict, cases }: Pick<Results, "verdict" | "cases">): string {
  const reasons = cases.filter((one) => one.verdict === "invalid").map((one) => one.reason);
  if (verdict !== "invalid" || reasons.length === 0 || !reasons.every(isNoFault)) return VERDICT_MEANING[verdict];
  // The reason of one case that could not start stands at the case; what follows it need not be the same for all.
  return reasons.find((reason) => reason === STOPPED) ?? NOT_STARTED;
}

/** Is an invalid case's reason none that the machine's health could explain? */
export function isNoFault(reason: string): boolean {
  return reason === STOPPED || reason.startsWith(NOT_STARTED);
}

/** `31.2 s in 1 run`; where time is virtual also how that compares: `5.5 s in 1 run, 0.37 × the scenario's clock`. */
export function timeText({ wall_s, clock_s = 0, runs }: CaseResult): string {
  const took = `${formatDuration(wall_s)} in ${runs.length === 1 ? "1 run" : `${runs.length} runs`}`;
  return clock_s > 0 ? `${took}, ${Number((wall_s / clock_s).toPrecision(2))} × the scenario's clock` : took;
}

/** `3 cases: 2 pass, 1 expected fail`, in the order of severity. */
export function tally(verdicts: Verdict[], noun: string): string {
  const parts = (Object.keys(LOOKS) as Verdict[])
    .map((verdict) => ({ verdict, n: verdicts.filter((v) => v === verdict).length }))
    .filter(({ n }) => n > 0)
    .map(({ verdict, n }) => `${n} ${LOOKS[verdict].words}`);
  return `${verdicts.length} ${noun}${verdicts.length === 1 ? "" : "s"}${parts.length > 0 ? `: ${parts.join(", ")}` : ""}`;
}

const OPERATORS = { below: "<", at_most: "≤", above: ">", at_least: "≥", equals: "=" } as const;

/** The bound as written, with how many must hold it when that is not simply every client: `< 30ms for 95% of clients`. */
export function boundText(expectation: ExpectationResult): string {
  const { bound, per, for: fraction } = expectation;
  const written = bound.text !== "" ? bound.text : formatValue(bound.value, bound.unit, expectation.metric);
  const operator = OPERATORS[bound.op];
  if (fraction < 1) return `${operator} ${written} for ${formatPercent(fraction)} of ${per}s`;
  return per === "client" ? `${operator} ${written}` : `${operator} ${written} (${per})`;
}
