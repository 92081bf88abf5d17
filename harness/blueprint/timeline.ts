import type { Case } from "../scenario/types.js";
import { maxMinShares } from "./shares.js";
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

/** Without sites nothing but their plans bounds the clients. */
function sharesOf({ clients, plans }: Case): TimelineBlueprint["shares"] {
  const rates = (direction: "down" | "up") => maxMinShares(clients.map(({ plan }) => plans[plan]?.[direction] ?? 0));
  const [down, up] = [rates("down"), rates("up")];
  return clients.map(({ name }, index) => ({ client: name, down: down[index] ?? 0, up: up[index] ?? 0 }));
}
