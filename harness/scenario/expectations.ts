import { printTime } from "../units/index.js";
import { parseBound, unknownCell } from "./bound.js";
import { isBuilt, notBuilt } from "./capabilities.js";
import type { Timeline } from "./change.js";
import { selectClients } from "./clients.js";
import { type Draft, isIncomplete, type Section } from "./draft.js";
import { quantitiesOf } from "./kinds/exec.js";
import type { Axes } from "./matrix.js";
import { expandPaths } from "./merge.js";
import { CATALOGUE, DEFAULT_PHASE, type MetricName, parseMetric } from "./metric-names.js";
import type { Problems } from "./problem.js";
import { BOUND_OPS, type ExpectSpec } from "./schema.js";
import { oneOf } from "./suggest.js";
import { nodeAt, positionAt, stringAt } from "./tree.js";
import type { Bound, BoundOp, Client, Expectation } from "./types.js";

interface Context {
  draft: Draft;
  clients: readonly Client[];
  axes: Axes;
  /** The cell: axis → value. */
  matrix: Readonly<Record<string, string>>;
  timeline: Timeline;
  problems: Problems;
}

/** The expectations that hold in this cell; those of other cells are checked as well, but left out. */
export function resolveExpectations(context: Context): Expectation[] {
  const written = context.draft.expects.flatMap((section) => {
    const expectation = section.value && resolveOne(section, section.value, context);
    return expectation && applies(section.value, context.matrix) ? [expectation] : [];
  });
  return [...written, ...exitCodes(context.draft, written)];
}

/** Every program must exit as its traffic says: an expectation that nobody need write, unless another is written. */
function exitCodes({ traffic }: Draft, written: readonly Expectation[]): Expectation[] {
  return [...traffic.values()].flatMap(({ name, at, value }): Expectation[] => {
    const metric = `${name}.exit_code`;
    if (value?.kind !== "exec" || value.expect_exit === "any" || !value.enabled) return [];
    if (written.some((one) => one.metric === metric)) return [];
    const text = String(value.expect_exit);
    const bound = { op: "equals", value: value.expect_exit, unit: "count", of: null, text } as const;
    const rest = { gate: "invariant", per: "client", for: 1, outcome: "pass", because: "" } as const;
    return [{ metric, bound, ...rest, file: at.file, line: at.line }];
  });
}

/** Does the expectation hold in a cell? Without `when`, in all. */
export function applies(spec: ExpectSpec | undefined, matrix: Readonly<Record<string, string>>): boolean {
  return Object.entries(spec?.when ?? {}).every(([axis, values]) => values.includes(matrix[axis] ?? ""));
}

function resolveOne(section: Section<ExpectSpec>, spec: ExpectSpec, context: Context): Expectation | undefined {
  checkWhen(section, spec, context);
  checkControl(section, spec, context.problems);
  const metric = metricOf(section, spec, context);
  const op = operatorOf(section, spec, context.problems);
  if (!metric || !op) return undefined;
  const bound = boundOf(section, spec, op, metric, context);
  if (bound) checkSteady(section, op, bound, metric, context);
  if (bound) checkRecovery(section, op, bound, metric, context);
  const per = scopeOf(section, spec, metric, context);
  if (!bound || !per) return undefined;
  return {
    metric: spec.metric,
    bound,
    gate: gateOf(bound, metric),
    per,
    for: spec.for,
    outcome: spec.outcome,
    because: spec.because,
    file: section.at.file,
    line: section.at.line,
  };
}

/** Counted things need no statistics; comparisons with another case are relative; the rest is absolute. */
function gateOf(bound: Bound, { quantity }: MetricName): Expectation["gate"] {
  if (typeof bound.of === "object" && bound.of !== null) return "relative";
  return quantity.counted ? "invariant" : "absolute";
}

function checkWhen({ node }: Section<ExpectSpec>, spec: ExpectSpec, { axes, problems }: Context): void {
  for (const [axis, values] of Object.entries(spec.when ?? {})) {
    const at = positionAt(node, ["when", axis]);
    const message = values.map((value) => unknownCell(axis, value, axes)).find((found) => found !== undefined);
    if (message) problems.error(at, `expect.when: ${message}`);
  }
}

function checkControl({ node }: Section<ExpectSpec>, spec: ExpectSpec, problems: Problems): void {
  if (spec.outcome === "fail" && spec.because.trim() === "") {
    const at = positionAt(node, ["outcome"]);
    problems.error(at, 'expect: outcome = "fail" needs because = "…": why this control must fail');
  }
}

