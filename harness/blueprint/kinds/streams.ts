import type { Case, UdpTraffic } from "../../scenario/types.js";
import type { Rng } from "../../stats/index.js";
import type { Family, StreamBlueprint } from "../types.js";
import { countPerClient, type Directory, directionsOf, hostOf, PORTS, portPerTraffic } from "./common.js";
import { during, offsetIn } from "./segments.js";

/** Bytes of IP and UDP headers. */
const UDP_HEADERS: Record<Family, number> = { ipv4: 28, ipv6: 48 };

/**
 * All UDP streams of a case: in ramp + loaded, each with a seeded offset within its interval. Their ids go on from
 * `firstId`, so that flows and streams have one numbering.
 */
export function streamsOf(scenario: Case, directory: Directory, random: Rng, firstId: number): StreamBlueprint[] {
  const { idle, ramp, loaded } = scenario.phases;
  const streams: StreamBlueprint[] = [];
  const nextClientPort = countPerClient(PORTS.stream.client);
  const portOf = portPerTraffic(PORTS.stream.server);
  for (const traffic of scenario.traffic) {
    const window = during(traffic, { start: idle, stop: idle + ramp + loaded });
    if (traffic.kind !== "udp" || window === null) continue;
    const { name, to, family, size, dscp } = traffic;
    const interval = streamInterval(traffic);
    for (const direction of directionsOf(traffic)) {
      const port = portOf(traffic, direction);
      for (const client of traffic.from) {
        const ends = { client: directory.client(client), server: directory.server(to) };
        const start = window.start + offsetIn(window, interval, random);
        const sockets = { direction, family, port, clientPort: nextClientPort(client) };
        const life = { start, stop: window.stop };
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
    }
  }
  return streams;
}

/** ns between two packets, rounded: at a million packets/s the rate is right to 0.05 %, at ten thousand to 5 ppm. */
function streamInterval({ rate, size, family }: UdpTraffic): number {
  return Math.round(((size + UDP_HEADERS[family]) * 8e9) / rate);
}
