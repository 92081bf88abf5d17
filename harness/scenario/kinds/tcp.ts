import { z } from "zod";
import { rate, time } from "../quantities.js";
import { common, congestionControl, direction, ecn, type TrafficCommon } from "./common.js";
import { type Drawn, drawnSize, drawnTime } from "./drawn.js";

/** Without window scaling's help a receiver's first window holds so many full packets. */
const MAX_INITIAL_WINDOW = 40;

/** When transfers of a given size begin: each so long after the end of the one before, or whatever becomes of those. */
const ARRIVALS = ["closed", "poisson", "uniform", "periodic"] as const;

export const tcp = z
  .strictObject({
    kind: z.literal("tcp"),
    ...common,
    direction: direction(),
    flows: z
      .int()
      .min(1)
      .max(1024)
      .default(1)
      .describe("Connections of each client, per direction; with `size`, so many sequences of transfers at once."),
    size: drawnSize()
      .optional()
      .describe(
        "Bytes of a transfer, over a connection of its own that ends with it: a size or a distribution, drawn from the seed. Left out, a flow goes on for the whole load.",
      ),
    arrivals: z
      .enum(ARRIVALS)
      .default("closed")
      .describe(
        "Of transfers. `closed`: one after another, with `think` between them. The others begin them on the clock, whatever became of those before, `every` so often in the mean: `poisson` (exponential gaps), `uniform` (gaps from 0 to twice the mean), `periodic` (equal gaps).",
      ),
    every: time({ min: [1e6, "1ms"] })
      .optional()
      .describe("Mean time between the beginnings of two transfers, where `arrivals` is not `closed`."),
    think: drawnTime()
      .optional()
      .describe('Between the end of a transfer and the next, where `arrivals` is `closed`. Default: `"0s"`.'),
    congestion_control: congestionControl(),
    initial_window: z
      .int()
      .min(1)
      .max(MAX_INITIAL_WINDOW)
      .optional()
      .describe(
        "Packets that the sender may send before the first acknowledgement (RFC 6928). Linux keeps it with the route, so all TCP of one sender must say the same. Default: the kernel's, 10.",
      ),
    pacing: rate({ min: [8000, "8kbit"] })
      .optional()
      .describe("No connection sends faster than this (SO_MAX_PACING_RATE). Default: as fast as TCP likes."),
    ecn: ecn(),
  })
  .superRefine((spec, context) => {
    for (const [key, message] of contradictions(spec)) context.addIssue({ code: "custom", path: [key], message });
  });

interface Sizing {
  size?: Drawn | undefined;
  arrivals?: (typeof ARRIVALS)[number] | undefined;
  every?: number | undefined;
  think?: Drawn | undefined;
}

/** Settings that say nothing beside the others, and one that is missing. */
function contradictions({ size, arrivals = "closed", every, think }: Sizing): [key: string, message: string][] {
  const open = arrivals !== "closed";
  const found: [string, string][] = [];
  const refuse = (key: keyof Sizing, given: unknown, message: string): void => {
    if (given !== undefined) found.push([key, message]);
  };
  if (size === undefined) {
    refuse("arrivals", open || undefined, 'a flow without size never ends; give it one, e.g. size = "64KiB"');
    refuse("every", every, 'a flow without size never ends; give it one, e.g. size = "64KiB"');
    refuse("think", think, 'a flow without size never ends; give it one, e.g. size = "64KiB"');
    return found;
  }
  if (open) refuse("think", think, `arrivals = "${arrivals}" begins transfers on the clock; leave think out`);
  else
    refuse(
      "every",
      every,
      'arrivals = "closed" begins a transfer after the one before; use think, or arrivals = "poisson"',
    );
  if (open && every === undefined)
    found.push(["every", `is missing: arrivals = "${arrivals}" needs the mean time between two`]);
  return found;
}

export interface TcpTraffic extends TrafficCommon {
  kind: "tcp";
  direction: "down" | "up" | "both";
  /** Per client and direction. */
  flows: number;
  /** Absent: flows without end. */
  transfers?: Transfers;
  congestionControl: string;
  /** Packets; absent: the kernel's. */
  initialWindow?: number;
  /** bit/s; absent: unlimited. */
  pacing?: number;
  ecn: boolean;
}

/** Transfers of a given size, one after another or on the clock; times are ns. */
export type Transfers =
  | { size: Drawn; arrivals: "closed"; think: Drawn }
  | { size: Drawn; arrivals: "poisson" | "uniform" | "periodic"; every: number };

export function resolveTcp(spec: z.output<typeof tcp>, shared: TrafficCommon): TcpTraffic {
  const { direction, flows, ecn, congestion_control: congestionControl, initial_window, pacing } = spec;
  const transfers = transfersOf(spec);
  return {
    kind: "tcp",
    ...shared,
    direction,
    flows,
    ...(transfers === undefined ? {} : { transfers }),
    congestionControl,
    ...(initial_window === undefined ? {} : { initialWindow: initial_window }),
    ...(pacing === undefined ? {} : { pacing }),
    ecn,
  };
}

function transfersOf({ size, arrivals = "closed", every = 0, think }: Sizing): Transfers | undefined {
  if (size === undefined) return undefined;
  if (arrivals === "closed") return { size, arrivals, think: think ?? { distribution: "fixed", value: 0 } };
  return { size, arrivals, every };
}