function metricOf({ node }: Section<ExpectSpec>, spec: ExpectSpec, context: Context): MetricName | undefined {
  const { draft, problems } = context;
  const kinds = new Map([...draft.traffic].map(([name, { node: table }]) => [name, stringAt(table, "kind") ?? ""]));
  const name = spec.metric.split(".")[0] ?? "";
  const source = kinds.get(name);
  // Traffic whose kind is wrong or not built: that has been said, and what it would produce is unknown.
  if (source !== undefined && !Object.hasOwn(CATALOGUE, source)) return undefined;
  // Likewise a program whose table has problems: what it declares is unknown.
  if (source === "exec" && draft.traffic.get(name)?.value === undefined) return undefined;
  // Likewise traffic whose name is wrong: it cannot be told from traffic that is not there.
  const unnamed = source === undefined && !spec.metric.startsWith("dataplane.");
  if (unnamed && isIncomplete(draft, "traffic", draft.traffic)) return undefined;
  const at = positionAt(node, ["metric"]);
  const { opened } = context.timeline;
  const parsed = parseMetric(spec.metric, kinds, opened, declaredQuantities(draft));
  if (!parsed.ok) {
    problems.error(at, `expect.metric: ${parsed.message}`);
    return undefined;
  }
  const message =
    wrongDirection(parsed.metric, draft) ?? unset(parsed.metric, draft) ?? emptyPhase(parsed.metric, draft);
  if (message) problems.error(at, `expect.metric: nothing produces "${spec.metric}": ${message}`);
  return message ? undefined : parsed.metric;
}

function declaredQuantities({ traffic }: Draft) {
  return new Map([...traffic].map(([name, { value }]) => [name, value?.kind === "exec" ? quantitiesOf(value) : []]));
}

/** In a phase during which a plan changes there is no one rate to compare with. */
function checkSteady(
  { node }: Section<ExpectSpec>,
  op: BoundOp,
  { of, text }: Bound,
  { phase, quantity }: MetricName,
  { timeline, problems }: Context,
): void {
  const relative = of === "share" || of === "plan";
  const isMixed = timeline.mixed.has(phase) && (relative || OF_SHARE.test(quantity.name));
  const isRestless = timeline.restless.has(phase) && (relative || OF_FLOWS.test(quantity.name));
  if (!isMixed && !isRestless) return;
  const what = relative ? `"${text}"` : `${quantity.name}, which is relative to the plan or the share,`;
  const message = `${what} is not one number in the ${phase} phase: a plan, a site or the load changes within it`;
  const hint = 'let the change open a phase of its own: phase = "NAME"';
  const [key, place] = relative ? [op, positionAt(node, [op])] : ["metric", positionAt(node, ["metric"])];
  problems.error(place, `expect.${key}: ${message}`, hint);
}

/** Quantities that are computed from what a client may have. */
const OF_SHARE = /^(?:utilization|jain_clients|starvation)/u;
/** And those that compare flows or clients which were not there all the time. */
const OF_FLOWS = /^(?:jain|starvation)/u;

/**
 * A phase that ends before latency is back counts with its whole length, which says no more than "at least": only a
 * bound below it can be held or broken by that, and no difference of two such times means anything.
 */
function checkRecovery(
  { node }: Section<ExpectSpec>,
  op: BoundOp,
  { of, value, text }: Bound,
  { phase, quantity }: MetricName,
  { draft, timeline, problems }: Context,
): void {
  if (quantity.name !== "recovery_time") return;
  const at = positionAt(node, [op]);
  if (of !== null) {
    const message = `"${text}" cannot be told: a case that does not recover has no time to compare with`;
    problems.error(at, `expect.${op}: ${message}`, 'write a time, e.g. "3s"');
  }
  const ramp = phase === DEFAULT_PHASE ? (draft.phases?.ramp ?? 0) : 0;
  const length = timeline.lengths.get(phase);
  if (of !== null || length === undefined || value * 1e9 < length + ramp) return;
  const message = `"${text}" is not less than the ${printTime(length + ramp)} that are looked at: whatever never recovers counts with these`;
  problems.error(at, `expect.${op}: ${message}`, "a lower bound or a longer phase");
}

function wrongDirection({ traffic, quantity }: MetricName, draft: Draft): string | undefined {
  const both = /^(goodput|throughput)_(?:down|up)$/u.exec(quantity.name)?.[1];
  if (both === undefined) return undefined;
  const spec = draft.traffic.get(traffic)?.value;
  if ((spec?.kind !== "tcp" && spec?.kind !== "udp") || spec.direction === "both") return undefined;
  return `traffic "${traffic}" goes ${spec.direction} only; write "${traffic}.${both}"`;
}

/** Quantities of transfers, and those of sessions that meet the idle line, are there only where a setting makes them. */
const OF_TRANSFERS = ["fct", "fct_connect", "slowdown", "completed", "failed", "unfinished"];

function unset({ traffic, quantity }: MetricName, draft: Draft): string | undefined {
  const spec = draft.traffic.get(traffic)?.value;
  if (spec?.kind === "tcp" && OF_TRANSFERS.includes(quantity.name) && !isSized(traffic, spec.size, draft))
    return `${quantity.name} is of transfers, and a flow of "${traffic}" goes on for the whole load; give it a size, e.g. size = "64KiB"`;
  if (spec?.kind === "web" && quantity.name === "plt_ratio" && !spec.idle)
    return `with idle = false "${traffic}" loads no page while the line is idle, so there is none to compare with; leave idle out, or write "${traffic}.plt"`;
  return undefined;
}

