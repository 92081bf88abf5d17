import type { RpmTraffic } from "../../scenario/types.js";
import type { Direction, RpmScript } from "../types.js";

/**
 * Bytes of load between which the answer to a probe may go, and that the sender's socket holds back: as little as keeps a
 * line full, since the test is of the network and not of the sender's buffer.
 */
const FRAME = 4096;

/** One direction of one client's test. */
export function rpmScript(traffic: RpmTraffic, direction: Direction): RpmScript {
  const { interval, mad, maxConnections: connections, probesPerSecond: probes } = traffic;
  return { kind: "rpm", direction, interval, mad, connections, probes, frame: FRAME };
}
