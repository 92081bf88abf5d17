import { writeHtml } from "./html.js";
import { writeJson } from "./json.js";
import type { ReportInput } from "./types.js";
import type { ReportError } from "./write.js";

export { renderHtml } from "./html.js";
export { renderJson, writeJson } from "./json.js";
export * from "./terminal.js";
export type * from "./types.js";
export { ReportError } from "./write.js";

export interface ReportFiles {
  /** Paths; `/dev/stdout` and other devices are written through. */
  json?: string;
  html?: string;
}

/**
 * Writes every report that was asked for. One that fails does not keep the others from being written: its error is
 * returned beside what was written.
 */
export async function writeReports(
  input: ReportInput,
  files: ReportFiles,
): Promise<{ written: string[]; errors: ReportError[] }> {
  const jobs: { file: string; write: () => Promise<ReportError | null> }[] = [];
  const { json, html } = files;
  if (json !== undefined) jobs.push({ file: json, write: () => writeJson(input.results, json) });
  if (html !== undefined) jobs.push({ file: html, write: () => writeHtml(input, html) });
  const written: string[] = [];
  const errors: ReportError[] = [];
  // One after the other: on a full disk the small one, which comes first, still fits.
  for (const { file, write } of jobs) {
    const error = await write();
    if (error === null) written.push(file);
    else errors.push(error);
  }
  return { written, errors };
}
