import type { Blueprint } from "../blueprint/types.js";

/** A part of the run, ns from t0. */
export interface Span {
  start: number;
  end: number;
}

/**
 * The time under full load, which is what health is judged by: the loaded phase with all that changes cut out of it.
 * Phases partition the run, so these are neighbours. Null when the run has none.
 */
export function loadedSpan(blueprint: Blueprint | null): Span | null {
  const phases = blueprint?.timeline.phases.filter(({ name, of = name }) => of === "loaded") ?? [];
  const [first, last] = [phases[0], phases.at(-1)];
  return first === undefined || last === undefined ? null : { start: first.start, end: last.end };
}
