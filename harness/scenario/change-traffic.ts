import { traffic as trafficSchema } from "./kinds/index.js";

/**
 * What a [[change]] may give a traffic: whatever one of its connections, probes or streams is like. The rest says whose
 * it is, or what is judged: that would be another traffic.
 */

const WHOSE = "would make it another traffic; write two [traffic.*] and let enabled = true / false switch between them";
const JUDGED = "says what is judged, which stays the same for the run";

const FIXED: Readonly<Record<string, string>> = {
  kind: WHOSE,
  from: WHOSE,
  to: WHOSE,
  direction: WHOSE,
  family: WHOSE,
  host: WHOSE,
  preset: WHOSE,
  idle: WHOSE,
  ecn: "is set per network namespace when the lab is built",
  initial_window: "belongs to a route, which is set when the lab is built",
  recovered_below: JUDGED,
  deadline: JUDGED,
};

/** Kinds whose programs are started once and run by themselves: they can be there or not, no more. */
const STARTED: readonly string[] = ["exec"];
const PRESENCE = ["enabled", "active", "reshuffle"];

/** Keys of a kind that may change, in the order of the schema. */
export function changeableOf(kind: string): string[] {
  const shape = trafficSchema.options.find((option) => option.shape.kind.value === kind)?.shape ?? {};
  const keys = Object.keys(shape);
  return STARTED.includes(kind) ? keys.filter((key) => PRESENCE.includes(key)) : keys.filter((key) => !FIXED[key]);
}

/** Why a key may not; undefined for one that nobody knows. */
export function whyFixed(key: string): string | undefined {
  return FIXED[key];
}
