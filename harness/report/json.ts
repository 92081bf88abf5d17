import type { Metrics } from "../metrics/types.js";
import type { CaseResult, ExpectationResult, Results, RunResult } from "../verdict/types.js";

/**
 * The order of keys is part of what people diff, so it is fixed here, in the order of DESIGN §9. Keys that this list
 * does not know yet follow in alphabetical order rather than being lost.
 */
const RESULTS = ["schema", "verdict", "cases"];
const CASE =
  "id scenario title matrix world dataplane verdict reason wall_s clock_s accounting metrics by expectations runs".split(
    " ",
  );
const EXPECTATION = "metric bound gate per for outcome value worst verdict reason file line".split(" ");
const BOUND = ["op", "value", "unit", "of", "text"];
const RUN = ["repeat", "seed", "verdict", "wall_s", "metrics", "health", "captures", "programs"];
const METRIC = ["value", "unit", "count", "layer"];
const ACCOUNTING = ["in", "duplicated", "out", "dropped", "held", "unaccounted"];
const DROPPED = ["aqm", "overflow", "path", "rig"];

function byCodePoint(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function inOrder(value: object, keys: readonly string[] = []): Record<string, unknown> {
  const from = value as Record<string, unknown>;
  const rest = Object.keys(from).filter((key) => !keys.includes(key));
  const order = [...keys.filter((key) => key in from), ...rest.sort(byCodePoint)];
  return Object.fromEntries(order.map((key) => [key, from[key]]));
}

function mapValues<T>(from: Record<string, T>, f: (value: T) => unknown): Record<string, unknown> {
  return Object.fromEntries(
    Object.keys(from)
      .sort(byCodePoint)
      .map((key) => [key, f(from[key] as T)]),
  );
}

const metricsInOrder = (metrics: Metrics) => mapValues(metrics, (metric) => inOrder(metric, METRIC));

function expectationInOrder(expectation: ExpectationResult): object {
  return inOrder({ ...expectation, bound: inOrder(expectation.bound, BOUND) }, EXPECTATION);
}

function runInOrder(run: RunResult): object {
  return inOrder({ ...run, metrics: metricsInOrder(run.metrics) }, RUN);
}

function caseInOrder(result: CaseResult): object {
  const { accounting } = result;
  return inOrder(
    {
      ...result,
      accounting: inOrder({ ...accounting, dropped: inOrder(accounting.dropped, DROPPED) }, ACCOUNTING),
      metrics: metricsInOrder(result.metrics),
      by: mapValues(result.by, metricsInOrder),
      expectations: result.expectations.map(expectationInOrder),
      runs: result.runs.map(runInOrder),
    },
    CASE,
  );
}

/** A metric over several lines, as JSON.stringify writes it; no string of JSON holds a line break. */
const TALL_METRIC = /\{\n\s+("value": .*),\n\s+("unit": .*),\n\s+("count": [^,{}\n]*)(?:,\n\s+("layer": .*))?\n\s+\}/gu;

/**
 * The results as text: same results, same bytes. Matrix axes keep the order of the scenario. A metric takes one line: that
 * is what people grep and diff, and there are hundreds.
 */
export function renderJson(results: Results): string {
  const text = JSON.stringify(inOrder({ ...results, cases: results.cases.map(caseInOrder) }, RESULTS), null, 2);
  const flat = text.replace(TALL_METRIC, (_, ...parts: (string | undefined)[]) => {
    const fields = parts.slice(0, 4).filter((part) => part !== undefined);
    return `{ ${fields.join(", ")} }`;
  });
  return `${flat}\n`;
}
