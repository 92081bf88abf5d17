import type { Case, ProbeTraffic } from "../../scenario/types.js";
import type { Rng } from "../../stats/index.js";
import type { ProbeBlueprint } from "../types.js";
import { countPerClient, type Directory, hostOf, PORTS } from "./common.js";

/** All probes of a case: they run from the start, each with a seeded offset within its interval. */
export function probesOf(scenario: Case, directory: Directory, random: Rng): ProbeBlueprint[] {
  const probes: ProbeBlueprint[] = [];
  const nextClientPort = countPerClient(PORTS.probe.client);
  let port: number = PORTS.probe.server;
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
