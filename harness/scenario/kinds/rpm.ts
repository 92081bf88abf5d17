import { z } from "zod";
import { time } from "../quantities.js";
import { common, congestionControl, direction, ecn, type TrafficCommon } from "./common.js";

export const rpm = z
  .strictObject({
    kind: z.literal("rpm"),
    ...common,
    direction: direction(),
    interval: time({ min: [100e6, "100ms"], max: [60e9, "60s"] })
      .prefault("5s")
      .describe(
        "The draft's ID: after each one connection more, until the goodput is stable. The load must last for at least `mad` of them, and for stability for some more. Implementations of older drafts use 1 s.",
      ),
    mad: z
      .int()
      .min(2)
      .max(16)
      .default(4)
      .describe("The draft's MAD: intervals that are averaged over; the last ones are the result."),
    max_connections: z
      .int()
      .min(1)
      .max(64)
      .default(16)
      .describe("The draft's MNP: connections that generate load, at most, per direction."),
    probes_per_second: z
      .int()
      .min(1)
      .max(1000)
      .default(100)
      .describe(
        "The draft's MPS: probes at most, foreign ones and those on load connections together. Fewer are sent where these would take more than 5 % (PTC) of the goodput.",
      ),
    congestion_control: congestionControl(),
    ecn: ecn(),
  })
  .describe(
    "Responsiveness under working conditions (draft-ietf-ippm-responsiveness-09), in its form without TLS: it makes its own load, from the start of ramp to the end of loaded, and counts round trips per minute. What it does and what it leaves out: docs/traffic.md.",
  );

export interface RpmTraffic extends TrafficCommon {
  kind: "rpm";
  direction: "down" | "up" | "both";
  /** ns */
  interval: number;
  mad: number;
  maxConnections: number;
  probesPerSecond: number;
  congestionControl: string;
  ecn: boolean;
}

export function resolveRpm(spec: z.output<typeof rpm>, shared: TrafficCommon): RpmTraffic {
  const { direction, interval, mad, ecn } = spec;
  return {
    kind: "rpm",
    ...shared,
    direction,
    interval,
    mad,
    maxConnections: spec.max_connections,
    probesPerSecond: spec.probes_per_second,
    congestionControl: spec.congestion_control,
    ecn,
  };
}
