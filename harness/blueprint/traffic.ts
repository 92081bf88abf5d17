import type { Case, ProbeTraffic, TcpTraffic } from "../scenario/types.js";
import type { Rng } from "../stats/index.js";
import type { Direction, FlowBlueprint, ProbeBlueprint } from "./types.js";

/** Flows start within this time, each at its own seeded moment: no two SYNs of a run leave in one burst. */
const STAGGER = 200e6;
/** Below 32768, where Linux takes its own ports from. */
const FIRST_TCP_PORT = 5001;
const FIRST_UDP_PORT = 7001;

/** Indexes of endpoints by name, and the emulated round trip between two of them. */
export interface Directory {
  client(name: string): number;
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
  let port = FIRST_TCP_PORT;
  for (const traffic of scenario.traffic) {
    if (traffic.kind !== "tcp") continue;
    for (const direction of directionsOf(traffic)) {
      for (const client of traffic.from) {
        for (let n = 0; n < traffic.flows; n++) {
          const start = phases.idle + Math.floor(random.next() * stagger);
          flows.push({ id: flows.length, ...flowOf(traffic, direction, client, directory), port, start, stop });
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
): Omit<FlowBlueprint, "id" | "port" | "start" | "stop"> {
  const ends = { client: directory.client(client), server: directory.server(to) };
  return { traffic: name, ...ends, direction, family, congestionControl, dscp, ecn };
}

function directionsOf({ direction }: TcpTraffic): Direction[] {
  return direction === "both" ? ["down", "up"] : [direction];
}

/** All probes of a case: they run from the start, each with a seeded offset within its interval. */
export function probesOf(scenario: Case, directory: Directory, random: Rng): ProbeBlueprint[] {
  const probes: ProbeBlueprint[] = [];
  let port = FIRST_UDP_PORT;
  for (const traffic of scenario.traffic) {
    if (traffic.kind !== "probe") continue;
    for (const client of traffic.from) {
      const start = Math.floor(random.next() * traffic.interval);
      probes.push({ id: probes.length, ...probeOf(traffic, client, scenario, directory), port, start });
    }
    port += 1;
  }
  return probes;
}

function probeOf(
  { name, to, family, interval, size, dscp }: ProbeTraffic,
  client: string,
  scenario: Case,
  directory: Directory,
): Omit<ProbeBlueprint, "id" | "port" | "start"> {
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
