import { z } from "zod";
import { percent, rate, size, time } from "./quantities.js";

/**
 * [path.*]: emulated distance in netem's words (tc-netem(8)), so that what people know holds here; docs/paths.md says
 * where the meaning is ours. What netem packs into positions has names: `{ random = "1%", correlation = "25%" }`.
 */

const MAX_TIME = [60e9, "60s"] as [number, string];
const delayTime = () => time({ zero: true, max: MAX_TIME });
const share = () => percent({ zero: true });

/** The forms a value can take; which one is meant shows in its type, so the message is about that form. */
function forms<A extends z.ZodType, B extends z.ZodType>(a: A, b: B, wanted: string) {
  return z.union([a, b], { error: `expected ${wanted}` });
}

/** `"1%"` or `{ probability = "1%", correlation = "25%" }`. */
const chance = () =>
  forms(
    share(),
    z.strictObject({
      probability: share().describe("Of each frame."),
      correlation: share().prefault("0%").describe("Between one frame and the next; the probability stays what it is."),
    }),
    'a percentage such as "1%", or { probability = "1%", correlation = "25%" }',
  ).transform((value) => (typeof value === "number" ? { probability: value, correlation: 0 } : value));

const loss = () =>
  forms(
    share(),
    z.strictObject({
      random: share().optional().describe("Each frame with this probability."),
      correlation: share().optional().describe("Of `random`: between one frame and the next."),
      gemodel: z
        .strictObject({
          p: share().describe("From the good state to the bad one, at each frame."),
          r: share().optional().describe("Back to the good one. Default: 100 % − `p`."),
          "1-h": share().prefault("100%").describe("Loss in the bad state."),
          "1-k": share().prefault("0%").describe("Loss in the good state."),
        })
        .optional()
        .describe("Gilbert-Elliott: bursts of loss, of 1 / `r` frames on average."),
      state: z
        .strictObject({
          p13: share().describe("From received to lost in a burst."),
          p31: share().optional().describe("Back. Default: 100 % − `p13`."),
          p32: share().prefault("0%").describe("From lost to received within a burst."),
          p23: share().prefault("100%").describe("From received within a burst to lost."),
          p14: share().prefault("0%").describe("From received to lost alone."),
        })
        .optional()
        .describe("netem's Markov chain of four states."),
      packets: z
        .array(z.int().min(0))
        .min(1)
        .max(100_000)
        .optional()
        .describe("Exactly these, counted from 0 in order of arrival on this line."),
    }),
    'a percentage such as "1%", or one of { random = "1%", correlation = "25%" }, { gemodel = { p = "1%", r = "25%" } }, { state = { p13 = "1%" } }, { packets = [3, 7] }',
  ).transform((value) => (typeof value === "number" ? { random: value } : value));

const distribution = () =>
  forms(
    z.enum(["uniform", "normal", "pareto", "paretonormal"]),
    z.strictObject({ table: z.string().min(1).describe("File of numbers, as netem's *.dist: 8192 is one jitter.") }),
    'one of uniform, normal, pareto, paretonormal, or { table = "file" }',
  );

const reorder = () =>
  forms(
    share(),
    z.strictObject({
      probability: share().describe("Of a frame whose turn it is."),
      correlation: share().prefault("0%").describe("Between one such frame and the next."),
      gap: z.int().min(1).max(1_000_000).default(1).describe("Every `gap`-th frame has its turn."),
    }),
    'a percentage such as "25%", or { probability = "25%", correlation = "50%", gap = 5 }',
  ).transform((value) => (typeof value === "number" ? { probability: value, correlation: 0, gap: 1 } : value));

const slot = () =>
  z.strictObject({
    min: delayTime().optional().describe("From one slot to the next, at least."),
    max: delayTime().optional().describe("… and at most. Default: `min`."),
    delay: delayTime().optional().describe("In place of `min`: from one slot to the next on average."),
    jitter: delayTime().optional().describe("Of `delay`."),
    distribution: distribution().optional().describe("Of `delay`. Default: `uniform`."),
    packets: z.int().min(1).max(1_000_000).optional().describe("That leave in a slot at most."),
    bytes: size().optional().describe("That leave in a slot at most."),
  });

