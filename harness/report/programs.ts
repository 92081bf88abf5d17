import { join, relative } from "node:path";
import type { Run, RunEvent } from "../recording/index.js";
import type { CaseResult, ProgramResult } from "../verdict/types.js";
import type { RunReport } from "./types.js";

/** The scenario's own programs of a run, with the files of what they printed. */
export function programsIn({ dir, events }: Pick<Run, "dir" | "events">): ProgramResult[] {
  return events.filter(({ event }) => event === "program").map((told) => programOf(dir, told));
}

function programOf(dir: string, told: RunEvent): ProgramResult {
  const { name, exit, over, wall, error } = told;
  const output = (from: "stdout" | "stderr", extension: string) => {
    const { bytes = 0, kept = 0 } = (told[from] ?? {}) as { bytes?: number; kept?: number };
    return { file: join(dir, "programs", `${String(name)}.${extension}`), bytes, kept };
  };
  return {
    name: String(name),
    exit: typeof exit === "number" ? exit : null,
    over: over === true,
    wall_s: typeof wall === "number" ? wall : null,
    stdout: output("stdout", "out"),
    stderr: output("stderr", "err"),
    ...(typeof error === "string" ? { error } : {}),
  };
}

/** The case with each run's programs, their files named from the folder of the whole. */
export function withPrograms(result: CaseResult, reports: readonly RunReport[], folder: string): CaseResult {
  const named = (output: ProgramResult["stdout"]) => ({ ...output, file: relative(folder, output.file) });
  const runs = result.runs.map((run) => {
    const found = reports.find(({ repeat }) => repeat === run.repeat)?.programs ?? [];
    const programs = found.map((one) => ({ ...one, stdout: named(one.stdout), stderr: named(one.stderr) }));
    return programs.length > 0 ? { ...run, programs } : run;
  });
  return { ...result, runs };
}
