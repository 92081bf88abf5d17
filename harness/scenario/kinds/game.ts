import { z } from "zod";
import { time } from "../quantities.js";
import { common, payload, recoveredBelow, type TrafficCommon } from "./common.js";
import type { Isochronous } from "./probe.js";

export const game = z
  .strictObject({
    kind: z.literal("game"),
    ...common,
    tick_rate: z
      .int()
      .min(1)
      .max(1000)
      .default(60)
      .describe("Packets a second, each way: 20 … 64 of most shooters' servers, 128 of the fastest."),
    size: payload(100, 48),
    deadline: time({ max: [10e9, "10s"] })
      .optional()
      .describe(
        "How much later than usual – the client's idle median – the answer to a packet may come before it is of no use. Default: one tick.",
      ),
    recovered_below: recoveredBelow(),
  })
  .describe(
    "A game with a server: small packets at a steady rate both ways. It runs always and is measured as a probe is: its packets are what the player does, their echoes what the server says.",
  );

/** What a probe is, and how late a packet may be. */
export interface GameTraffic extends TrafficCommon, Isochronous {
  kind: "game";
  /** ns beyond the client's idle median round trip. */
  deadline: number;
}

export function resolveGame(spec: z.output<typeof game>, shared: TrafficCommon): GameTraffic {
  const { tick_rate: rate, size, deadline, recovered_below: recoveredBelow } = spec;
  const interval = Math.round(1e9 / rate);
  return { kind: "game", ...shared, interval, size, deadline: deadline ?? interval, recoveredBelow };
}
