import type { Blueprint, DataplaneClientBlueprint } from "../blueprint/types.js";

type Shapers = Pick<DataplaneClientBlueprint, "down" | "up">;

/** A phase of the run, [start, end) in nanoseconds from t0. */
interface Span {
  name: string;
  start: number;
  end: number;
}

/**
 * The blueprint with the plans and shares that are in force during a phase: as changes have left them when it begins.
 * Those of a client whose shaper changes meanwhile are unknown – its rate is 0, as an unlimited one's – because nothing
 * that is measured over the whole phase can be compared with either of them.
 */
export function inForce(blueprint: Blueprint, { name, start, end }: Span): Blueprint {
  const { timeline, dataplane } = blueprint;
  // Recordings of older versions have no changes.
  const before = (timeline.changes ?? []).filter(({ at }) => at < end);
  if (before.length === 0) return blueprint;
  const atFirst = new Map(dataplane.clients.map((client) => [client.id, client]));
  const shapers = new Map<number, Shapers>();
  for (const { at, set } of before) {
    for (const setting of set) {
      if (!("shaper" in setting)) continue;
      const now = shapers.get(setting.client) ?? atFirst.get(setting.client);
      if (now === undefined) continue;
      const shaper = at <= start ? setting.shaper : unlessSame(now[setting.direction], setting.shaper);
      shapers.set(setting.client, { down: now.down, up: now.up, [setting.direction]: shaper });
    }
  }
  const clients = dataplane.clients.map((client) => ({ ...client, ...shapers.get(client.id) }));
  const { shares = timeline.shares } = timeline.phases.find((phase) => phase.name === name) ?? {};
  return { ...blueprint, dataplane: { ...dataplane, clients }, timeline: { ...timeline, shares: shares ?? [] } };
}

/** The shaper of both; with an unknown rate when they do not enforce the same. */
function unlessSame(before: Shapers["down"], now: Shapers["down"]): Shapers["down"] {
  const same = before.rate === now.rate && JSON.stringify(before.framing) === JSON.stringify(now.framing);
  return same ? now : { ...now, rate: 0 };
}
