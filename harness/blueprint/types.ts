import type { TrafficBlueprint } from "./types-traffic.js";

export type * from "./types-traffic.js";

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
  /** Where the lab is to be built; absent in recordings of older versions: live. */
  world?: "live" | "hermetic";
  lab: LabBlueprint;
  dataplane: DataplaneBlueprint;
  /** Emulated distance as a stage of its own, where the dataplane does not do it itself: every kind but `afxdp`. */
  pathStages: PathStageBlueprint[];
  traffic: TrafficBlueprint;
  /** Absent: the scenario has no programs of its own. */
  programs?: ProgramsBlueprint;
  timeline: TimelineBlueprint;
  /** Absent when no packet socket is needed. */
  capture?: CaptureProcessBlueprint;
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
  /**
   * The dataplane's interfaces carry XDP_PASS (a redirect into them needs a program) and its namespace has IPv6: for a
   * middle that routes in the kernel. Otherwise it brings its own program.
   */
  stub: boolean;
  /** Namespaces of the path stages, between `dataplane` and `core` or `access`; empty when paths are fused. */
  stages: StageBlueprint[];
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

/**
 * A path stage in the lab. Its namespace takes the place of the inner one in the trunk: the trunk of that side ends at
 * `outer`, and `inner` is the peer of the dataplane's own interface (TrunkBlueprint.dataplaneAccess or dataplaneCore).
 */
export interface StageBlueprint {
  side: "access" | "core";
  netns: string;
  outer: string;
  inner: string;
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
  /** Packets that TCP may send here before the first acknowledgement (`initcwnd` of the default route); absent: the kernel's. */
  initialWindow?: number;
}

// ---- dataplane: `mqoe-native dataplane | kernel | external | path --blueprint FILE` --------------------------------

/**
 * What shapes. `afxdp` is ours; `kernel` routes and queues with Linux's own qdiscs, `none` only routes (both are
 * `mqoe-native kernel`); `external` runs the user's command; `path` is no dataplane but a stage of emulated distance.
 */
export interface DataplaneBlueprint {
  schema: "mqoe-dataplane/1";
  kind: "afxdp" | "kernel" | "none" | "external" | "path";
  lab: string;
  /** Namespace that the process enters before it opens its sockets. */
  netns: string;
  seed: number;
  /** afxdp and path; empty for the others. */
  reactors: ReactorBlueprint[];
  /** Emulated distance; `path` of clients, sites and servers are indexes into it, −1 = none. Empty unless afxdp or path. */
  paths: PathBlueprint[];
  servers: { id: number; name: string; addresses: string[]; path: number }[];
  clients: DataplaneClientBlueprint[];
  /** The shaper tree, parents before children; empty without sites. afxdp, and a path stage for the paths alone. */
  sites: SiteBlueprint[];
  /** kernel, none and external; null for the others. */
  link: LinkBlueprint | null;
  /** external only. */
  external: ExternalBlueprint | null;
  /** afxdp only, which captures itself; absent when it does not. */
  captures?: DataplaneCapture[];
}

/** The two interfaces in the dataplane's namespace, and the one next hop behind each of them. */
export interface LinkBlueprint {
  /** Towards the clients, towards the servers. */
  access: string;
  core: string;
  /** Of these interfaces and of everything behind them. */
  mac: string;
  mtu: number;
}

export interface ExternalBlueprint {
  command: string[];
  /** `line`: ready when it has printed a line that is `ready`; else so many nanoseconds after its start. */
  ready: "line" | number;
  /** `stub`: the lab puts XDP_PASS on both interfaces (a redirect into them needs it); `own`: the command attaches its own. */
  xdp: "stub" | "own";
}

/** A path stage and the file it is given: `path-core.json`, `path-access.json`. */
export interface PathStageBlueprint {
  side: "access" | "core";
  process: DataplaneBlueprint;
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
  /** Each owner of the path – a server, a site, a client – has two such lines of its own. */
  down: PathLineBlueprint;
  up: PathLineBlueprint;
}

