import type { Blueprint } from "../blueprint/types.js";
import { inForce, Shares, splitName } from "../metrics/index.js";
import { groupBy } from "../metrics/sheet.js";
import type { BoundOp, Case, Expectation } from "../scenario/types.js";
import { median } from "../stats/index.js";
import type { RunEvidence } from "./evidence.js";
import { limitFor, type Others } from "./limits.js";
import { measured, type Subject, subjectsOf } from "./subjects.js";
import type { ExpectationResult, Verdict } from "./types.js";
import { formatBound, formatValue } from "./words.js";

/** One subject in one run. */
interface Observation {
  subject: Subject;
  value: number | null;
  limit: number | null;
  /** null = no data, or no limit to hold it against. */
  holds: boolean | null;
  /** Why `holds` is null. */
  missing: string;
}

/** An expectation in one run: what the bound itself says, before controls are turned round. */
interface RunOutcome {
  verdict: "pass" | "fail" | "no-data" | "skipped";
  observations: Observation[];
  /** Why it is `skipped`; else empty. */
  reason: string;
}

/**
 * Judges one expectation over the runs of its case. An invariant fails with any run; of measured things the majority
 * decides, and without one the verdict is inconclusive. No data is never a pass. A control (`outcome = "fail"`) is
 * turned round at the end.
 */
export function judgeExpectation(
  expectation: Expectation,
  which: Case,
  runs: readonly RunEvidence[],
  others: Others,
): ExpectationResult {
  const outcomes = runs.map((run) => observe(expectation, which, run, others));
  const found = overRuns(expectation, outcomes);
  const deciding = outcomes.filter((outcome) => outcome.verdict === found);
  const summary = summarize(
    expectation,
    (deciding.length > 0 ? deciding : outcomes).map((o) => o.observations),
  );
  const { verdict, reason } = explain(expectation, found, outcomes, summary);
  const { metric, bound, gate, per, outcome, file, line } = expectation;
  const value = middle(summary.map((o) => o.value));
  const worst = per === "total" ? null : worstOf(expectation.bound.op, summary);
  return {
    metric,
    bound,
    gate,
    per,
    for: expectation.for,
    outcome,
    value,
    worst: worst && { client: worst.subject.label, value: worst.value, limit: worst.limit },
    verdict,
    reason,
    file,
    line,
  };
}

// ---- one run -----------------------------------------------------------------------------------------------------

/** What clients may have in the phase that a metric is about. */
function sharesDuring(blueprint: Blueprint, metric: string): Shares {
  const { phases } = blueprint.timeline;
  const { phase } = splitName(
    metric,
    phases.map(({ name }) => name),
  );
  const found = phases.find(({ name }) => name === phase);
  return new Shares(found ? inForce(blueprint, found) : blueprint);
}

function observe(expectation: Expectation, which: Case, run: RunEvidence, others: Others): RunOutcome {
  const observations: Observation[] = [];
  const shares = run.blueprint && sharesDuring(run.blueprint, expectation.metric);
  for (const subject of subjectsOf(expectation, which, run.blueprint)) {
    const limit = limitFor(expectation, subject, which, shares, others);
    if ("skipped" in limit) return { verdict: "skipped", observations: [], reason: limit.skipped };
    const value = measured(run.metrics, subject, expectation.metric);
    if ("missing" in limit) observations.push({ subject, value, limit: null, holds: null, missing: limit.missing });
    else if (value === null) {
      observations.push({ subject, value, limit: limit.value, holds: null, missing: "nothing was recorded of it" });
    } else {
      const holds = compare(expectation.bound.op, value, limit.value);
      observations.push({ subject, value, limit: limit.value, holds, missing: "" });
    }
  }
  return { verdict: verdictOf(observations, expectation.for), observations, reason: "" };
}

/** Exported for its tests: a bound is what its name says, with no tolerance of its own. */
export function compare(op: BoundOp, value: number, limit: number): boolean {
  switch (op) {
    case "below":
      return value < limit;
    case "at_most":
      return value <= limit;
    case "above":
      return value > limit;
    case "at_least":
      return value >= limit;
    case "equals":
      return value === limit;
  }
}

/** At least the fraction `required` of all subjects must hold; those without data count for nobody. */
function verdictOf(observations: readonly Observation[], required: number): "pass" | "fail" | "no-data" {
  const need = Math.max(1, Math.ceil(required * observations.length - 1e-9));
  const holding = observations.filter((o) => o.holds === true).length;
  const unknown = observations.filter((o) => o.holds === null).length;
  if (holding >= need) return "pass";
  return holding + unknown < need && observations.length > 0 ? "fail" : "no-data";
}

// ---- several runs ------------------------------------------------------------------------------------------------

type Found = "pass" | "fail" | "no-data" | "inconclusive" | "skipped";

