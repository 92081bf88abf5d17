import type { Case, Change, Plan } from "../scenario/types.js";
import { shaperOf } from "./shaping.js";
import { AccessTree, leafOf } from "./tree.js";
import type {
  ChangeBlueprint,
  ChangeSetting,
  DataplaneClientBlueprint,
  PathBlueprint,
  SiteBlueprint,
  StageBlueprint,
} from "./types.js";
import { after } from "./versions.js";

/** The paths that a process has, of a case as it is at some time: always the same ones, at the same indexes. */
export type PathsOf = (scenario: Case) => readonly PathBlueprint[];

/** What the dataplane and the path stages have of a case. */
export interface Told {
  /** Whom the dataplane shapes. */
  clients: readonly DataplaneClientBlueprint[];
  /** Its tree; empty when it has none. */
  sites: readonly SiteBlueprint[];
  dataplanePaths: PathsOf;
  stages: { side: StageBlueprint["side"]; paths: PathsOf }[];
}

/**
 * What is to be said to whom, and when. A change that nobody has to be told of (the plan of no client, what is in force
 * anyway) is there with its text alone.
 */
export function changesOf(scenario: Case, { clients, sites, dataplanePaths, stages }: Told): ChangeBlueprint[] {
  let before = scenario;
  return scenario.changes.map((change) => {
    const now = after(before, change);
    const moved = (paths: PathsOf) =>
      Object.keys(change.paths).length > 0 ? differing(paths(before), paths(now)) : [];
    const set = [
      ...nodesOf(before, now, change, sites),
      ...shapersOf(before, now, change, clients),
      ...moved(dataplanePaths),
    ];
    const others = stages
      .map(({ side, paths }) => ({ side, set: moved(paths) }))
      .filter((stage) => stage.set.length > 0);
    before = now;
    return { at: change.at, text: change.text, set, ...(others.length > 0 ? { stages: others } : {}) };
  });
}

/** The classes of sites that have another capacity now. */
function nodesOf(before: Case, now: Case, change: Change, sites: readonly SiteBlueprint[]): ChangeSetting[] {
  if (change.sites === undefined || sites.length === 0) return [];
  const [old, nodes] = [before, now].map((version) => new AccessTree(version).sites(() => 0));
  return sites.flatMap(({ id }) =>
    (["down", "up"] as const).flatMap((direction): ChangeSetting[] => {
      const node = nodes?.[id]?.[direction];
      return node === undefined || node.ceil === old?.[id]?.[direction].ceil ? [] : [{ site: id, direction, node }];
    }),
  );
}

/** Of the clients whose plan is another now, the directions that are shaped in another way: by themselves, or by a tree. */
function shapersOf(
  before: Case,
  now: Case,
  { plans }: Change,
  clients: readonly DataplaneClientBlueprint[],
): ChangeSetting[] {
  if (Object.keys(plans).length === 0) return [];
  return clients.flatMap(({ id, site }) => {
    const plan = now.clients[id]?.plan ?? "";
    if (plans[plan] === undefined) return [];
    return (["down", "up"] as const).flatMap((direction): ChangeSetting[] => {
      const [old, shaper] = [before, now].map(({ plans: all }) => shaperOf(all[plan] as Plan, direction, site >= 0));
      const same = shaper === undefined || JSON.stringify(old) === JSON.stringify(shaper);
      const [oldNode, node] = [before, now].map(({ plans: all }) => leafOf(all[plan] as Plan)[direction]);
      const stays = site < 0 || node === undefined || oldNode?.ceil === node.ceil;
      return [
        ...(same ? [] : [{ client: id, direction, shaper }]),
        ...(stays ? [] : [{ client: id, direction, node }]),
      ];
    });
  });
}

function differing(before: readonly PathBlueprint[], now: readonly PathBlueprint[]): ChangeSetting[] {
  return now.flatMap(({ id, down, up }, index) => {
    const old = before[index];
    const same = JSON.stringify([old?.down, old?.up]) === JSON.stringify([down, up]);
    return same ? [] : [{ path: id, down, up }];
  });
}
