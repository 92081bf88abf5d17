import { z } from "zod";
import { size, time } from "../quantities.js";

/**
 * A quantity that is drawn from the seed, again for each use: one value that is always the same, or a distribution. Sizes
 * are bytes, times ns; `mean` of a log-normal one is turned into the median that has it.
 */
export type Drawn =
  | { distribution: "fixed"; value: number }
  | { distribution: "uniform"; min: number; max: number }
  | { distribution: "exponential"; mean: number }
  | { distribution: "lognormal"; median: number; sigma: number; max: number | null }
  | { distribution: "pareto"; min: number; alpha: number; max: number | null };

const sigma = () => z.number().positive().max(5).describe("Standard deviation of the natural logarithm.");
const alpha = () => z.number().min(0.1).max(10).describe("Shape: the smaller, the heavier the tail.");

function tableOf(value: () => ReturnType<typeof size>) {
  const limit = () => value().optional().describe("No more than this; what is drawn above it is this.");
  return z.discriminatedUnion("distribution", [
    z.strictObject({
      distribution: z.literal("uniform"),
      min: value().describe("Least."),
      max: value().describe("Most; not less than `min`."),
    }),
    z.strictObject({ distribution: z.literal("exponential"), mean: value().describe("Mean.") }),
    z.strictObject({
      distribution: z.literal("lognormal"),
      median: value().optional().describe("Half are below. Either this or `mean`."),
      mean: value().optional().describe("Mean, before `max` cuts it."),
      sigma: sigma(),
      max: limit(),
    }),
    z.strictObject({
      distribution: z.literal("pareto"),
      min: value().describe("Least, and where most are near."),
      alpha: alpha(),
      max: limit(),
    }),
  ]);
}

type Table = z.output<ReturnType<typeof tableOf>>;

function drawnOf(value: () => ReturnType<typeof size>, example: string) {
  const table = tableOf(value);
  const error = ({ input }: { input?: unknown }): string => {
    const expected = `expected ${example} or a distribution such as { distribution = "lognormal", median = ${example}, sigma = 1 }`;
    if (typeof input !== "object" || input === null)
      return value().safeParse(input).error?.issues[0]?.message ?? expected;
    const issue = table.safeParse(input).error?.issues[0];
    return issue === undefined ? expected : `${[...issue.path.map(String), issue.message].join(": ")}; ${expected}`;
  };
  return z.union([value(), table], { error }).transform((given, context): Drawn => {
    if (typeof given === "number") return { distribution: "fixed", value: given };
    const message = contradiction(given);
    if (message === undefined) return resolve(given);
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  });
}

function contradiction(given: Table): string | undefined {
  if (given.distribution === "lognormal" && (given.median === undefined) === (given.mean === undefined))
    return "a lognormal distribution needs exactly one of median and mean";
  if (given.distribution === "uniform" && given.max < given.min) return "max is less than min; write them in order";
  if (given.distribution === "pareto" && given.max !== undefined && given.max < given.min)
    return "max is less than min; write them in order";
  return undefined;
}

function resolve(given: Table): Drawn {
  switch (given.distribution) {
    case "uniform":
    case "exponential":
      return given;
    case "pareto":
      return { ...given, max: given.max ?? null };
    case "lognormal": {
      const { distribution, sigma: spread, mean = 0, max = null } = given;
      // The mean of a log-normal is its median times e^(σ²/2).
      return { distribution, median: given.median ?? mean / Math.exp(spread ** 2 / 2), sigma: spread, max };
    }
  }
}

/** Bytes, at least one. */
export const drawnSize = () => drawnOf(() => size({ max: [2 ** 40, "1TiB"] }), '"64KiB"');

/** ns; `"0s"` is allowed. */
export const drawnTime = () => drawnOf(() => time({ zero: true, max: [3600e9, "1h"] }), '"2s"');