function overRuns(expectation: Expectation, outcomes: readonly RunOutcome[]): Found {
  const count = (verdict: RunOutcome["verdict"]): number => outcomes.filter((o) => o.verdict === verdict).length;
  const failed = count("fail");
  if (outcomes.length > 0 && count("skipped") === outcomes.length) return "skipped";
  if (expectation.gate === "invariant" && failed > 0) return "fail";
  if (failed * 2 > outcomes.length) return "fail";
  if (outcomes.length === 0 || count("no-data") > 0) return "no-data";
  return count("pass") * 2 > outcomes.length ? "pass" : "inconclusive";
}

/** Each subject over the deciding runs: the median of its values; of an invariant that fails, its worst run. */
function summarize(expectation: Expectation, runs: readonly Observation[][]): Observation[] {
  const bySubject = groupBy(runs.flat(), (observation) => [observation.subject.key]);
  return [...bySubject.values()].map((list) => {
    const worst = worstOf(expectation.bound.op, list) as Observation;
    if (expectation.gate === "invariant") return worst;
    const value = middle(list.map((o) => o.value));
    const limit = middle(list.map((o) => o.limit));
    const holds = value === null || limit === null ? null : compare(expectation.bound.op, value, limit);
    return { ...worst, value, limit, holds };
  });
}

/** The median of what is known; halving two values may add a digit that means nothing. */
function middle(values: readonly (number | null)[]): number | null {
  const value = median(values.filter((v) => v !== null));
  return value === null ? null : Number(value.toPrecision(12));
}

/** The observation furthest on the wrong side; one without data is worse than any. */
function worstOf(op: BoundOp, observations: readonly Observation[]): Observation | null {
  let worst: Observation | null = null;
  for (const observation of observations) {
    if (worst === null || shortfall(op, observation) > shortfall(op, worst)) worst = observation;
  }
  return worst;
}

/** How far a value is on the wrong side, as a fraction of the limit where it has a size; negative = it holds. */
function shortfall(op: BoundOp, { value, limit, holds }: Observation): number {
  if (holds === null || value === null) return Number.POSITIVE_INFINITY;
  const target = limit ?? 0;
  const scale = target === 0 ? 1 : Math.abs(target);
  if (op === "equals") return Math.abs(value - target) / scale;
  return (op === "above" || op === "at_least" ? target - value : value - target) / scale;
}

// ---- words -------------------------------------------------------------------------------------------------------

function explain(
  expectation: Expectation,
  found: Found,
  outcomes: readonly RunOutcome[],
  summary: readonly Observation[],
): { verdict: Verdict; reason: string } {
  if (found === "skipped") return { verdict: "skipped", reason: outcomes[0]?.reason ?? "" };
  if (found === "no-data") return { verdict: "no-data", reason: noData(outcomes) };
  const words = describe(expectation, found, outcomes, summary);
  if (found === "inconclusive") return { verdict: "inconclusive", reason: words };
  if (expectation.outcome === "pass") return { verdict: found, reason: found === "pass" ? "" : words };
  if (found === "fail") return { verdict: "expected-fail", reason: expectation.because || words };
  return { verdict: "fail", reason: `a control that must fail passed (${words}): ${expectation.because}` };
}

function noData(outcomes: readonly RunOutcome[]): string {
  if (outcomes.length === 0) return "there is no run";
  const all = outcomes.flatMap((o) => o.observations);
  if (all.length === 0) return "nobody is there to have it";
  const without = all.filter((o) => o.holds === null);
  const first = without[0] as Observation;
  const more = without.length > 1 ? ` (and ${without.length - 1} more)` : "";
  return `${first.subject.label ? `${first.subject.label}: ` : ""}${first.missing}${more}`;
}

/** `home-2: 34.2 ms, must be below 30 ms; 1 of 3 clients holds; in 2 of 3 runs`. */
function describe(
  expectation: Expectation,
  found: Found,
  outcomes: readonly RunOutcome[],
  summary: readonly Observation[],
): string {
  const { bound, per, metric } = expectation;
  const worst = worstOf(bound.op, summary);
  if (worst === null) return "nobody is there to have it";
  const who = worst.subject.label ? `${worst.subject.label}: ` : "";
  const parts = [
    `${who}${formatValue(worst.value, bound, metric)}, must be ${formatBound(bound, worst.limit, metric)}`,
  ];
  const holding = summary.filter((o) => o.holds === true).length;
  if (summary.length > 1) parts.push(`${holding} of ${summary.length} ${per}s hold`);
  if (outcomes.length > 1) parts.push(runsInWords(found, outcomes));
  return parts.join("; ");
}

function runsInWords(found: Found, outcomes: readonly RunOutcome[]): string {
  const failed = outcomes.filter((o) => o.verdict === "fail").length;
  if (found === "pass") return `held in ${outcomes.length - failed} of ${outcomes.length} runs`;
  return `failed in ${failed} of ${outcomes.length} runs`;
}
