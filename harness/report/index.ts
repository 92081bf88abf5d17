import { renderHtml } from "./html.js";
import { renderJson } from "./json.js";
import type { ReportInput } from "./types.js";
import { type ReportError, writeReport } from "./write.js";

export { renderHtml } from "./html.js";
export { renderJson } from "./json.js";
export * from "./terminal.js";
export type * from "./types.js";
export { ReportError } from "./write.js";

/** Where to: a path or several; `/dev/stdout` and other devices are written through. */
export interface ReportTargets {
  json?: string | readonly string[] | undefined;
  html?: string | readonly string[] | undefined;
}

/**
 * Writes every report that was asked for. One that fails does not keep the others from being written: its error is
 * returned beside what was written.
 */
export async function writeReports(
  input: ReportInput,
  targets: ReportTargets,
): Promise<{ written: string[]; errors: ReportError[] }> {
  const page = once(() => renderHtml(input));
  const jobs = [
    ...[targets.json ?? []].flat().map((file) => ({ file, text: () => renderJson(input.results) })),
    ...[targets.html ?? []].flat().map((file) => ({ file, text: page })),
  ];
  const written: string[] = [];
  const errors: ReportError[] = [];
  // One after the other: on a full disk the small one, which comes first, still fits.
  for (const { file, text } of jobs) {
    const error = await writeReport(file, text());
    if (error === null) written.push(file);
    else errors.push(error);
  }
  return { written, errors };
}

function once<T>(make: () => T): () => T {
  let made: { value: T } | null = null;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
