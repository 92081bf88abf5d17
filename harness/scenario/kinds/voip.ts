import { z } from "zod";
import { dscp } from "../quantities.js";
import { common, recoveredBelow, type TrafficCommon } from "./common.js";
import type { Isochronous } from "./probe.js";

/** G.711: 8000 bytes a second, packets of 20 ms, and 12 bytes of RTP before them (RFC 3551 §4.5.14, RFC 3550 §5.1). */
const G711 = { interval: 20e6, size: 172 } as const;

export const voip = z
  .strictObject({
    kind: z.literal("voip"),
    ...common,
    dscp: dscp()
      .prefault("EF")
      .describe("Code point of every packet, both ways: CS0 … CS7, AF11 … AF43, EF, VA, LE, or 0 … 63."),
    recovered_below: recoveredBelow(),
  })
  .describe(
    "A telephone call: 172 bytes of payload every 20 ms each way, as G.711 in RTP. It runs always and is measured as a probe is: its packets are what the client says, their echoes what it hears.",
  );

/** A call; beyond that, what a probe is. */
export interface VoipTraffic extends TrafficCommon, Isochronous {
  kind: "voip";
}

export function resolveVoip(
  { recovered_below: recoveredBelow }: z.output<typeof voip>,
  shared: TrafficCommon,
): VoipTraffic {
  return { kind: "voip", ...shared, ...G711, recoveredBelow };
}
