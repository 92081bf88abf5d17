import { isEchoed } from "../../scenario/kinds/index.js";
import type { Case, Isochronous, TrafficCommon } from "../../scenario/types.js";
import type { Rng } from "../../stats/index.js";
import type { ProbeBlueprint } from "../types.js";
import { countPerClient, type Directory, hostOf, PORTS, portPerTraffic } from "./common.js";
import { during, offsetIn } from "./segments.js";

/** All probes of a case, calls and games among them: from the start, each with a seeded offset within its interval. */
export function probesOf(scenario: Case, directory: Directory, random: Rng): ProbeBlueprint[] {
  const probes: ProbeBlueprint[] = [];
  const nextClientPort = countPerClient(PORTS.probe.client);
  const portOf = portPerTraffic(PORTS.probe.server);
  for (const traffic of scenario.traffic) {
    if (!isEchoed(traffic)) continue;
    const port = portOf(traffic);
    for (const client of traffic.from) {
      const { stop, timeout } = probeWindow(scenario, directory.rtt(client, traffic.to));
      const window = during(traffic, { start: 0, stop });
      if (window === null) continue;
      const start = window.start + offsetIn(window, traffic.interval, random);
      const clientPort = nextClientPort(client);
      const host = hostOf(traffic, client, directory);
      probes.push({
        id: probes.length,
        ...probeOf(traffic, client, directory),
        host,
        port,
        clientPort,
        start,
        stop: window.stop,
        timeout,
      });
    }
  }
  return probes;
}

function probeOf(
  { name, to, family, interval, size, dscp }: TrafficCommon & Isochronous,
  client: string,
  directory: Directory,
): Omit<ProbeBlueprint, "id" | "host" | "port" | "clientPort" | "start" | "stop" | "timeout"> {
  const ends = { client: directory.client(client), server: directory.server(to) };
  return { traffic: name, ...ends, family, interval, size, dscp, ecn: 0 };
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
