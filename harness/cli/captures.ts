import { rmSync } from "node:fs";
import { join } from "node:path";
import type { CaseReport, ReportInput } from "../report/types.js";
import type { CaptureResult, Results, RunResult, Verdict } from "../verdict/types.js";

export const pcapOption = {
  choices: ["on-fail", "always"] as const,
  requiresArg: true,
  describe: "also capture packets at the dataplane (pcapng), and keep the files of cases that fail, or of all",
};

/** `--pcap` is short for a section of the scenario: every stored scenario says what it captured. */
export function captureOverride(
  pcap: "on-fail" | "always" | undefined,
  set: string[] | undefined,
): string[] | undefined {
  if (pcap === undefined) return set;
  return [`capture.pcap={ at = "dataplane", keep = "${pcap}" }`, ...(set ?? [])];
}

/** A case that came out as it should has nothing to be looked into. */
const PASSED: readonly Verdict[] = ["pass", "expected-fail"];

/**
 * Removes the captures of cases that passed, unless they are to be kept always. Only now: whether a case passes may
 * hang on another one.
 */
export function dropCaptures(input: ReportInput, out: string): ReportInput {
  const cases = input.cases.map((report) => dropOfCase(report, out));
  return { ...input, cases, results: { ...input.results, cases: cases.map(({ result }) => result) } };
}

function dropOfCase(report: CaseReport, out: string): CaseReport {
  const { result } = report;
  if (!PASSED.includes(result.verdict)) return report;
  const always = (report.case?.captures ?? []).filter(({ keep }) => keep === "always").map(({ name }) => name);
  const runs = result.runs.map(({ captures = [], ...run }): RunResult => {
    const kept = captures.filter(({ name }) => always.includes(name));
    for (const { file } of captures.filter((one) => !kept.includes(one))) rmSync(join(out, file), { force: true });
    return kept.length > 0 ? { ...run, captures: kept } : run;
  });
  return { ...report, result: { ...result, runs } };
}

/** As many files as are named one by one below the verdicts. */
const NAMED = 6;

export function capturePointers(results: Results, shown: (file: string) => string): { label: string; path: string }[] {
  const all = results.cases.flatMap(({ runs }) => runs.flatMap(({ captures = [] }): CaptureResult[] => captures));
  const named = all.slice(0, NAMED).map(({ file }) => ({ label: "capture", path: shown(file) }));
  const more = all.length - named.length;
  return more > 0 ? [...named, { label: "capture", path: `and ${more} more, named in the report` }] : named;
}
