import type { Case } from "../scenario/types.js";
import { sharesOf } from "./shares.js";
import type { TimelineBlueprint } from "./types.js";

/** The phases as a partition of the run (those without length left out), and what each client may expect. */
export function timelineOf(scenario: Case): TimelineBlueprint {
  return { duration: scenario.duration, phases: phasesOf(scenario), shares: sharesOf(scenario), changes: [] };
}

function phasesOf({ phases }: Case): TimelineBlueprint["phases"] {
  let start = 0;
  return (["idle", "ramp", "loaded", "cooldown"] as const).flatMap((name) => {
    const phase = { name, start, end: start + phases[name] };
    start = phase.end;
    return phase.end > phase.start ? [phase] : [];
  });
}
