/**
 * The blueprint: everything that is decided before anything is created (DESIGN §2). It is plain JSON; each native
 * process is given its own part as one file. Rates are bit/s, times are nanoseconds and sizes bytes unless a name
 * says otherwise; all times are relative to the run's t0. Numbers stay below 2^53.
 */
export interface Blueprint {
  schema: "mqoe-blueprint/1";
  /** Case id as in the results: `home[sqm=cake]`. */
  case: string;
  seed: number;
  lab: LabBlueprint;
  dataplane: DataplaneBlueprint;
  traffic: TrafficBlueprint;
  timeline: TimelineBlueprint;
}

export type Family = "ipv4" | "ipv6";
export type Direction = "down" | "up";

// ---- lab ---------------------------------------------------------------------------------------------------------

export interface LabBlueprint {
  /** Prefix of every namespace of this lab: `/run/netns/<name>-…`. */
  name: string;
  /** The one MAC of every endpoint and every dataplane-side trunk end (DESIGN §3, layer 2). */
  mac: string;
  mtu: number;
  /** Next hop of every endpoint, a permanent neighbour with `mac`. */
  gateway: { ipv4: string; ipv6: string };
  /** Paths of the three inner namespaces. */
  access: string;
  core: string;
  dataplane: string;
  trunks: TrunkBlueprint[];
  /** Servers first, then clients. */
  endpoints: EndpointBlueprint[];
}

/** The two veth pairs over which one reactor sees its clients' frames. */
export interface TrunkBlueprint {
  shard: number;
  /** Interface names: in `access` / `core`, and of their peers in `dataplane`. */
  accessPort: string;
  corePort: string;
  dataplaneAccess: string;
  dataplaneCore: string;
}

export interface EndpointBlueprint {
  role: "client" | "server";
  /** Name in the scenario: `home-1`, `web`. */
  name: string;
  /** `/run/netns/<lab>-<name>`; inside, the interface is always `eth0`. */
  netns: string;
  /** Far end of the veth pair, in `access` (clients) or `core` (servers). */
  port: string;
  /** Which trunk carries a client's frames; 0 for servers (they reach every shard). */
  shard: number;
  ipv4: string[];
  ipv6: string[];
  /** Written below /proc/sys in the endpoint's namespace, e.g. `net/ipv4/tcp_ecn: "1"`. */
  sysctl: Record<string, string>;
}

// ---- dataplane (afxdp): `mqoe-native dataplane --blueprint FILE` --------------------------------------------------

export interface DataplaneBlueprint {
  schema: "mqoe-dataplane/1";
  kind: "afxdp";
  lab: string;
  /** Namespace that the process enters before it opens its sockets. */
  netns: string;
  seed: number;
  reactors: ReactorBlueprint[];
  /** Emulated distance; `client.path` and `server.path` are indexes into it, −1 = none. */
  paths: PathBlueprint[];
  servers: { id: number; name: string; addresses: string[]; path: number }[];
  clients: DataplaneClientBlueprint[];
}

export interface ReactorBlueprint {
  id: number;
  /** CPU to pin to; −1 = wherever the scheduler likes. */
  core: number;
  access: string;
  coreTrunk: string;
  /** UMEM chunks of `frameSize` bytes, computed from queue limits, rates and delays. */
  frames: number;
  frameSize: 2048;
}

export interface PathBlueprint {
  id: number;
  name: string;
  /** One-way delays; rtt is split in halves. */
  downDelay: number;
  upDelay: number;
}

export interface DataplaneClientBlueprint {
  id: number;
  name: string;
  reactor: number;
  addresses: string[];
  path: number;
  down: ShaperBlueprint;
  up: ShaperBlueprint;
}

/** One direction of a plan: a deficit-mode shaper with a discipline on it. */
export interface ShaperBlueprint {
  /** bit/s at the layer that `framing` accounts; 0 = unlimited. */
  rate: number;
  framing: Framing;
  sqm: SqmBlueprint;
}

/** tc's framing: how many bytes of the link a frame costs (algorithms.md §1.9). */
export interface Framing {
  /** `frame`: the layer-2 length as it is (tc without a keyword); `ip`: network-layer length + overhead. */
  base: "frame" | "ip";
  overhead: number;
  mpu: number;
  cell: "none" | "atm" | "ptm";
}

export type SqmBlueprint =
  | {
      discipline: "fq_codel";
      target: number;
      interval: number;
      quantum: number;
      flows: number;
      /** packets */
      limit: number;
      memoryLimit: number;
      ecn: boolean;
      /** ns; −1 = off */
      ceThreshold: number;
    }
  | { discipline: "pfifo"; limit: number }
  /** No queue discipline and no shaping: frames pass at once; the plan's rate must be 0. */
  | { discipline: "none" };

// ---- traffic: `mqoe-native traffic --blueprint FILE` ---------------------------------------------------------------

export interface TrafficBlueprint {
  schema: "mqoe-traffic/1";
  lab: string;
  seed: number;
  /** Per entry two reactor threads, bulk and probes, pinned to that CPU (−1 = not pinned). */
  cores: number[];
  clients: TrafficEndpoint[];
  servers: TrafficEndpoint[];
  flows: FlowBlueprint[];
  probes: ProbeBlueprint[];
  /** Width of goodput bins and interval of TCP_INFO samples. */
  sampleInterval: number;
  /** When everything is over and the process says `done` (end of the run). */
  duration: number;
}

export interface TrafficEndpoint {
  id: number;
  name: string;
  netns: string;
  ipv4: string[];
  ipv6: string[];
}

/** One TCP connection. The client connects; `direction` says who sends. */
export interface FlowBlueprint {
  id: number;
  /** Name of the [traffic.*] table. */
  traffic: string;
  client: number;
  server: number;
  direction: Direction;
  family: Family;
  /** Port the server listens on; one listener per (server, family, port). */
  port: number;
  /** The client's own port, so that which flows share a queue depends on the seed alone; 0 = the kernel's choice. */
  clientPort: number;
  congestionControl: string;
  dscp: number;
  ecn: boolean;
  start: number;
  stop: number;
}

/** One isochronous UDP probe: client → server → echoed back. */
export interface ProbeBlueprint {
  id: number;
  traffic: string;
  client: number;
  server: number;
  family: Family;
  port: number;
  clientPort: number;
  interval: number;
  /** UDP payload bytes, ≥ 48. */
  size: number;
  dscp: number;
  ecn: 0 | 1 | 2;
  start: number;
  stop: number;
  /** Waiting time after which a packet is lost (RFC 7680's Tmax). */
  timeout: number;
}

// ---- timeline ------------------------------------------------------------------------------------------------------

export interface TimelineBlueprint {
  duration: number;
  /** Partition of the run, in order: idle, ramp, loaded, cooldown (and named ones, later). */
  phases: { name: string; start: number; end: number }[];
  /** Max–min fair rates (bit/s, at the plan's own layer) of each client, in the order of dataplane.clients. */
  shares: { client: string; down: number; up: number }[];
}
