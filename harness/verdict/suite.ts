import type { CaseResult, Results, Verdict } from "./types.js";

/** Everything that `--json` writes. A number that is not finite (a division nobody foresaw) becomes null: no data. */
export function buildResults(cases: readonly CaseResult[]): Results {
  return finite({ schema: "mqoe-results/1", verdict: suiteVerdict(cases), cases: [...cases] });
}

/**
 * The verdict of all cases together, by the precedence of the exit codes (DESIGN §6). Skipped cases have no say unless
 * all are; an expected failure counts as a pass.
 */
export function suiteVerdict(cases: readonly { verdict: Verdict }[]): Verdict {
  const has = (verdict: Verdict): boolean => cases.some((one) => one.verdict === verdict);
  const bad = (["fail", "invalid", "no-data", "inconclusive"] as const).find(has);
  if (bad !== undefined) return bad;
  return has("pass") || has("expected-fail") ? "pass" : "skipped";
}

/**
 * Exit code of results (DESIGN §6): 0 passed · 1 an expectation failed, or an expected failure passed · 3 rig error or no
 * data · 4 nothing ran · 5 inconclusive. Several at once: 1, 3, 5, 4. (2, usage or scenario error, comes before results.)
 */
export function exitCode(results: Pick<Results, "cases">): number {
  const codes: Record<Verdict, number> = {
    pass: 0,
    "expected-fail": 0,
    fail: 1,
    invalid: 3,
    "no-data": 3,
    inconclusive: 5,
    skipped: 4,
  };
  return codes[suiteVerdict(results.cases)];
}

function finite<T>(value: T): T {
  if (typeof value === "number") return (Number.isFinite(value) ? value : null) as T;
  if (Array.isArray(value)) return value.map(finite) as T;
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, finite(inner)])) as T;
}
