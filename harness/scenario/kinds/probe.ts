import { z } from "zod";
import { time } from "../quantities.js";
import { common, payload, recoveredBelow, type TrafficCommon } from "./common.js";

export const probe = z.strictObject({
  kind: z.literal("probe"),
  ...common,
  interval: time({ min: [100_000, "100us"], max: [10e9, "10s"] })
    .prefault("10ms")
    .describe("Between packets; they are sent on the clock, never paced by replies."),
  size: payload(64, 48),
  recovered_below: recoveredBelow(),
});

/** Packets on the clock, each of which the server echoes. */
export interface Isochronous {
  /** ns */
  interval: number;
  /** UDP payload bytes. */
  size: number;
  /** Induced latency (ns) that counts as recovered; absent from recordings of older versions. */
  recoveredBelow?: number;
}

export interface ProbeTraffic extends TrafficCommon, Isochronous {
  kind: "probe";
}

export function resolveProbe(spec: z.output<typeof probe>, shared: TrafficCommon): ProbeTraffic {
  const { interval, size, recovered_below: recoveredBelow } = spec;
  return { kind: "probe", ...shared, interval, size, recoveredBelow };
}
