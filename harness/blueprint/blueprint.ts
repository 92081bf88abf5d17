import type { Case, Client, DataplaneChoice, Plan, TcpTraffic } from "../scenario/types.js";
import { seededRng, sum } from "../stats/index.js";
import { type Addresses, clientAddresses, GATEWAY, MAC, serverAddresses } from "./addresses.js";
import { Backlog } from "./backlog.js";
import { captureProcess, dataplaneCaptures } from "./captures.js";
import { changesOf, type Told } from "./changes.js";
import {
  type Directory,
  flowsOf,
  isAsking,
  probesOf,
  programsOf,
  sessionsOf,
  streamsOf,
  withLives,
} from "./kinds/index.js";
import { pathsBelow, pathsOf, roundTrip } from "./paths.js";
import { packBins, placeThreads } from "./placement.js";
import { FRAME_SIZE, framesFor, shaperOf } from "./shaping.js";
import { pathStage, pathsOfSide, type StageOptions, stageInLab, stageSides } from "./stages.js";
import { sysctlsOf, windowOf } from "./sysctls.js";
import { timelineOf } from "./timeline.js";
import { AccessTree, leafOf } from "./tree.js";
import type {
  Blueprint,
  DataplaneBlueprint,
  DataplaneClientBlueprint,
  Direction,
  EndpointBlueprint,
  LabBlueprint,
  LinkBlueprint,
  ReactorBlueprint,
  SiteBlueprint,
  StageBlueprint,
  TrafficBlueprint,
  TrafficEndpoint,
  TrunkBlueprint,
  UserBlueprint,
} from "./types.js";
import { versionsOf } from "./versions.js";

export interface BlueprintOptions {
  /** Prefix of the lab's namespaces; at most 32 characters. */
  lab: string;
  seed: number;
  /** CPUs of the machine. */
  cores: number;
  /** Default: live. */
  world?: "live" | "hermetic";
  /** Whom the scenario's own programs run as. Default: nobody. */
  user?: UserBlueprint;
}

/** Goodput bins, TCP_INFO samples. */
const SAMPLE_INTERVAL = 100e6;

/**
 * Decides everything about one run of a case before anything is created. Pure: the same arguments give the same
 * blueprint, bit by bit. The case must have passed the checks of loadCases.
 */
export function makeBlueprint(scenario: Case, options: BlueprintOptions): Blueprint {
  const layout = new Layout(scenario, options);
  const lab = layout.lab();
  const dataplane = layout.dataplane();
  const capture = captureProcess(scenario, lab, dataplane);
  const programs = programsOf(scenario, lab.endpoints, options.seed, options.user);
  return {
    schema: "mqoe-blueprint/1",
    case: scenario.id,
    seed: options.seed,
    world: options.world ?? "live",
    lab,
    dataplane,
    pathStages: lab.stages.map((stage) => pathStage(scenario, dataplane, stage, layout.stageOptions())),
    traffic: layout.traffic(),
    ...(programs ? { programs } : {}),
    timeline: timelineOf(scenario, changesOf(scenario, toldOf(dataplane, lab.stages)), options.seed),
    ...(capture === null ? {} : { capture }),
  };
}

/** The dataplane is told of plans and of the paths that it has itself, each stage of its side's paths. */
function toldOf({ kind, clients, sites }: DataplaneBlueprint, stages: readonly StageBlueprint[]): Told {
  return {
    clients,
    sites,
    dataplanePaths: (version) => (kind === "afxdp" ? pathsOf(version) : []),
    stages: stages.map(({ side }) => ({ side, paths: (version) => pathsOfSide(version, side) })),
  };
}

/** What the four parts share: who has which address, shard and CPU. */
class Layout implements Directory {
  readonly #case: Case;
  /** As it is after each change; what must last for the whole run is decided for all. */
  readonly #versions: Case[];
  readonly #options: BlueprintOptions;
  readonly #servers: { name: string; path: string | null; addresses: Addresses }[];
  readonly #addresses: Addresses[];
  readonly #tree: AccessTree;
  readonly #shards: number[];
  readonly #clientIndex: Map<string, number>;
  readonly #serverIndex: Map<string, number>;

