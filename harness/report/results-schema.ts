import { z } from "zod";
import type { Results } from "../verdict/types.js";

/**
 * The schema of the results file (`--json`, DESIGN §9): seconds and bit/s, never NaN or Infinity. The type contract is
 * harness/verdict/types.ts; the check at the end fails to compile when the two part ways.
 */
const verdict = z
  .enum(["pass", "fail", "no-data", "invalid", "inconclusive", "skipped", "expected-fail"])
  .describe("invalid: the rig was the limit. expected-fail: a control failed, as it must. No data is never a pass.");

const metric = z.strictObject({
  value: z.number().nullable().describe("null: no data."),
  unit: z.enum(["s", "bit/s", "ratio", "packets", "bytes", "count", "grade", "score"]),
  count: z.number().describe("Raw observations behind the value."),
  layer: z.enum(["wire", "frame", "ip", "goodput"]).optional().describe("For rates: what is counted."),
});

const metrics = z.record(z.string(), metric).describe("`<traffic>[.<phase>].<quantity>[.<statistic>]` → value.");

const frames = (what: string) => z.number().describe(what);

const accounting = z
  .strictObject({
    in: frames("Frames that endpoints sent."),
    duplicated: frames("Frames that emulated paths made of others.").default(0),
    out: frames("Frames that endpoints received."),
    dropped: z.strictObject({
      aqm: frames("By the queue discipline's decision."),
      overflow: frames("No room in a queue."),
      path: frames("By the emulated path."),
      rig: frames("By the machine: evidence against the run, not against the product."),
    }),
    held: frames("Still queued at the end."),
    unaccounted: z
      .number()
      .nullable()
      .describe("in + duplicated − out − dropped − held; null when the run ended before both ends were counted."),
  })
  .describe("Conservation of frames from endpoint to endpoint.");

const bound = z.strictObject({
  op: z.enum(["below", "at_most", "above", "at_least", "equals"]),
  value: z.number().describe("The bound itself; a fraction for share and plan; the amount added for a comparison."),
  unit: z.string(),
  of: z
    .union([
      z.null(),
      z.enum(["share", "plan"]),
      z.strictObject({ base: z.literal(true) }),
      z.strictObject({ axis: z.string(), value: z.string() }),
    ])
    .describe("What `value` is relative to: nothing, the client's share or plan, the same metric in another case."),
  text: z.string().describe("As written in the scenario."),
});

const expectation = z.strictObject({
  metric: z.string(),
  bound,
  gate: z.enum(["invariant", "absolute", "relative"]),
  per: z.enum(["client", "flow", "site", "total"]),
  for: z.number().describe("Fraction of clients or flows that must hold it."),
  outcome: z.enum(["pass", "fail"]).describe("fail: a control, which must fail."),
  value: z.number().nullable(),
  worst: z
    .strictObject({ client: z.string(), value: z.number().nullable(), limit: z.number().nullable() })
    .nullable()
    .describe("The worst client or flow, also when it passes."),
  verdict,
  reason: z.string(),
  file: z.string(),
  line: z.number().describe("Where the expectation stands."),
});

const health = z
  .strictObject({
    verdict: z.enum(["ok", "invalid"]),
    checks: z.array(
      z.strictObject({
        name: z.string(),
        verdict: z.enum(["ok", "warn", "invalid"]),
        value: z.number(),
        limit: z.number(),
        unit: z.string(),
        reason: z.string(),
      }),
    ),
  })
  .describe("Evidence about the machine, not the product.");

const output = z.strictObject({
  file: z.string().describe("Below the folder of the whole run."),
  bytes: z.number().describe("What was printed."),
  kept: z.number().describe("What of that is in the file."),
});

const program = z.strictObject({
  name: z.string().describe("`speed.home-1`, `speed.web.server`"),
  exit: z.number().nullable().describe("128 + N when signal N ended it; null: nobody saw its end."),
  over: z.boolean().describe("It still ran when its time, or the run, was over."),
  wall_s: z.number().nullable(),
  stdout: output,
  stderr: output,
  error: z.string().optional().describe("Why it could not be run."),
});

const run = z.strictObject({
  repeat: z.number().describe("1 for the first run."),
  seed: z.number(),
  verdict,
  wall_s: z.number(),
  metrics,
  health,
  captures: z
    .array(
      z.strictObject({
        name: z.string(),
        file: z.string().describe("pcapng, below the folder of the whole run."),
        packets: z.number(),
        older: z.number().describe("Older packets that fell out of the ring."),
        lost: z.number().describe("Packets that the kernel dropped before they were captured."),
      }),
    )
    .optional()
    .describe("Packet captures that were kept."),
  programs: z.array(program).optional().describe("The scenario's own programs, as they ended."),
});

const result = z.strictObject({
  id: z.string().describe("`home[sqm=cake]`"),
  scenario: z.string().describe("The file."),
  title: z.string(),
  matrix: z.record(z.string(), z.string()).describe("axis → value"),
  world: z.enum(["live", "hermetic"]),
  dataplane: z.string(),
  verdict,
  reason: z.string().describe("Why, when the verdict does not come from an expectation; else empty."),
  wall_s: z.number(),
  clock_s: z
    .number()
    .optional()
    .describe("The scenario's own clock over the same runs; hermetic world only, and complete."),
  accounting,
  metrics: metrics.describe("Over all runs: the median of their values; counts add up."),
  by: z.record(z.string(), metrics).describe("`client/home-1`, `flow/3` → metrics of that part alone."),
  expectations: z.array(expectation),
  runs: z.array(run),
});

export const resultsSchema = z
  .strictObject({ schema: z.literal("mqoe-results/1"), verdict, cases: z.array(result) })
  .describe("Results of mqoe: times in seconds, rates in bit/s.");

/** JSON Schema of the results file, published by `mqoe schema results`. */
export function resultsJsonSchema(): object {
  return { ...z.toJSONSchema(resultsSchema), $id: "mqoe-results-1", title: "mqoe results" };
}

/** Each assignable to the other: a field missing or of another type on either side does not compile. */
type Same<A, B> = [A, B] extends [B, A] ? true : never;
true satisfies Same<Plain<z.output<typeof resultsSchema>>, Plain<Results>>;

/** Optional keys as zod has them (`?: T | undefined`), so that exactOptionalPropertyTypes does not tell them apart. */
type Plain<T> = T extends (infer Item)[]
  ? Plain<Item>[]
  : T extends object
    ? { [K in keyof T]: Plain<T[K]> | (undefined extends T[K] ? undefined : never) }
    : T;
