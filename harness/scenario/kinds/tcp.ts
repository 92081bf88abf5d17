import { z } from "zod";
import { common, congestionControl, direction, ecn, type TrafficCommon } from "./common.js";

export const tcp = z.strictObject({
  kind: z.literal("tcp"),
  ...common,
  direction: direction(),
  flows: z.int().min(1).max(1024).default(1).describe("Connections of each client, per direction."),
  congestion_control: congestionControl(),
  ecn: ecn(),
});

export interface TcpTraffic extends TrafficCommon {
  kind: "tcp";
  direction: "down" | "up" | "both";
  /** Per client and direction. */
  flows: number;
  congestionControl: string;
  ecn: boolean;
}

export function resolveTcp(spec: z.output<typeof tcp>, shared: TrafficCommon): TcpTraffic {
  const { direction, flows, ecn, congestion_control: congestionControl } = spec;
  return { kind: "tcp", ...shared, direction, flows, congestionControl, ecn };
}
