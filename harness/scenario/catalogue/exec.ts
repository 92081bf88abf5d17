import { EACH, type Quantity, quantity, WHOLE_RUN } from "./quantity.js";

const COUNT_OF_RUN = { ...WHOLE_RUN, counted: true };

/** What every program has; a traffic's own come from its `metrics`. */
export const EXEC: readonly Quantity[] = [
  quantity(
    "exit_code",
    "count",
    "Exit code of the program: 128 + N when signal N ended it, 124 when its time was over. Total: the largest.",
    COUNT_OF_RUN,
  ),
  quantity("wall", "s", "From the program's start to its end. Total: the longest.", WHOLE_RUN),
];

/** A quantity that a traffic's `metrics` declares. */
export function declared(name: string, unit: Quantity["unit"], distribution: boolean): Quantity {
  const description = "What the program printed.";
  return { name, unit, description, distribution, scopes: EACH, phases: WHOLE_RUN.phases, counted: false };
}
