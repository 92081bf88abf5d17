import type { Blueprint, ChangeSetting, DataplaneClientBlueprint } from "../blueprint/types.js";

/** What a change may give a client: a shaper, or its class below a site. */
type Line = Pick<DataplaneClientBlueprint, "down" | "up" | "node">;

type ClientSetting = Extract<ChangeSetting, { client: number }>;

/** A phase of the run, [start, end) in nanoseconds from t0. */
interface Span {
  name: string;
  start: number;
  end: number;
}

/**
 * The blueprint with the plans and shares that are in force during a phase: as changes have left them when it begins.
 * Those of a client whose line changes meanwhile are unknown – its rate is 0, as an unlimited one's – because nothing
 * that is measured over the whole phase can be compared with either of them.
 */
export function inForce(blueprint: Blueprint, { name, start, end }: Span): Blueprint {
  const { timeline, dataplane } = blueprint;
  // Recordings of older versions have no changes.
  const before = (timeline.changes ?? []).filter(({ at }) => at < end);
  if (before.length === 0) return blueprint;
  const atFirst = new Map(dataplane.clients.map((client) => [client.id, client]));
  const lines = new Map<number, Line>();
  for (const { at, set } of before) {
    for (const setting of set) {
      if (!("client" in setting)) continue;
      const now = lines.get(setting.client) ?? atFirst.get(setting.client);
      if (now !== undefined) lines.set(setting.client, lineAfter(now, setting, at <= start));
    }
  }
  const clients = dataplane.clients.map((client) => ({ ...client, ...lines.get(client.id) }));
  const { shares = timeline.shares } = timeline.phases.find((phase) => phase.name === name) ?? {};
  return { ...blueprint, dataplane: { ...dataplane, clients }, timeline: { ...timeline, shares: shares ?? [] } };
}

/** `inTime`: the setting is in force during the whole phase. */
function lineAfter({ down, up, node }: Line, setting: ClientSetting, inTime: boolean): Line {
  const { direction } = setting;
  if ("shaper" in setting) {
    const shaper = inTime ? setting.shaper : unlessSame({ down, up }[direction], setting.shaper);
    return { down, up, node, [direction]: shaper };
  }
  if (node === null || node === undefined) return { down, up, node };
  const { ceil } = setting.node;
  const isKnown = inTime || node[direction].ceil === ceil;
  return { down, up, node: { ...node, [direction]: { ...setting.node, ceil: isKnown ? ceil : 0 } } };
}

/** The shaper of both; with an unknown rate when they do not enforce the same. */
function unlessSame(before: Line["down"], now: Line["down"]): Line["down"] {
  const same = before.rate === now.rate && JSON.stringify(before.framing) === JSON.stringify(now.framing);
  return same ? now : { ...now, rate: 0 };
}
