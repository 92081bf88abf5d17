import { mixedPhases, spansOf } from "../scenario/phases.js";
import type { Case } from "../scenario/types.js";
import { versionAt } from "./changes.js";
import { sharesOf } from "./shares.js";
import type { ChangeBlueprint, PhaseBlueprint, TimelineBlueprint } from "./types.js";

/** The phases as a partition of the run (those without length left out), and what each client may expect. */
export function timelineOf(scenario: Case, changes: ChangeBlueprint[]): TimelineBlueprint {
  const shares = sharesOf(scenario);
  return { duration: scenario.duration, phases: phasesOf(scenario, shares), shares, changes };
}

/** A phase says what its clients may expect only where that is not what they may expect when the run begins. */
function phasesOf(scenario: Case, initial: TimelineBlueprint["shares"]): PhaseBlueprint[] {
  const mixed = mixedPhases(scenario);
  return spansOf(scenario).map(({ name, of, start, end }) => {
    const phase = { name, start, end, ...(name === of ? {} : { of }) };
    if (mixed.has(name)) return { ...phase, shares: null };
    const shares = sharesOf(versionAt(scenario, start));
    return JSON.stringify(shares) === JSON.stringify(initial) ? phase : { ...phase, shares };
  });
}
