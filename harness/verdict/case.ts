import type { Case } from "../scenario/types.js";
import { sum } from "../stats/index.js";
import { addAccounting, aggregate, aggregateGroups } from "./aggregate.js";
import { lackingOf, type RunEvidence } from "./evidence.js";
import { judgeExpectation } from "./expectation.js";
import type { Others } from "./limits.js";
import type { CaseResult, ExpectationResult, RunResult, Verdict } from "./types.js";

/**
 * Judges a case over its runs. An unhealthy rig in any of them makes the case invalid whatever its expectations say:
 * they are shown, but they are no evidence. `others` are the cases of the same invocation (this one may be among
 * them), which `over` bounds refer to.
 */
export function judgeCase(
  which: Case,
  runs: readonly RunEvidence[],
  others: Others,
  world: CaseResult["world"] = "live",
): CaseResult {
  const lacking = lackingOf(runs);
  if (lacking !== null) {
    const wall_s = sum(runs.map((run) => run.wall_s));
    return { ...skippedCase(which, lacking, world), wall_s, runs: runs.map(skippedRun) };
  }
  const expectations = which.expectations.map((expectation) => judgeExpectation(expectation, which, runs, others));
  const reason = unfit(which, runs);
  return {
    ...header(which, world),
    verdict: reason === "" ? combine(expectations) : "invalid",
    reason,
    wall_s: sum(runs.map((run) => run.wall_s)),
    ...ownClock(which, runs, world),
    accounting: addAccounting(runs),
    metrics: aggregate(runs.map((run) => run.metrics.total)),
    by: aggregateGroups(which, runs),
    expectations,
    runs: runs.map((run) => judgeRun(which, run, others)),
  };
}

/**
 * Reasons of an invalid case that are no fault of the machine's. Reports recognise a case by how its reason begins:
 * that is all that results.json keeps of it.
 */
export const STOPPED = "stopped by you before the end; not judged";
export const NOT_STARTED = "the run could not start";

/** A case that was not run, and why. */
export function skippedCase(which: Case, reason: string, world: CaseResult["world"] = "live"): CaseResult {
  const expectations = which.expectations.map(
    (expectation): ExpectationResult => ({
      ...judgeExpectation(expectation, which, [], new Map()),
      verdict: "skipped",
      reason,
    }),
  );
  const empty = { wall_s: 0, accounting: addAccounting([]), metrics: {}, by: {}, runs: [] };
  return { ...header(which, world), verdict: "skipped", reason, ...empty, expectations };
}

function header(which: Case, world: CaseResult["world"]) {
  return {
    id: which.id,
    scenario: which.file,
    title: which.title,
    matrix: which.matrix,
    world,
    dataplane: which.dataplane.kind,
  };
}

/** A run that was broken off did not take the scenario's time, and is compared with nothing. */
function ownClock(which: Case, runs: readonly RunEvidence[], world: CaseResult["world"]): Pick<CaseResult, "clock_s"> {
  const isWhole = runs.every((run) => run.ending?.reason === "complete");
  return world === "hermetic" && isWhole ? { clock_s: (which.duration / 1e9) * runs.length } : {};
}

/** Nothing was measured, so nothing can be said of the machine either. */
function skippedRun({ repeat, seed, wall_s }: RunEvidence): RunResult {
  return { repeat, seed, verdict: "skipped", wall_s, metrics: {}, health: { verdict: "ok", checks: [] } };
}

/** One run by itself: as if the case had only this one. */
function judgeRun(which: Case, run: RunEvidence, others: Others): RunResult {
  const expectations = which.expectations.map((expectation) => judgeExpectation(expectation, which, [run], others));
  return {
    repeat: run.repeat,
    seed: run.seed,
    verdict: run.health.verdict === "invalid" ? "invalid" : combine(expectations),
    wall_s: run.wall_s,
    metrics: run.metrics.total,
    health: run.health,
  };
}

/**
 * Why the runs are no evidence: how they ended, else the checks that did not hold, by run, else those that were planned
 * and never came; empty when they are.
 */
function unfit(which: Case, runs: readonly RunEvidence[]): string {
  if (runs.length === 0) return "there is no run";
  if (runs.some((run) => run.ending?.reason === "interrupted")) return STOPPED;
  const unable = runs.find((run) => run.ending?.reason === "error" && !run.ending.started);
  if (unable) return `${NOT_STARTED}: ${unable.ending?.error}`;
  const evidence = runs.flatMap((run) =>
    run.health.checks
      .filter((check) => check.verdict === "invalid")
      .map((check) => `${runs.length > 1 ? `run ${run.repeat}: ` : ""}${check.name}: ${check.reason}`),
  );
  const invalid = runs.some((run) => run.health.verdict === "invalid");
  const few = runs.length < which.repeat ? STOPPED : "";
  return evidence.join(" ") || (invalid ? "the rig was unhealthy" : few);
}

/**
 * The verdict of several: what fails beats what is unknown, which beats what holds. An expected failure shows in the
 * case's verdict although it is as good as a pass. Nothing expected, nothing violated: pass.
 */
export function combine(parts: readonly { verdict: Verdict }[]): Verdict {
  const order: Verdict[] = ["fail", "invalid", "no-data", "inconclusive", "expected-fail"];
  return order.find((verdict) => parts.some((part) => part.verdict === verdict)) ?? "pass";
}