  constructor(scenario: Case, options: BlueprintOptions) {
    this.#case = scenario;
    this.#versions = versionsOf(scenario);
    this.#options = options;
    this.#servers = Object.entries(scenario.servers).map(([name, { path }], index) => {
      return { name, path, addresses: serverAddresses(index) };
    });
    this.#addresses = clientAddresses(scenario.clients);
    this.#tree = new AccessTree(scenario);
    this.#shards = this.#shardsOf(scenario);
    this.#clientIndex = new Map(scenario.clients.map(({ name }, index) => [name, index]));
    this.#serverIndex = new Map(this.#servers.map(({ name }, index) => [name, index]));
  }

  client(name: string): number {
    return known(this.#clientIndex.get(name), `client "${name}"`);
  }

  hosts(name: string): number {
    return this.#case.clients[this.client(name)]?.hosts ?? 1;
  }

  server(name: string): number {
    return known(this.#serverIndex.get(name), `server "${name}"`);
  }

  rtt(client: string, server: string): number {
    const [from, to] = [this.#case.clients[this.client(client)], this.#servers[this.server(server)]];
    return this.#rttBelow(from) + this.#rttOf(to?.path);
  }

  lab(): LabBlueprint {
    const { lab: name } = this.#options;
    return {
      name,
      mac: MAC,
      mtu: this.#case.mtu,
      gateway: { ...GATEWAY },
      access: this.#netns("access"),
      core: this.#netns("core"),
      dataplane: this.#netns("dataplane"),
      stub: needsStub(this.#case.dataplane),
      stages: stageSides(this.#case).map((side) => stageInLab(side, (stage) => this.#netns(stage))),
      trunks: this.#reactorIds().map(trunkOf),
      endpoints: [...this.#serverEndpoints(), ...this.#clientEndpoints()],
    };
  }

  dataplane(): DataplaneBlueprint {
    const { kind, external = null } = this.#case.dataplane;
    const fused = kind === "afxdp";
    const captures = dataplaneCaptures(this.#case);
    const paths = fused ? pathsOf(this.#case) : [];
    const indexOf = (path: string | null) => paths.findIndex(({ name }) => name === path);
    const clients = this.#case.clients.map((client, id): DataplaneClientBlueprint => {
      const plan = this.#plan(client);
      const addresses = Object.values(this.#addressesOf(id)).flat();
      // Only our dataplane has the tree.
      const site = fused ? this.#tree.siteOf(id) : -1;
      const shapers = { down: shaperOf(plan, "down", site >= 0), up: shaperOf(plan, "up", site >= 0) };
      return {
        id,
        name: client.name,
        reactor: this.#shards[id] ?? 0,
        addresses,
        path: indexOf(client.path),
        site,
        node: site < 0 ? null : leafOf(plan),
        ...shapers,
      };
    });
    return {
      schema: "mqoe-dataplane/1",
      kind,
      lab: this.#options.lab,
      netns: this.#netns("dataplane"),
      seed: this.#options.seed,
      reactors: fused ? this.#reactors(clients) : [],
      paths,
      servers: this.#servers.map(({ name, path, addresses }, id) => {
        return { id, name, addresses: Object.values(addresses).flat(), path: indexOf(path) };
      }),
      clients,
      sites: fused ? this.#sites(indexOf) : [],
      link: fused ? null : this.#link(),
      external,
      ...(captures.length > 0 ? { captures } : {}),
    };
  }

  /** A path stage's thread is where a reactor would be; it has the tree's paths, not its shapers. */
  stageOptions(): StageOptions {
    return {
      core: placeThreads(1, this.#options.cores).dataplane[0] ?? -1,
      sites: (indexOf) => this.#sites(indexOf),
      siteOf: (client) => this.#tree.siteOf(client),
    };
  }

  /** The inner nodes of the access tree with their paths. */
  #sites(indexOf: (path: string | null) => number): SiteBlueprint[] {
    const sites = this.#tree.sites((client) => this.#shards[client] ?? 0);
    return sites.map((site) => {
      const path = indexOf(this.#case.sites[site.name]?.path ?? null);
      return path < 0 ? site : { ...site, path };
    });
  }

  traffic(): TrafficBlueprint {
    const { lab, seed, cores } = this.#options;
    const random = seededRng(seed);
    const living = withLives(this.#case, seed);
    const flows = flowsOf(living, this, random);
    const probes = probesOf(living, this, random);
    const streams = streamsOf(living, this, random, flows.length);
    return {
      schema: "mqoe-traffic/1",
      lab,
      seed,
      cores: placeThreads(this.#case.dataplane.reactors, cores).traffic,
      clients: this.#case.clients.map(({ name }, id) => this.#trafficEndpoint(id, name, this.#addressesOf(id))),
      servers: this.#servers.map(({ name, addresses }, id) => this.#trafficEndpoint(id, name, addresses)),
      flows,
      probes,
      streams,
      sessions: sessionsOf(living, this, random, flows.length + streams.length),
      sampleInterval: SAMPLE_INTERVAL,
      duration: this.#case.duration,
    };
  }

  #reactors(clients: readonly DataplaneClientBlueprint[]): ReactorBlueprint[] {
    const cores = placeThreads(this.#case.dataplane.reactors, this.#options.cores).dataplane;
    const farthest = Math.max(0, ...this.#servers.map(({ path }) => this.#rttOf(path)));
    const framesOf = (version: Case, own: readonly DataplaneClientBlueprint[]) => {
      const backlog = new Backlog(version);
      const held = own.map(({ id: client, site }) => {
        const { name = "", plan: planName = "" } = version.clients[client] ?? {};
        const plan = known(version.plans[planName], `plan "${planName}"`);
        const flooded = backlog.floodedDirections(name);
        const node = site < 0 ? null : leafOf(plan);
        const shapers = { down: shaperOf(plan, "down", site >= 0), up: shaperOf(plan, "up", site >= 0) };
        return { ...shapers, node, rtt: farthest + this.#rttBelow(version.clients[client]), flooded };
      });
      return framesFor(held, version.mtu, backlog.frames());
    };
    return this.#reactorIds().map((id) => {
      const own = clients.filter(({ reactor }) => reactor === id);
      const { dataplaneAccess: access, dataplaneCore: coreTrunk } = trunkOf(id);
      return {
        id,
        core: cores[id] ?? -1,
        access,
        coreTrunk,
        frames: Math.max(...this.#versions.map((version) => framesOf(version, own))),
        frameSize: FRAME_SIZE,
      };
    });
  }

  /** Reactor of each client: they are packed by rate, all below one root together. */
  #shardsOf({ clients, dataplane }: Case): number[] {
    const groups = this.#tree.groups();
    const rateOf = (group: readonly number[], direction: Direction) => {
      const plans = group.reduce((sum, index) => sum + this.#plan(known(clients[index], "client"))[direction], 0);
      const root = this.#tree.rootOf(group[0] ?? 0);
      return root === null ? plans : Math.min(plans, this.#tree.capacityOf(root, direction));
    };
    const weights = groups.map((group) => rateOf(group, "down") + rateOf(group, "up"));
    const bins = packBins(weights, dataplane.reactors);
    const shards = clients.map(() => 0);
    for (const [index, group] of groups.entries()) for (const client of group) shards[client] = bins[index] ?? 0;
    return shards;
  }

  #link(): LinkBlueprint {
    const { dataplaneAccess: access, dataplaneCore: core } = trunkOf(0);
    return { access, core, mac: MAC, mtu: this.#case.mtu };
  }

  #serverEndpoints(): EndpointBlueprint[] {
    const farthest = Math.max(0, ...this.#case.clients.map((client) => this.#rttBelow(client)));
    return this.#servers.map(({ name, path, addresses }, index) => {
      const rtt = farthest + this.#rttOf(path);
      const window = this.#case.clients.reduce((max, client) => Math.max(max, this.#window(client, rtt)), 0);
      const programs = this.#hasPrograms((traffic) => traffic.to === name);
      const sysctl = sysctlsOf({ ecn: this.#hasEcn((traffic) => traffic.to === name), window, programs });
      return {
        role: "server",
        name,
        netns: this.#netns(name),
        port: `s${index}`,
        shard: 0,
        ...addresses,
        sysctl,
        ...this.#initialWindow(({ to, direction }) => to === name && direction !== "up"),
      };
    });
  }

  #clientEndpoints(): EndpointBlueprint[] {
    const farthest = Math.max(0, ...this.#servers.map(({ path }) => this.#rttOf(path)));
    const ecn = new Set(this.#case.traffic.flatMap((t) => ("ecn" in t && t.ecn ? t.from : [])));
    const asking = new Set(this.#case.traffic.flatMap((t) => (isAsking(t) ? t.from : [])));
    const programs = new Set(this.#case.traffic.flatMap((t) => (t.kind === "exec" ? t.from : [])));
    return this.#case.clients.map((client, index) => {
      const { name } = client;
      const window = this.#window(client, farthest + this.#rttBelow(client));
      const sysctl = sysctlsOf({ ecn: ecn.has(name), window, asking: asking.has(name), programs: programs.has(name) });
      const sends = this.#initialWindow(({ from, direction }) => from.includes(name) && direction !== "down");
      const shard = this.#shards[index] ?? 0;
      const addresses = this.#addressesOf(index);
      const role = "client" as const;
      return { role, name, netns: this.#netns(name), port: `c${index}`, shard, ...addresses, sysctl, ...sends };
    });
  }

  #hasEcn(concerns: (traffic: Case["traffic"][number]) => boolean): boolean {
    return this.#case.traffic.some((traffic) => "ecn" in traffic && traffic.ecn && concerns(traffic));
  }

  /** All traffic of one sender agrees on it. */
  #initialWindow(concerns: (traffic: TcpTraffic) => boolean): Pick<EndpointBlueprint, "initialWindow"> {
    const own = this.#case.traffic.find((t) => t.kind === "tcp" && t.initialWindow !== undefined && concerns(t));
    return own?.kind === "tcp" && own.initialWindow !== undefined ? { initialWindow: own.initialWindow } : {};
  }

  #hasPrograms(concerns: (traffic: Case["traffic"][number]) => boolean): boolean {
    return this.#case.traffic.some((traffic) => traffic.kind === "exec" && concerns(traffic));
  }

  #window(client: Client, rtt: number): number {
    const plans = this.#versions.map((version) => known(version.plans[client.plan], `plan "${client.plan}"`));
    return Math.max(...plans.map((plan) => windowOf(plan, rtt, this.#case.mtu)));
  }

  #trafficEndpoint(id: number, name: string, addresses: Addresses): TrafficEndpoint {
    return { id, name, netns: this.#netns(name), ...addresses };
  }

  #addressesOf(client: number): Addresses {
    return known(this.#addresses[client], `client ${client}`);
  }

  #plan(client: Client): Plan {
    return known(this.#case.plans[client.plan], `plan "${client.plan}"`);
  }

  #rttOf(path: string | null | undefined): number {
    if (path === null || path === undefined) return 0;
    return Math.max(...this.#versions.map(({ paths }) => roundTrip(known(paths[path], `path "${path}"`))));
  }

  /** Of a client's own path and those of the sites above it. */
  #rttBelow(client: Client | undefined): number {
    return client === undefined ? 0 : sum(pathsBelow(this.#case, client).map((path) => this.#rttOf(path)));
  }

  #reactorIds(): number[] {
    return Array.from({ length: this.#case.dataplane.reactors }, (_, id) => id);
  }

  #netns(name: string): string {
    return `/run/netns/${this.#options.lab}-${name}`;
  }
}

/** Whose frames the kernel routes: see LabBlueprint.stub. */
function needsStub({ kind, external }: DataplaneChoice): boolean {
  return kind === "kernel" || kind === "none" || external?.xdp === "stub";
}

/** Short names: an interface's may have 15 characters, and every namespace has its own. */
function trunkOf(shard: number): TrunkBlueprint {
  const port = `trunk${shard}`;
  return { shard, accessPort: port, corePort: port, dataplaneAccess: `access${shard}`, dataplaneCore: `core${shard}` };
}

function known<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`mqoe: the case names a ${what} that it does not have; please report this`);
  return value;
}
