import { z } from "zod";
import { rate, time } from "../quantities.js";
import { common, direction, payload, type TrafficCommon } from "./common.js";

const SPAN = {
  min: [1e6, "1ms"] as [number, string],
  max: [3600e9, "1h"] as [number, string],
};
const low = () => rate({ zero: true }).prefault("0mbit");

const pattern = z
  .discriminatedUnion("shape", [
    z.strictObject({
      shape: z.literal("bursts"),
      on: time(SPAN).prefault("5s").describe("How long it sends at `rate`."),
      off: time(SPAN).prefault("5s").describe("How long it then does not, before it begins again."),
      low: low().describe("What it sends meanwhile; with more than nothing it is a square wave."),
    }),
    z.strictObject({
      shape: z.literal("sawtooth"),
      period: time(SPAN).prefault("10s").describe("From one fall to the next."),
      low: low().describe("Where it begins; it ends at `rate`."),
      steps: z.int().min(2).max(100).default(10).describe("Equal steps of a rise."),
    }),
    z.strictObject({
      shape: z.literal("steps"),
      steps: z
        .array(
          z.strictObject({
            at: time({ zero: true }).describe("From the start of the load; `rate` applies until the first."),
            rate: rate({ zero: true }).describe("From then on; `0mbit` is a pause."),
          }),
        )
        .min(1)
        .max(1000)
        .describe("In order of `at`."),
    }),
  ])
  .describe("How the rate varies; without it, it is constant.");

export const udp = z
  .strictObject({
    kind: z.literal("udp"),
    ...common,
    direction: direction(),
    rate: rate().describe("Rate of each client and direction, in IP bytes; nothing slows it down."),
    pattern: pattern
      .optional()
      .describe(
        'How the rate varies: `{ shape = "bursts", on, off, low }`, `{ shape = "sawtooth", period, low, steps }` or `{ shape = "steps", steps = [{ at, rate }, …] }`. Without it the rate is constant.',
      ),
    gaps: z
      .enum(["constant", "poisson"])
      .default("constant")
      .describe(
        "Time between packets: always the same, or exponentially distributed (a Poisson process) with that mean.",
      ),
    size: payload(1200, 12),
    mix: z
      .array(
        z.strictObject({
          size: payload(1200, 12),
          weight: z.int().min(1).max(1_000_000).default(1).describe("How often, compared with the others."),
        }),
      )
      .min(1)
      .max(16)
      .optional()
      .describe(
        "Packets of several sizes, instead of `size`: `[{ size = 12, weight = 7 }, …]`, drawn one by one from the seed. The rate is that of their mean.",
      ),
  })
  .describe("Unresponsive UDP: packets leave on the clock, whatever becomes of them.");

type Pattern = z.output<typeof pattern>;

export interface UdpTraffic extends TrafficCommon {
  kind: "udp";
  direction: "down" | "up" | "both";
  /** bit/s of IP bytes, each client and direction; of a rate that varies, the highest. */
  rate: number;
  /** UDP payload bytes; of several sizes, their mean. */
  size: number;
  /** Absent: constant. */
  gaps?: "poisson";
  /** Of several sizes; absent: all packets have `size`. */
  mix?: { size: number; weight: number }[];
  /** Absent: constant. The pieces repeat every `period` ns; null = they do not, and the last one lasts. */
  pattern?: { period: number | null; pieces: RatePiece[] };
}

/** From then (ns after the load's start or the period's) until the next one it sends `rate` bit/s; 0 = nothing. */
interface RatePiece {
  from: number;
  rate: number;
}

export function resolveUdp(spec: z.output<typeof udp>, shared: TrafficCommon): UdpTraffic {
  const { direction, gaps, mix } = spec;
  const varied = spec.pattern && patternOf(spec.pattern, spec.rate);
  return {
    kind: "udp",
    ...shared,
    direction,
    rate: highestRate(spec),
    size: mix ? meanSize(mix) : spec.size,
    ...(gaps === "poisson" ? { gaps } : {}),
    ...(mix ? { mix } : {}),
    ...(varied ? { pattern: varied } : {}),
  };
}

/** The highest rate that a stream ever has. */
export function highestRate({ rate, pattern }: Pick<z.output<typeof udp>, "rate" | "pattern">): number {
  return Math.max(rate, ...(pattern ? patternOf(pattern, rate).pieces.map((piece) => piece.rate) : []));
}

export function meanSize(mix: readonly { size: number; weight: number }[]): number {
  const total = mix.reduce((sum, { weight }) => sum + weight, 0);
  return mix.reduce((sum, { size, weight }) => sum + size * weight, 0) / total;
}

function patternOf(pattern: Pattern, rate: number): NonNullable<UdpTraffic["pattern"]> {
  switch (pattern.shape) {
    case "bursts": {
      const { on, off, low } = pattern;
      return {
        period: on + off,
        pieces: [
          { from: 0, rate },
          { from: on, rate: low },
        ],
      };
    }
    case "sawtooth": {
      const { period, low, steps } = pattern;
      const pieces = Array.from({ length: steps }, (_, n) => ({
        from: Math.round((n * period) / steps),
        rate: low + ((rate - low) * n) / (steps - 1),
      }));
      return { period, pieces };
    }
    case "steps": {
      const first = pattern.steps[0]?.at === 0 ? [] : [{ from: 0, rate }];
      return {
        period: null,
        pieces: [...first, ...pattern.steps.map(({ at: from, rate: to }) => ({ from, rate: to }))],
      };
    }
  }
}