/** From the start, or from a [[change]] on. */
function isSized(traffic: string, size: unknown, { changes }: Draft): boolean {
  if (size !== undefined) return true;
  return changes.some(({ node }) => {
    const set = nodeAt(node, ["set"]);
    return set?.type === "table" && nodeAt(expandPaths(set), ["traffic", traffic, "size"]) !== undefined;
  });
}

function emptyPhase({ phase, quantity }: MetricName, { phases }: Draft): string | undefined {
  if (!phases) return undefined;
  if (phase !== "loaded" && phases[phase as keyof typeof phases] === 0) return `the ${phase} phase has no length`;
  const needsBaseline = ["induced", "grade", "recovery_time", "late_packets", "plt_ratio"].includes(quantity.name);
  return needsBaseline && phases.idle === 0
    ? `${quantity.name} is measured against the idle phase, which has no length`
    : undefined;
}

function operatorOf({ node, at }: Section<ExpectSpec>, spec: ExpectSpec, problems: Problems): BoundOp | undefined {
  const given = BOUND_OPS.filter((op) => spec[op] !== undefined);
  if (given.length === 1) return given[0];
  const place = given[1] ? positionAt(node, [given[1]]) : at;
  const found = given.length === 0 ? "none was found" : `found ${given.join(" and ")}`;
  problems.error(place, `expect: exactly one of ${BOUND_OPS.join(", ")} is needed; ${found}`);
  return undefined;
}

function boundOf(
  { node }: Section<ExpectSpec>,
  spec: ExpectSpec,
  op: BoundOp,
  { quantity, traffic }: MetricName,
  { axes, draft, problems }: Context,
): Bound | undefined {
  const at = positionAt(node, [op]);
  const parsed = parseBound(op, spec[op] as string | number, quantity, axes);
  const isRelative = parsed.ok && (parsed.bound.of === "share" || parsed.bound.of === "plan");
  if (isRelative && draft.traffic.get(traffic)?.value?.kind === "exec") {
    const message = `"${parsed.bound.text}": what a program sends, and which way, is not known, so it has no ${parsed.bound.of}`;
    problems.error(at, `expect.${op}: ${message}`, 'write a rate, e.g. "19mbit"');
    return undefined;
  }
  const measured = quantity.unit === "s" || quantity.unit === "bit/s";
  if (op === "equals" && measured) {
    problems.error(
      at,
      `expect.equals: ${spec.metric} is measured, it never equals anything exactly`,
      "use at_most or at_least",
    );
    return undefined;
  }
  if (parsed.ok) return parsed.bound;
  problems.error(at, `expect.${op}: ${parsed.message}`);
  return undefined;
}

function scopeOf(
  { node }: Section<ExpectSpec>,
  spec: ExpectSpec,
  { quantity, traffic }: MetricName,
  { draft, clients, problems }: Context,
): Expectation["per"] | undefined {
  const per = spec.per ?? (quantity.scopes.includes("client") ? "client" : "total");
  const at = positionAt(node, ["per"]);
  if (!isBuilt("per", per)) {
    problems.error(at, notBuilt(`per "${per}"`));
    return undefined;
  }
  if (!quantity.scopes.includes(per)) {
    const scopes = quantity.scopes.filter((scope) => isBuilt("per", scope));
    problems.error(at, `expect.per: ${quantity.name} does not exist per ${per}; allowed: ${oneOf(scopes)}`);
    return undefined;
  }
  if (per === "total" && spec.for !== 1) {
    problems.error(
      positionAt(node, ["for"]),
      `expect.for: there is only one total; "for" needs per = "client", "flow" or "site"`,
    );
  }
  if (per === "site" && !hasSites(traffic, draft, clients)) {
    const who = traffic === "dataplane" ? "no client" : `no client of traffic "${traffic}"`;
    problems.error(
      at,
      `expect.per: ${who} hangs below a site, so nobody is judged`,
      'write site = "…" in a [client.*]',
    );
    return undefined;
  }
  return per;
}

/** Does anybody whom a metric is about hang below a site? Said to be so while sites or clients have problems. */
function hasSites(traffic: string, draft: Draft, clients: readonly Client[]): boolean {
  const { sites } = draft;
  const unclear = isIncomplete(draft, "site", sites) || [...draft.clients.values()].some(({ value }) => !value);
  const from = draft.traffic.get(traffic)?.value?.from;
  const names = from ? new Set(selectClients(from, clients, draft).names) : undefined;
  return unclear || clients.some(({ name, site }) => site !== null && (names?.has(name) ?? true));
}
