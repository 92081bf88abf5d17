import type { Case, RpmTraffic, TcpTraffic, Traffic, VideoTraffic, WebTraffic } from "../../scenario/types.js";
import type { Rng } from "../../stats/index.js";
import type { Direction, RequestBlueprint, SessionBlueprint, SessionScript } from "../types.js";
import { type Directory, directionsOf, hostOf, PORTS, portPerTraffic, STAGGER } from "./common.js";
import { draw } from "./draw.js";
import { rpmScript } from "./rpm.js";
import { during, windowOf } from "./segments.js";
import { videoScript } from "./video.js";
import { webScript } from "./web.js";

/** Traffic that consists of sessions; of tcp, what has a size. */
type Asking = TcpTraffic | WebTraffic | VideoTraffic | RpmTraffic;

interface Window {
  start: number;
  stop: number;
}

/** One session of a client: its script, and when it begins. */
interface Part {
  script: SessionScript;
  start: number;
  /** Of two directions of one traffic. */
  direction?: Direction;
}

const ALWAYS_ASKING = ["web", "video", "rpm"] as const;

/** How many transfers of a closed loop are drawn; it begins again after the last one. */
const LOOP_LENGTH = 1000;

/**
 * All sessions of a case. Their ids go on from `firstId`, so that flows, streams and sessions have one numbering; every
 * traffic and direction has a server's port of its own.
 */
export function sessionsOf(scenario: Case, directory: Directory, random: Rng, firstId: number): SessionBlueprint[] {
  const sessions: SessionBlueprint[] = [];
  const portOf = portPerTraffic(PORTS.session.server);
  for (const traffic of scenario.traffic) {
    const window = during(traffic, windowOf(scenario, traffic));
    if (!isAsking(traffic) || window === null) continue;
    for (const client of traffic.from) {
      for (const [n, { script, start, direction }] of partsOf(traffic, window, scenario, random).entries()) {
        const { name, to, family, congestionControl, dscp, ecn } = traffic;
        sessions.push({
          id: firstId + sessions.length,
          traffic: name,
          client: directory.client(client),
          server: directory.server(to),
          family,
          port: portOf(traffic, direction),
          congestionControl,
          dscp,
          ecn,
          ...("pacing" in traffic && traffic.pacing !== undefined ? { pacing: traffic.pacing } : {}),
          host: hostOf(traffic, client, directory, n),
          rtt: directory.rtt(client, to),
          start,
          stop: window.stop,
          script,
        });
      }
    }
  }
  return sessions;
}

/** Does its client open connections as it goes? */
export function isAsking(traffic: Traffic): traffic is Asking {
  return (
    ALWAYS_ASKING.some((kind) => kind === traffic.kind) || (traffic.kind === "tcp" && traffic.transfers !== undefined)
  );
}

/** The sessions of one client. They begin within a time of each other, as flows do. */
function partsOf(traffic: Asking, window: Window, { phases }: Case, random: Rng): Part[] {
  const stagger = Math.min(STAGGER, phases.ramp, window.stop - window.start - 1);
  const begin = (): number => window.start + Math.floor(random.next() * stagger);
  switch (traffic.kind) {
    case "tcp":
      return transferParts(traffic, window, begin, random);
    case "web":
      return [{ start: begin(), script: webScript(traffic, random) }];
    case "video":
      return [{ start: begin(), script: videoScript(traffic, random) }];
    case "rpm":
      return directionsOf(traffic).map((direction) => ({
        start: begin(),
        script: rpmScript(traffic, direction),
        direction,
      }));
  }
}

// ---- tcp with a size -------------------------------------------------------------------------------------------------

function transferParts(traffic: TcpTraffic, { start, stop }: Window, begin: () => number, random: Rng): Part[] {
  const { transfers } = traffic;
  if (transfers === undefined) return [];
  return directionsOf(traffic).flatMap((direction) =>
    Array.from({ length: traffic.flows }, (): Part => {
      // On the clock they begin by themselves.
      if (transfers.arrivals !== "closed") {
        return { start, script: openLoop(transfers, direction, stop - start, random), direction };
      }
      return { start: begin(), script: closedLoop(transfers, direction, random), direction };
    }),
  );
}

type Closed = Extract<NonNullable<TcpTraffic["transfers"]>, { arrivals: "closed" }>;
type Open = Exclude<NonNullable<TcpTraffic["transfers"]>, Closed>;

function closedLoop({ size, think }: Closed, direction: Direction, random: Rng): SessionScript {
  const fixed = size.distribution === "fixed" && think.distribution === "fixed";
  const transfers = Array.from({ length: fixed ? 1 : LOOP_LENGTH }, () => {
    return { wait: draw(think, random, 0), ...bytesOf(draw(size, random, 1), direction) };
  });
  return { kind: "transfers", loop: "closed", transfers };
}

function openLoop({ size, arrivals, every }: Open, direction: Direction, length: number, random: Rng): SessionScript {
  const gap = gapOf(arrivals, every, random);
  const transfers = [];
  // Periodic ones have a seeded phase: several sequences do not begin theirs together.
  let wait = arrivals === "periodic" ? random.next() * every : gap();
  for (; wait < length; wait += gap()) {
    transfers.push({ wait: Math.floor(wait), ...bytesOf(draw(size, random, 1), direction) });
  }
  return { kind: "transfers", loop: "open", transfers };
}

/** A generator of gaps with a mean of `every`. */
function gapOf(arrivals: Open["arrivals"], every: number, random: Rng): () => number {
  switch (arrivals) {
    case "periodic":
      return () => every;
    case "uniform":
      return () => 2 * every * random.next();
    case "poisson":
      return () => -every * Math.log(1 - random.next());
  }
}

function bytesOf(bytes: number, direction: Direction): RequestBlueprint {
  return direction === "down" ? { up: 0, down: bytes } : { up: bytes, down: 0 };
}
