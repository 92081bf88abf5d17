import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** What two recordings of one blueprint have in common; part of a run's `run.json` after `--verify-determinism`. */
export interface Determinism {
  identical: boolean;
  /** Files compared. */
  files: number;
  /** Where they differ, one readable line each. */
  differences: string[];
}

/** Compares the samples of two runs byte by byte. Both folders must be readable. */
export function compareSamples(run: string, twin: string): Determinism {
  const [ours, theirs] = [sampleFiles(run), sampleFiles(twin)];
  const names = [...new Set([...ours, ...theirs])].sort();
  const differences = names.flatMap((name) => {
    if (!ours.includes(name)) return [`${name} exists only in the second run`];
    if (!theirs.includes(name)) return [`${name} exists only in the first run`];
    return differenceOf(name, readFileSync(join(run, "samples", name)), readFileSync(join(twin, "samples", name)));
  });
  if (names.length === 0) differences.push("neither run has samples");
  return { identical: differences.length === 0, files: names.length, differences };
}

function differenceOf(name: string, a: Buffer, b: Buffer): string[] {
  if (a.equals(b)) return [];
  const shorter = Math.min(a.length, b.length);
  let at = 0;
  while (at < shorter && a[at] === b[at]) at++;
  return [`${name} differs from byte ${at} on (${a.length} and ${b.length} bytes)`];
}

function sampleFiles(folder: string): string[] {
  try {
    return readdirSync(join(folder, "samples"));
  } catch {
    return []; // It ended before anything was recorded.
  }
}