/** One direction of a path: what happens to a frame on it; words and meaning of netem (docs/paths.md). */
export interface PathLineBlueprint {
  /** false: the link is down, nothing passes. */
  up: boolean;
  loss:
    | { model: "none" }
    | { model: "random"; probability: number; correlation: number }
    /** Gilbert-Elliott in tc's parameters: good → bad, bad → good, loss in bad is 1 − h, loss in good is 1 − k. */
    | { model: "gemodel"; p: number; r: number; oneMinusH: number; oneMinusK: number }
    | { model: "state"; p13: number; p31: number; p32: number; p23: number; p14: number }
    /** Exactly these, counted from 0 in order of arrival; ascending. */
    | { model: "packets"; packets: number[] };
  /** ECN-capable packets are marked CE where they would be lost. */
  ecn: boolean;
  duplicate: { probability: number; correlation: number };
  corrupt: { probability: number; correlation: number };
  /** Frames that skip the delay; every `gap`-th one, with this probability. gap 0 = none. */
  reorder: { probability: number; correlation: number; gap: number };
  /** ns */
  delay: number;
  jitter: number;
  delayCorrelation: number;
  /** `table`: values in units of jitter / 8192, drawn with equal probability. */
  distribution: "uniform" | "normal" | "pareto" | "paretonormal" | { table: number[] };
  /** Jitter never lets a frame overtake another. */
  keepOrder: boolean;
  /** bit/s at the frame layer; 0 = unlimited. Frames are serialised after the delay, as netem does. */
  rate: number;
  packetOverhead: number;
  /** bytes; 0 = no cells */
  cellSize: number;
  cellOverhead: number;
  /** Of the FIFO before the rate, in packets and bytes; 0 = no limit. */
  limitPackets: number;
  limitBytes: number;
  /** Bytes that wait from which ECN-capable packets are marked CE; 0 = never. */
  ecnThreshold: number;
  /** Bursty links: frames leave in slots. 0 packets or bytes = no such limit of a slot. */
  slot:
    | null
    | { min: number; max: number; packets: number; bytes: number }
    | {
        delay: number;
        jitter: number;
        distribution: PathLineBlueprint["distribution"];
        packets: number;
        bytes: number;
      };
  trace:
    | null
    /** mahimahi: ms at which 1504 bytes may leave; it begins again after the last one. */
    | { format: "mahimahi"; opportunities: number[] }
    /** In force from `at` (ns) on; `loop`: ns after which it begins again, 0 = the last one stays. Absent: as the line says. */
    | { format: "steps"; loop: number; steps: { at: number; rate?: number; delay?: number; loss?: number }[] };
}

/** An inner node of the shaper tree. Its capacity counts bytes as the clients' plans do (ShaperBlueprint.framing). */
export interface SiteBlueprint {
  id: number;
  name: string;
  /** Index of the site above; −1 = none, a root. */
  parent: number;
  /** Index of the path between it and its parent; absent: none. */
  path?: number;
  /** Reactor of everything below: a tree is not divided. */
  reactor: number;
  down: NodeBlueprint;
  up: NodeBlueprint;
}

/** A class of the shaper tree, with HTB's meaning (algorithms.md §4). */
export interface NodeBlueprint {
  /** bit/s guaranteed: sent without asking the parent; 0 = nothing is. */
  rate: number;
  /** bit/s at most, with what is borrowed; ≥ rate. */
  ceil: number;
  /** bytes in a turn among those who borrow (of a leaf); 0 = one full frame each, equal shares. */
  quantum: number;
  /** 0 … 7, lower is served first. */
  priority: number;
  /** bytes that may go at once after a rest; 0 = one frame. */
  burst: number;
}

