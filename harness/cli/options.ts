import { labNameProblem } from "../run/lab-name.js";
import type { WorldName } from "../world/world.js";
import { UsageError } from "./exit.js";

/** An option with one value: given twice, or without a value, it is refused. */
export function text(name: string, describe: string) {
  return {
    type: "string" as const,
    requiresArg: true,
    describe,
    coerce: (value: unknown) => once<string | undefined>(name, value),
  };
}

/**
 * An option with a whole number. It has no yargs type: `number` would turn everything else into NaN before its words
 * could be shown.
 */
export function integer(name: string, describe: string, { min, max }: { min: number; max: number }) {
  return {
    requiresArg: true,
    describe,
    coerce(value: unknown): number | undefined {
      const one = once<unknown>(name, value);
      if (one === undefined) return undefined;
      if (typeof one === "number" && Number.isInteger(one) && one >= min && one <= max) return one;
      throw new UsageError(`--${name} "${one}" is not a whole number from ${min} to ${max}`);
    },
  };
}

/** As the scenario's own key has it (harness/scenario/schema.ts). */
export const SEEDS = { min: 0, max: 2 ** 31 - 1 };

function once<T>(name: string, value: unknown): T {
  if (Array.isArray(value)) throw new UsageError(`--${name} is given ${value.length} times; it takes one value`);
  return value as T;
}

/** One value for each --set: a greedy list would eat the files that follow. */
export const setOption = {
  type: "string",
  array: true,
  nargs: 1,
  describe: "override PATH=VALUE, e.g. plan.home.down=20mbit",
} as const;

export const filterOption = text(
  "filter",
  "only cases for which key=regex holds (id, tag or a matrix axis; several are ANDed)",
);

export const caseOption = text("case", "case id, when the scenario has several");

export const dataplaneOption = text("dataplane", "override the scenario's dataplane kind");

export const allowExecOption = {
  type: "boolean",
  describe: "let scenarios run programs of their own: external dataplanes with the rights of mqoe, traffic without any",
} as const;

export const worldOption = {
  choices: ["live", "hermetic"] as const satisfies readonly WorldName[],
  default: "live" as const,
  requiresArg: true,
  describe: "where labs are built: this kernel (root), or a guest on virtual time for each run (no root)",
};

/** The prefix of namespaces and part of paths: checked before anything is made from it. */
export const labOption = {
  ...text("lab", "prefix of the lab's namespaces [a fresh one for every run]"),
  coerce(value: unknown): string | undefined {
    const name = once<string | undefined>("lab", value);
    const problem = name === undefined ? null : labNameProblem(name);
    if (problem !== null) throw new UsageError(`--lab: ${problem}`);
    return name;
  },
};

export const filesPositional = {
  type: "string",
  array: true,
  demandOption: true,
  default: undefined,
  describe: "scenario files or folders",
} as const;

/** What was given and nothing else: an absent option must not override the scenario. */
export function given<T extends object>(options: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> };
}
