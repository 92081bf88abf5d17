import { z } from "zod";
import { rate } from "../quantities.js";
import { common, direction, payload, type TrafficCommon } from "./common.js";

export const udp = z.strictObject({
  kind: z.literal("udp"),
  ...common,
  direction: direction(),
  rate: rate().describe("Constant rate of each client and direction, in IP bytes; nothing slows it down."),
  size: payload(1200, 12),
});

export interface UdpTraffic extends TrafficCommon {
  kind: "udp";
  direction: "down" | "up" | "both";
  /** bit/s of IP bytes, each client and direction. */
  rate: number;
  /** UDP payload bytes. */
  size: number;
}

export function resolveUdp({ direction, rate, size }: z.output<typeof udp>, shared: TrafficCommon): UdpTraffic {
  return { kind: "udp", ...shared, direction, rate, size };
}
