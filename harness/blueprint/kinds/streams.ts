import type { Case, UdpTraffic } from "../../scenario/types.js";
import type { Rng } from "../../stats/index.js";
import type { Family, PatternBlueprint, StreamBlueprint } from "../types.js";
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
    const { name, to, family, dscp } = traffic;
    const pace = paceOf(traffic, window.stop - window.start);
    if (pace === null) continue;
    const { offset, ...own } = pace;
    for (const direction of directionsOf(traffic)) {
      const port = portOf(traffic, direction);
      for (const client of traffic.from) {
        const ends = { client: directory.client(client), server: directory.server(to) };
        const start = window.start + offsetIn(window, offset, random);
        const sockets = { direction, family, port, clientPort: nextClientPort(client) };
        const life = { start, stop: window.stop };
        streams.push({
          id: firstId + streams.length,
          traffic: name,
          ...ends,
          ...sockets,
          ...own,
          dscp,
          host: hostOf(traffic, client, directory),
          ...life,
        });
      }
    }
  }
  return streams;
}

/**
 * How packets follow each other in a life of so many ns, and within which time of its start a stream begins. Null when
 * the pattern sends nothing in so short a life.
 */
function paceOf(traffic: UdpTraffic, life: number) {
  const { size, gaps, mix } = traffic;
  const pattern = patternOf(traffic, life);
  const intervals = pattern?.pieces.map(({ interval }) => interval).filter((interval) => interval > 0) ?? [];
  if (pattern && intervals.length === 0) return null;
  const rest = { ...(pattern ? { pattern } : {}), ...(gaps ? { gaps } : {}), ...(mix ? { mix } : {}) };
  const interval = pattern ? Math.round(meanInterval(pattern, life)) : intervalAt(traffic.rate, traffic);
  return { offset: Math.min(interval, ...intervals), interval, size: Math.round(size), ...rest };
}

/** Pieces shorter than that are no part of a pattern: the traffic process takes none. */
const SHORTEST = 1000;

/** ns between two packets, rounded: at a million packets/s the rate is right to 0.05 %, at ten thousand to 5 ppm. */
function intervalAt(rate: number, { size, family }: UdpTraffic): number {
  return rate === 0 ? 0 : Math.round(((size + UDP_HEADERS[family]) * 8e9) / rate);
}

function patternOf(traffic: UdpTraffic, life: number): PatternBlueprint | undefined {
  if (traffic.pattern === undefined) return undefined;
  const { period, pieces } = traffic.pattern;
  const own = pieces.filter(({ from }) => from <= (period ?? life) - SHORTEST);
  return {
    period: period ?? life,
    pieces: own.map(({ from, rate }) => ({ from, interval: intervalAt(rate, traffic) })),
  };
}

/** ns between two packets on average over the whole life; the life when it sends nothing. */
function meanInterval({ period, pieces }: PatternBlueprint, life: number): number {
  /** Packets of the first so many ns of a period. */
  const packetsIn = (span: number): number =>
    pieces.reduce((sum, { from, interval }, index) => {
      const until = Math.min(pieces[index + 1]?.from ?? period, span);
      return interval === 0 || until <= from ? sum : sum + (until - from) / interval;
    }, 0);
  return life / Math.max(1, Math.floor(life / period) * packetsIn(period) + packetsIn(life % period));
}
