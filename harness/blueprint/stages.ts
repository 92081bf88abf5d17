import type { Case } from "../scenario/types.js";
import { acts as pathActs, pathsOf } from "./paths.js";
import { FRAME_SIZE, lineFramesFor } from "./shaping.js";
import type {
  DataplaneBlueprint,
  DataplaneClientBlueprint,
  PathBlueprint,
  PathStageBlueprint,
  ShaperBlueprint,
  SiteBlueprint,
  StageBlueprint,
} from "./types.js";
import { versionsOf } from "./versions.js";

/**
 * Emulated distance as stages of their own (DESIGN §3): paths of servers between dataplane and core, those of sites
 * and clients between access and dataplane. `afxdp` does it in its reactors; every other kind needs them.
 */
type Side = StageBlueprint["side"];

/** Interface names in every stage's namespace. */
const OUTER = "outer0";
const INNER = "inner0";

/** Sides on which some endpoint has a path that does something, at any time of the run; none for afxdp. */
export function stageSides(scenario: Case): Side[] {
  if (scenario.dataplane.kind === "afxdp") return [];
  const sides = new Set(versionsOf(scenario).flatMap(actingSides));
  return (["core", "access"] as const).filter((side) => sides.has(side));
}

function actingSides({ servers, sites, clients, paths }: Case): Side[] {
  const acts = ({ path = null }: { path?: string | null }): boolean => {
    const found = path === null ? undefined : paths[path];
    return found !== undefined && pathActs(found);
  };
  const core = Object.values(servers).some(acts);
  const access = clients.some(acts) || Object.values(sites).some(acts);
  return [...(core ? ["core" as const] : []), ...(access ? ["access" as const] : [])];
}

/** A stage's place in the lab; `netns` makes the path of a namespace from its name. */
export function stageInLab(side: Side, netns: (name: string) => string): StageBlueprint {
  return { side, netns: netns(`path-${side}`), outer: OUTER, inner: INNER };
}

/** What a stage needs beside the dataplane's part: the CPU of its one thread, and the access tree. */
export interface StageOptions {
  core: number;
  sites: (indexOf: (path: string | null) => number) => SiteBlueprint[];
  siteOf: (client: number) => number;
}

/** The process of a stage: the dataplane's endpoints with the paths of this side only, and nothing that shapes. */
export function pathStage(
  scenario: Case,
  dataplane: DataplaneBlueprint,
  { side, netns }: StageBlueprint,
  { core, sites: sitesOf, siteOf }: StageOptions,
): PathStageBlueprint {
  const paths = pathsOfSide(scenario, side);
  const indexOf = (path: string | null | undefined) => paths.findIndex(({ name }) => name === path);
  const clients = dataplane.clients.map((client, id): DataplaneClientBlueprint => {
    const [path, site] = side === "access" ? [indexOf(scenario.clients[id]?.path), siteOf(id)] : [-1, -1];
    return { ...client, reactor: 0, path, site, node: null, down: unshaped(client.down), up: unshaped(client.up) };
  });
  const servers = dataplane.servers.map((server) => {
    return { ...server, path: side === "core" ? indexOf(scenario.servers[server.name]?.path) : -1 };
  });
  const sites = side === "access" ? sitesOf(indexOf) : [];
  // The trunk ends as the engine names them: `access` towards the clients, whichever end of the stage that is.
  const [access, coreTrunk] = side === "core" ? [INNER, OUTER] : [OUTER, INNER];
  const framesOf = (version: Case) => {
    const now = pathsOfSide(version, side);
    const lines = [...clients, ...servers, ...sites].flatMap(({ path = -1 }) => now[path] ?? []);
    return lineFramesFor(lines, version, dataplane.kind === "kernel");
  };
  const frames = Math.max(...versionsOf(scenario).map(framesOf));
  return {
    side,
    process: {
      ...dataplane,
      kind: "path",
      netns,
      reactors: [{ id: 0, core, access, coreTrunk, frames, frameSize: FRAME_SIZE }],
      paths,
      servers,
      clients,
      sites,
      link: null,
      external: null,
    },
  };
}

/** The paths that endpoints of a side have, numbered anew. */
export function pathsOfSide(scenario: Case, side: Side): PathBlueprint[] {
  const below = [...scenario.clients, ...Object.values(scenario.sites)];
  const owners: { path?: string | null }[] = side === "core" ? Object.values(scenario.servers) : below;
  const used = new Set(owners.map(({ path }) => path));
  return pathsOf(scenario)
    .filter(({ name }) => used.has(name))
    .map((path, id) => ({ ...path, id }));
}

function unshaped({ framing }: ShaperBlueprint): ShaperBlueprint {
  return { rate: 0, framing, sqm: { discipline: "none" } };
}
