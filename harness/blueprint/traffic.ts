import type { Case, ProbeTraffic, TcpTraffic, Traffic, UdpTraffic } from "../scenario/types.js";
import type { Rng } from "../stats/index.js";
import type { Direction, Family, FlowBlueprint, ProbeBlueprint, StreamBlueprint } from "./types.js";

/** Flows start within this time, each at its own seeded moment: no two SYNs of a run leave in one burst. */
const STAGGER = 200e6;
/** Below 32768, where Linux takes its own ports from. */
const FIRST_TCP_PORT = 5001;
const FIRST_UDP_PORT = 7001;
const FIRST_STREAM_PORT = 8001;
/** Clients' own ports; every client counts from here, in a namespace of its own. */
const FIRST_CLIENT_PORT = 10001;
/** Beside its probes', which are UDP too. */
const FIRST_STREAM_CLIENT_PORT = 20001;
/** Bytes of IP and UDP headers. */
const UDP_HEADERS: Record<Family, number> = { ipv4: 28, ipv6: 48 };

/** Indexes of endpoints by name, their hosts, and the emulated round trip between two of them. */
export interface Directory {
  client(name: string): number;
  /** Addresses behind a client's circuit. */
  hosts(client: string): number;
  server(name: string): number;
  /** ns */
  rtt(client: string, server: string): number;
}

/**
 * All TCP connections of a case. Load runs in ramp + loaded. Every traffic and direction has a port of its own, so that
 * a listener serves alike flows only.
 */
export function flowsOf(scenario: Case, directory: Directory, random: Rng): FlowBlueprint[] {
  const { phases } = scenario;
  const stop = phases.idle + phases.ramp + phases.loaded;
  const stagger = Math.min(STAGGER, phases.ramp);
  const flows: FlowBlueprint[] = [];
  const nextClientPort = countPerClient();
  let port = FIRST_TCP_PORT;
  for (const traffic of scenario.traffic) {
    if (traffic.kind !== "tcp") continue;
    for (const direction of directionsOf(traffic)) {
      for (const client of traffic.from) {
        for (let n = 0; n < traffic.flows; n++) {
          const start = phases.idle + Math.floor(random.next() * stagger);
          const clientPort = nextClientPort(client);
          flows.push({
            id: flows.length,
            ...flowOf(traffic, direction, client, directory),
            host: hostOf(traffic, client, directory, n),
            port,
            clientPort,
            start,
            stop,
          });
        }
      }
      port += 1;
    }
  }
  return flows;
}

function flowOf(
  { name, to, family, congestionControl, dscp, ecn }: TcpTraffic,
  direction: Direction,
  client: string,
  directory: Directory,
): Omit<FlowBlueprint, "id" | "host" | "port" | "clientPort" | "start" | "stop"> {
  const ends = { client: directory.client(client), server: directory.server(to) };
  return { traffic: name, ...ends, direction, family, congestionControl, dscp, ecn };
}

/**
 * Index of the address that connection `n` of a client, of one traffic and direction, uses: the host that the scenario
 * names, or each in turn.
 */
function hostOf({ host }: Traffic, client: string, directory: Directory, n = 0): number {
  return host === null ? n % directory.hosts(client) : host - 1;
}

function countPerClient(first = FIRST_CLIENT_PORT): (client: string) => number {
  const next = new Map<string, number>();
  return (client) => {
    const port = next.get(client) ?? first;
    next.set(client, port + 1);
    return port;
  };
}

function directionsOf({ direction }: TcpTraffic | UdpTraffic): Direction[] {
  return direction === "both" ? ["down", "up"] : [direction];
}

/** All probes of a case: they run from the start, each with a seeded offset within its interval. */
export function probesOf(scenario: Case, directory: Directory, random: Rng): ProbeBlueprint[] {
  const probes: ProbeBlueprint[] = [];
  const nextClientPort = countPerClient();
  let port = FIRST_UDP_PORT;
  for (const traffic of scenario.traffic) {
    if (traffic.kind !== "probe") continue;
    for (const client of traffic.from) {
      const start = Math.floor(random.next() * traffic.interval);
      const clientPort = nextClientPort(client);
      const host = hostOf(traffic, client, directory);
      probes.push({
        id: probes.length,
        ...probeOf(traffic, client, scenario, directory),
        host,
        port,
        clientPort,
        start,
      });
    }
    port += 1;
  }
  return probes;
}

/**
 * All UDP streams of a case: in ramp + loaded, each with a seeded offset within its interval. Their ids go on from
 * `firstId`, so that flows and streams have one numbering.
 */
export function streamsOf(scenario: Case, directory: Directory, random: Rng, firstId: number): StreamBlueprint[] {
  const { idle, ramp, loaded } = scenario.phases;
  const streams: StreamBlueprint[] = [];
  const nextClientPort = countPerClient(FIRST_STREAM_CLIENT_PORT);
  let port = FIRST_STREAM_PORT;
  for (const traffic of scenario.traffic) {
    if (traffic.kind !== "udp") continue;
    const { name, to, family, size, dscp } = traffic;
    const interval = streamInterval(traffic);
    for (const direction of directionsOf(traffic)) {
      for (const client of traffic.from) {
        const ends = { client: directory.client(client), server: directory.server(to) };
        const start = idle + Math.floor(random.next() * interval);
        const sockets = { direction, family, port, clientPort: nextClientPort(client) };
        const life = { start, stop: idle + ramp + loaded };
        streams.push({
          id: firstId + streams.length,
          traffic: name,
          ...ends,
          ...sockets,
          interval,
          size,
          dscp,
          host: hostOf(traffic, client, directory),
          ...life,
        });
      }
      port += 1;
    }
  }
  return streams;
}

/** ns between two packets, rounded: at a million packets/s the rate is right to 0.05 %, at ten thousand to 5 ppm. */
function streamInterval({ rate, size, family }: UdpTraffic): number {
  return Math.round(((size + UDP_HEADERS[family]) * 8e9) / rate);
}

function probeOf(
  { name, to, family, interval, size, dscp }: ProbeTraffic,
  client: string,
  scenario: Case,
  directory: Directory,
): Omit<ProbeBlueprint, "id" | "host" | "port" | "clientPort" | "start"> {
  const ends = { client: directory.client(client), server: directory.server(to) };
  const { stop, timeout } = probeWindow(scenario, directory.rtt(client, to));
  return { traffic: name, ...ends, family, interval, size, dscp, ecn: 0, stop, timeout };
}

/**
 * When a probe stops, and how long an echo is waited for. The last packets need time to come back before the run is
 * over, or they would count as lost: the probe stops 500 ms or four round trips before the end (at most a quarter of
 * the run). A packet is lost after 2 s or four round trips, capped so that the loaded phase is decided by the end.
 */
function probeWindow({ duration, phases }: Case, rtt: number): { stop: number; timeout: number } {
  const margin = Math.min(Math.max(500e6, 4 * rtt), Math.floor(duration / 4));
  const timeout = Math.min(Math.max(2e9, 4 * rtt), Math.max(phases.cooldown, margin));
  return { stop: duration - margin, timeout };
}
