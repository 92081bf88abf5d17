/** The traffic part of a blueprint: what `mqoe-native traffic --blueprint FILE` is given. Units as in types.ts. */
import type { Direction, Family } from "./types.js";

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
  streams: StreamBlueprint[];
  /** Absent in recordings of older versions: none. */
  sessions?: SessionBlueprint[];
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
  /** bit/s that the sender sends at most; absent: unlimited. */
  pacing?: number;
  start: number;
  stop: number;
  /** Which of the client's addresses it uses: index into `ipv4` or `ipv6` of its endpoint. */
  host: number;
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
  /** As FlowBlueprint.host. */
  host: number;
  start: number;
  stop: number;
  /** Waiting time after which a packet is lost (RFC 7680's Tmax). */
  timeout: number;
}

/** Unresponsive UDP in one direction: packets leave on the clock, whatever becomes of them. */
export interface StreamBlueprint {
  /** Numbered on from the flows, so that `flow/<id>` names either. */
  id: number;
  traffic: string;
  client: number;
  server: number;
  direction: Direction;
  family: Family;
  port: number;
  clientPort: number;
  /** Between two packets, ns; from the scenario's rate, which counts IP bytes. Of a rate that varies: the mean. */
  interval: number;
  /** UDP payload bytes, ≥ 12. Of several sizes: the mean. */
  size: number;
  /** Absent: a packet every `interval`. */
  pattern?: PatternBlueprint;
  /** Exponentially distributed with the mean that `interval` or the pattern says; absent: constant. */
  gaps?: "poisson";
  /** Drawn for each packet by its number and the seed; absent: all have `size`. */
  mix?: { size: number; weight: number }[];
  dscp: number;
  /** As FlowBlueprint.host. */
  host: number;
  start: number;
  stop: number;
}

/** A rate that varies: pieces from the stream's start on, again every `period` ns. */
export interface PatternBlueprint {
  period: number;
  /** Ascending, the first from 0: `interval` between packets until the next piece, 0 = none are sent. */
  pieces: { from: number; interval: number }[];
}

/**
 * A client that makes requests of a server over TCP connections of its own, by a script: transfers of a given size, web
 * pages, video. What it will ask for is decided here; when, where that depends on what came before, in the traffic process.
 */
export interface SessionBlueprint {
  /** Numbered on from flows and streams, so that `flow/<id>` names any; its connections' bytes are tcp_bin records of it. */
  id: number;
  traffic: string;
  client: number;
  server: number;
  family: Family;
  port: number;
  congestionControl: string;
  dscp: number;
  ecn: boolean;
  /** As FlowBlueprint.pacing; of both ends. */
  pacing?: number;
  /** As FlowBlueprint.host. */
  host: number;
  /** Of the emulated path, ns: what a transfer's time is compared with. */
  rtt: number;
  start: number;
  stop: number;
  script: SessionScript;
}

export type SessionScript = TransfersScript | WebScript | VideoScript | RpmScript;

/** Bytes of a request's body, from the client, and of its answer. */
export interface RequestBlueprint {
  up: number;
  down: number;
}

/** One transfer after or beside another, each over a connection of its own, which is opened for it. */
export interface TransfersScript {
  kind: "transfers";
  /**
   * `open`: each starts at its time, whatever became of those before (`wait` is ns from the session's start, ascending).
   * `closed`: each starts so long after the end of the one before; when all have been made, from the first again.
   */
  loop: "open" | "closed";
  transfers: (RequestBlueprint & { wait: number })[];
}

/**
 * Pages, one after another: the document over one connection, then the other objects over up to `connections` at once.
 * What the lists hold comes again after the last one.
 */
export interface WebScript {
  kind: "web";
  connections: number;
  /** Connections are kept for the next page. */
  reuse: boolean;
  /** Bytes of each object of each page, the document first. */
  pages: number[][];
  /** ns between the end of a page and the next. */
  thinks: number[];
}

/** Segments of a video, one after another, each at the bitrate that the player chooses (native/traffic/player.h). */
export interface VideoScript {
  kind: "video";
  /** ns of content: of a segment, held at most, and waited for by playback at first and after a stall. */
  segment: number;
  buffer: number;
  startup: number;
  resume: number;
  adaptation: "dynamic" | "throughput" | "bola";
  /** bit/s, ascending */
  bitrates: number[];
  /** Per mille of what the bitrate makes of a segment, of one after another; they come again after the last one. */
  sizes: number[];
}

/**
 * Responsiveness under working conditions (draft-ietf-ippm-responsiveness-09): load over one connection, and one more after
 * each interval until the goodput is stable, and probes beside it and on it (native/traffic/script_rpm.c).
 */
export interface RpmScript {
  kind: "rpm";
  /** Who sends the load. */
  direction: Direction;
  /** ns; the draft's ID */
  interval: number;
  /** Intervals that are averaged over. */
  mad: number;
  /** That generate load at most (MNP). */
  connections: number;
  /** A second at most, of both kinds together (MPS). */
  probes: number;
  /** Bytes of load between which an answer may go, and that the sender's socket holds back. */
  frame: number;
}