const overhead = (least: number) => z.int().min(least).max(4096).optional();

/** What a line of a path does; all of it may be said of one direction. */
const line = {
  delay: delayTime().optional().describe("One way, each; in place of `rtt`."),
  jitter: delayTime()
    .optional()
    .describe("Variation of the delay: ± that much if uniform, else its standard deviation."),
  delay_correlation: share().optional().describe("Of a frame's delay with the one's before."),
  distribution: distribution().optional().describe("Of the delay. Default: `uniform`."),
  keep_order: z
    .boolean()
    .optional()
    .describe(
      "Default: true, jitter never lets a frame pass another, as on most real paths. netem lets them pass: false.",
    ),
  loss: loss()
    .optional()
    .describe(
      "A percentage of random loss, or a table with exactly one of `random` (and `correlation`), `gemodel = { p, r, 1-h, 1-k }`, `state = { p13, p31, p32, p23, p14 }`, `packets = [3, 7]` (those and no others, counted from 0).",
    ),
  ecn: z.boolean().optional().describe("ECN-capable packets are marked where they would be lost. Default: false."),
  duplicate: chance().optional().describe('Frames that arrive twice: `"1%"` or `{ probability, correlation }`.'),
  corrupt: chance()
    .optional()
    .describe('One bit behind the Ethernet header flips: `"1%"` or `{ probability, correlation }`.'),
  reorder: reorder()
    .optional()
    .describe('Frames that skip the delay and so pass others: `"25%"` or `{ probability, correlation, gap }`.'),
  rate: rate({ min: [1000, "1kbit"] })
    .optional()
    .describe(
      "Rate of the path itself, each way, in layer-2 bytes; behind the delay. Every server, site or client with this path has it for itself; what does not fit waits, within `limit`.",
    ),
  packet_overhead: overhead(-4096).describe("Bytes added to each frame for `rate`."),
  cell_size: overhead(1).describe("`rate` counts whole cells of so many bytes."),
  cell_overhead: overhead(-4096).describe("Bytes added to each cell."),
  limit: forms(
    z
      .int()
      .min(1)
      .transform((packets) => ({ packets, bytes: 0 })),
    size().transform((bytes) => ({ packets: 0, bytes })),
    'packets such as 100, or bytes such as "64KiB"',
  )
    .optional()
    .describe("Of the FIFO before `rate`: packets, or bytes as a size. Without one it is endless."),
  ecn_threshold: size().optional().describe("From so many bytes in the FIFO on, ECN-capable packets are marked."),
  slot: slot()
    .optional()
    .describe(
      "Bursty links: frames leave in slots only, `{ min, max }` or `{ delay, jitter, distribution }` apart, `packets` and `bytes` in each.",
    ),
  trace: z
    .string()
    .min(1)
    .optional()
    .describe(
      "File, relative to this one, that replaces rate, delay or loss over time: a mahimahi packet-delivery trace (`*.trace`, `*.up`, `*.down`) or `*.csv` with the header `time,rate,delay,loss`.",
    ),
  trace_loop: time({ max: [86400e9, "24h"] })
    .optional()
    .describe("Of a CSV: it begins again after this long. Without it, its last row stays."),
  link: z
    .enum(["up", "down"])
    .optional()
    .describe("`down`: the cable is pulled, nothing passes and what is under way is lost."),
};

export const path = z
  .strictObject({
    rtt: delayTime().optional().describe("Added round-trip time, half each way. Default: `0ms`."),
    ...line,
    down: z.strictObject(line).optional().describe("What is different towards the client: all of these but `rtt`."),
    up: z.strictObject(line).optional().describe("What is different from the client."),
  })
  .describe(
    "Emulated distance in netem's words (docs/paths.md); belongs to a server, a site or a client, each of which has lines of its own, one each way.",
  );

const lineTable = z.strictObject(line);
export type LineSpec = z.output<typeof lineTable>;
export type PathSpec = z.output<typeof path>;
export type DistributionSpec = NonNullable<LineSpec["distribution"]>;
