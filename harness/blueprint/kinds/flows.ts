import type { Case, TcpTraffic } from "../../scenario/types.js";
import type { Rng } from "../../stats/index.js";
import type { Direction, FlowBlueprint } from "../types.js";
import { countPerClient, type Directory, directionsOf, hostOf, PORTS, portPerTraffic, STAGGER } from "./common.js";
import { during } from "./segments.js";

/**
 * All TCP connections that last as long as the load. It runs in ramp + loaded. Every traffic and direction has a port of its own, so that
 * a listener serves alike flows only.
 */
export function flowsOf(scenario: Case, directory: Directory, random: Rng): FlowBlueprint[] {
  const { phases } = scenario;
  const load = { start: phases.idle, stop: phases.idle + phases.ramp + phases.loaded };
  const stagger = Math.min(STAGGER, phases.ramp);
  const flows: FlowBlueprint[] = [];
  const nextClientPort = countPerClient(PORTS.tcp.client);
  const portOf = portPerTraffic(PORTS.tcp.server);
  for (const traffic of scenario.traffic) {
    const window = during(traffic, load);
    if (traffic.kind !== "tcp" || traffic.transfers !== undefined || window === null) continue;
    const { stop } = window;
    const within = Math.min(stagger, stop - window.start - 1);
    for (const direction of directionsOf(traffic)) {
      const port = portOf(traffic, direction);
      for (const client of traffic.from) {
        for (let n = 0; n < traffic.flows; n++) {
          const start = window.start + Math.floor(random.next() * within);
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
    }
  }
  return flows;
}

function flowOf(
  { name, to, family, congestionControl, pacing, dscp, ecn }: TcpTraffic,
  direction: Direction,
  client: string,
  directory: Directory,
): Omit<FlowBlueprint, "id" | "host" | "port" | "clientPort" | "start" | "stop"> {
  const ends = { client: directory.client(client), server: directory.server(to) };
  return {
    traffic: name,
    ...ends,
    direction,
    family,
    congestionControl,
    dscp,
    ecn,
    ...(pacing === undefined ? {} : { pacing }),
  };
}
