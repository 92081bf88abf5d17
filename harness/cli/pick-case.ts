import type { Case } from "../scenario/types.js";
import { UsageError } from "./exit.js";
import { loadFromDisk } from "./load.js";

/** The one case of a scenario file that a command is about: the named one, or the only or first one. */
export function pickCase(file: string, id: string | undefined, set: string[]): Case {
  const { cases, problems } = loadFromDisk([file], { set });
  const errors = problems.filter((problem) => problem.severity === "error");
  if (errors.length > 0)
    throw new UsageError(errors.map((e) => `${e.file}:${e.line}:${e.column}: ${e.message}`).join("\n"));
  const chosen = id === undefined ? cases[0] : cases.find((candidate) => candidate.id === id);
  if (!chosen)
    throw new UsageError(`no case "${id}" in ${file}; there are: ${cases.map((candidate) => candidate.id).join(", ")}`);
  return chosen;
}