export interface DataplaneClientBlueprint {
  id: number;
  name: string;
  reactor: number;
  addresses: string[];
  path: number;
  /** Index of its site; −1 = none: it shapes by itself. */
  site: number;
  /** Its leaf class in the tree; null without a site. The shapers below then have rate 0, or shape themselves too. */
  node: { down: NodeBlueprint; up: NodeBlueprint } | null;
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
  | { discipline: "none" }
  | {
      discipline: "cake";
      tins: "besteffort" | "precedence" | "diffserv3" | "diffserv4" | "diffserv8";
      /** ns */
      rtt: number;
      isolation:
        | "flowblind"
        | "srchost"
        | "dsthost"
        | "hosts"
        | "flows"
        | "dual-srchost"
        | "dual-dsthost"
        | "triple-isolate";
      nat: boolean;
      wash: boolean;
      ackFilter: "off" | "on" | "aggressive";
      ingress: boolean;
      splitGso: boolean;
      /** bytes; 0 = as the rate asks for */
      memoryLimit: number;
      /** Estimate the rate from what arrives; the plan's is where it starts. */
      autorateIngress: boolean;
    }
  | { discipline: "codel"; target: number; interval: number; limit: number; ecn: boolean; ceThreshold: number }
  /** One queue under CAKE's AQM; Linux has no qdisc of that name. */
  | { discipline: "cobalt"; target: number; interval: number; limit: number; ecn: boolean }
  | { discipline: "bfifo" /** bytes */; limit: number }
  | {
      discipline: "dualpi2";
      /** packets */
      limit: number;
      /** bytes */
      memoryLimit: number;
      /** ns */
      target: number;
      tupdate: number;
      /** 1/256 Hz, as sch_dualpi2 stores them: 41 (0.16 Hz) and 819 (3.2 Hz). */
      alpha: number;
      beta: number;
      /** What the L4S queue's step looks at: ns of sojourn, or packets in the queue. */
      step: { unit: "time" | "packets"; threshold: number };
      /** packets that the L4S queue must hold for the step to mark */
      minQlenStep: number;
      coupling: number;
      /** per cent of the link for the classic queue, at least */
      classicProtection: number;
      dropOnOverload: boolean;
      dropEarly: boolean;
      /** What goes to the L4S queue: ECT(1) and CE, every ECN-capable packet, or none. */
      ecnMask: "l4s" | "any" | "none";
    }
  /** The kernel's only. What follows `tc qdisc add … `; `rate` (bit/s) of an HTB class above it, 0 = it shapes itself. */
  | { discipline: "tc"; args: string; rate: number };

// ---- captures: the dataplane's own, and `mqoe-native capture --blueprint FILE` (docs/capture.md) ---------------------

export interface CaptureFile {
  name: string;
  /** Below the folder of the blueprint that names it. */
  file: string;
  /** Bytes of each packet. */
  snaplen: number;
  /** Bytes of the newest packets that are kept. */
  limit: number;
  /** When packets are taken, [start, stop); empty: from go to stop. */
  windows: { start: number; stop: number }[];
}

export interface DataplaneCapture extends CaptureFile {
  side: "access" | "core" | "both";
  /** Ids of clients; empty: everybody, and frames that are nobody's. */
  clients: number[];
}

export interface CaptureProcessBlueprint {
  schema: "mqoe-capture/1";
  lab: string;
  captures: SocketCapture[];
}

export interface SocketCapture extends CaptureFile {
  points: CapturePoint[];
  /** Only packets from or to one of these; empty: all. */
  addresses: string[];
}

/** An interface that is captured, and how the file calls it. */
export interface CapturePoint {
  netns: string;
  interface: string;
  name: string;
  description: string;
}

// ---- programs: `mqoe-native program` each --------------------------------------------------------------------------

/** Traffic of kind exec (docs/exec.md). */
export interface ProgramsBlueprint {
  /** Whom they run as; never root. */
  user: UserBlueprint;
  programs: ProgramBlueprint[];
}

export interface UserBlueprint {
  uid: number;
  gid: number;
}

export interface ProgramBlueprint {
  /** `speed.home-1`, `speed.web.server`: also of its files in the run's folder. */
  name: string;
  traffic: string;
  role: "client" | "server";
  /** Name of the client or server in whose namespace it runs. */
  endpoint: string;
  netns: string;
  command: string[];
  /** What it is told beside PATH, HOME, TMPDIR and LANG. */
  environment: Record<string, string>;
  /** Of a server: it is ready when this port is taken in its namespace; null = 500 ms after its start. */
  port: number | null;
  /** Of a client: when it starts and is ended at the latest; null of servers, which are there before and after the run. */
  start: number | null;
  stop: number | null;
}

// ---- timeline ------------------------------------------------------------------------------------------------------

export interface TimelineBlueprint {
  duration: number;
  /** Partition of the run, in order: idle, ramp, loaded, cooldown, cut where changes open others. */
  phases: PhaseBlueprint[];
  /** Max–min fair rates as the run begins. */
  shares: ShareBlueprint[];
  /** What the conductor sends to the dataplane (and its path stages) while the run goes on, in order of `at`. */
  changes: ChangeBlueprint[];
}

/** Max–min fair rates (bit/s, at the plan's own layer) of each client, in the order of dataplane.clients. */
export interface ShareBlueprint {
  client: string;
  down: number;
  up: number;
}

export interface PhaseBlueprint {
  name: string;
  start: number;
  end: number;
  /** Of a phase that a change opens: the default phase that it was part of. */
  of?: string;
  /** In force during it, of those whose share is the same all the time; absent: TimelineBlueprint.shares; null: a plan changes meanwhile. */
  shares?: ShareBlueprint[] | null;
}

export interface ChangeBlueprint {
  /** ns from t0 */
  at: number;
  /** For plots and events: `plan.home.down = 5mbit`. */
  text: string;
  /** As `set` of the `change` command (docs/control.md): what the dataplane is told; nothing when it is empty. */
  set: ChangeSetting[];
  /** What the path stages are told; absent: nothing. */
  stages?: { side: StageBlueprint["side"]; set: ChangeSetting[] }[];
}

/** In one direction a client's shaper, its leaf class or a site's class; or a path of the process that is told. */
export type ChangeSetting =
  | { client: number; direction: Direction; shaper: ShaperBlueprint }
  | { client: number; direction: Direction; node: NodeBlueprint }
  | { site: number; direction: Direction; node: NodeBlueprint }
  | { path: number; down: PathLineBlueprint; up: PathLineBlueprint };
