import { mixedPhases, spansOf } from "../scenario/phases.js";
import type { Case } from "../scenario/types.js";
import { activeAt, drawsOf } from "./kinds/segments.js";
import { type Share, sharesOf } from "./shares.js";
import { AccessTree } from "./tree.js";
import type { ChangeBlueprint, PhaseBlueprint, TimelineBlueprint } from "./types.js";
import { versionAt } from "./versions.js";

/** The phases as a partition of the run (those without length left out), and what each client may expect. */
export function timelineOf(scenario: Case, changes: ChangeBlueprint[], seed: number): TimelineBlueprint {
  const shares = sharesAt(scenario, scenario, 0, seed);
  return { duration: scenario.duration, phases: phasesOf(scenario, shares, seed), shares, changes };
}

/** A phase says what its clients may expect only where that is not what they may expect when the run begins. */
function phasesOf(scenario: Case, initial: TimelineBlueprint["shares"], seed: number): PhaseBlueprint[] {
  const mixed = mixedPhases(scenario);
  const cuts = cutsOf(scenario);
  return spansOf(scenario).map(({ name, of, start, end }) => {
    const phase = { name, start, end, ...(name === of ? {} : { of }) };
    if (mixed.has(name)) return { ...phase, shares: null };
    const times = [start, ...cuts.filter((at) => at > start && at < end)];
    const shares = steady(times.map((at) => sharesAt(scenario, versionAt(scenario, at), at, seed)));
    return JSON.stringify(shares) === JSON.stringify(initial) ? phase : { ...phase, shares };
  });
}

/** Shares among those who are active at a time; `now`: the case as it is then. */
function sharesAt(scenario: Case, now: Case, at: number, seed: number): Share[] {
  // Who is active first is so from the start of the load on, which the shares at the start of the run are about.
  const time = Math.max(at, scenario.phases.idle);
  return sharesOf(now, new AccessTree(now), (traffic) => activeAt(now, traffic, time, seed));
}

/** When who may expect what may become another matter: below sites also with every client that begins or stops to send. */
function cutsOf(scenario: Case): number[] {
  if (Object.keys(scenario.sites).length === 0) return [];
  const draws = scenario.traffic.flatMap((one) => ("direction" in one ? drawsOf(scenario, one) : []));
  const changes = scenario.changes.flatMap(({ at, traffic, sites, online }) =>
    traffic || sites || online ? [at] : [],
  );
  return [...new Set([...draws, ...changes])].sort((a, b) => a - b);
}

/** Those whose share is the same all the time. */
function steady([first = [], ...others]: Share[][]): Share[] {
  return first.filter(({ down, up }, index) =>
    others.every((shares) => shares[index]?.down === down && shares[index]?.up === up),
  );
}
