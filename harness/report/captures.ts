import { existsSync } from "node:fs";
import { join, relative } from "node:path";
import type { Run, RunEvent } from "../recording/index.js";
import type { CaptureResult, CaseResult } from "../verdict/types.js";
import type { RunReport } from "./types.js";

/** The packet captures of a run whose files are (still) there. */
export function capturesIn({ dir, events }: Pick<Run, "dir" | "events">): CaptureResult[] {
  return events
    .filter(({ event, error }) => event === "captured" && error === undefined)
    .map((told) => captureOf(dir, told))
    .filter(({ file }) => existsSync(file));
}

function captureOf(dir: string, { name, file, packets, seen, lost }: RunEvent): CaptureResult {
  const kept = Number(packets);
  return {
    name: String(name),
    file: join(dir, String(file)),
    packets: kept,
    older: Number(seen) - kept,
    lost: Number(lost),
  };
}

/** The case with each run's captures, their files named from the folder of the whole. */
export function withCaptures(result: CaseResult, reports: readonly RunReport[], folder: string): CaseResult {
  const runs = result.runs.map((run) => {
    const found = reports.find(({ repeat }) => repeat === run.repeat)?.captures ?? [];
    const captures = found.map((one) => ({ ...one, file: relative(folder, one.file) }));
    return captures.length > 0 ? { ...run, captures } : run;
  });
  return { ...result, runs };
}
