import type {
  Blueprint,
  ChangeSetting,
  DataplaneClientBlueprint,
  SiteBlueprint,
  TrafficBlueprint,
} from "../blueprint/types.js";

/** What a change may give a client: a shaper, or its class below a site. */
type Line = Pick<DataplaneClientBlueprint, "down" | "up" | "node">;

type SiteSetting = Extract<ChangeSetting, { site: number }>;
type ClientSetting = Extract<ChangeSetting, { client: number }>;

/** A phase of the run, [start, end) in nanoseconds from t0. */
interface Span {
  name: string;
  start: number;
  end: number;
}

/**
 * The blueprint with the plans, sites and shares that are in force during a phase, as changes have left them when it
 * begins, and with the traffic that is there in some part of it. What of them changes meanwhile is unknown – its rate is
 * 0, as an unlimited one's – because nothing that is measured over the whole phase can be compared with either value.
 */
export function inForce(blueprint: Blueprint, { name, start, end }: Span): Blueprint {
  const { timeline, dataplane } = blueprint;
  const traffic = presentIn(blueprint.traffic, start, end);
  // Recordings of older versions have no changes.
  const before = (timeline.changes ?? []).filter(({ at }) => at < end);
  const found = timeline.phases.find((phase) => phase.name === name);
  if (before.length === 0 && found?.shares === undefined)
    return traffic === blueprint.traffic ? blueprint : { ...blueprint, traffic };
  const lines = new Lines(dataplane.clients, dataplane.sites ?? []);
  for (const { at, set } of before) for (const setting of set) lines.apply(setting, at <= start);
  const shares = found?.shares === undefined ? timeline.shares : (found.shares ?? []);
  const now = { ...dataplane, clients: lines.clients(), sites: lines.sites() };
  return { ...blueprint, dataplane: now, traffic, timeline: { ...timeline, shares } };
}

/** Flows, streams and probes that share some time with a phase; the same object when all do. */
function presentIn(traffic: TrafficBlueprint, from: number, to: number): TrafficBlueprint {
  const { flows, probes, streams = [] } = traffic;
  const isThere = ({ start, stop }: { start: number; stop: number }) => start < to && stop > from;
  if ([flows, probes, streams].every((items) => (items as { start: number; stop: number }[]).every(isThere)))
    return traffic;
  const [here, near, beside] = [flows.filter(isThere), probes.filter(isThere), streams.filter(isThere)];
  return { ...traffic, flows: here, probes: near, streams: beside };
}

/** Clients' lines and sites' classes, followed through changes. */
class Lines {
  readonly #clients: readonly DataplaneClientBlueprint[];
  readonly #sites: readonly SiteBlueprint[];
  readonly #atFirst: Map<number, DataplaneClientBlueprint>;
  readonly #lines = new Map<number, Line>();
  readonly #nodes = new Map<number, SiteBlueprint>();

  constructor(clients: readonly DataplaneClientBlueprint[], sites: readonly SiteBlueprint[]) {
    this.#clients = clients;
    this.#sites = sites;
    this.#atFirst = new Map(clients.map((client) => [client.id, client]));
  }

  /** `inTime`: before the phase, so that it is in force during the whole of it. */
  apply(setting: ChangeSetting, inTime: boolean): void {
    if ("site" in setting) this.#applyToSite(setting, inTime);
    if (!("client" in setting)) return;
    const now = this.#lines.get(setting.client) ?? this.#atFirst.get(setting.client);
    if (now !== undefined) this.#lines.set(setting.client, lineAfter(now, setting, inTime));
  }

  #applyToSite({ site, direction, node }: SiteSetting, inTime: boolean): void {
    const now = this.#nodes.get(site) ?? this.#sites.find(({ id }) => id === site);
    if (now === undefined) return;
    const isKnown = inTime || now[direction].ceil === node.ceil;
    this.#nodes.set(site, { ...now, [direction]: isKnown ? node : { ...node, ceil: 0 } });
  }

  clients(): DataplaneClientBlueprint[] {
    return this.#clients.map((client) => ({ ...client, ...this.#lines.get(client.id) }));
  }

  sites(): SiteBlueprint[] {
    return this.#sites.map((site) => this.#nodes.get(site.id) ?? site);
  }
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
