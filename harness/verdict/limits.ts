import type { Direction } from "../blueprint/types.js";
import { type Shares, splitName } from "../metrics/index.js";
import type { Case, Expectation } from "../scenario/types.js";
import { median, sum } from "../stats/index.js";
import { type CaseEvidence, lackingOf } from "./evidence.js";
import { directionsOf, measured, type Subject } from "./subjects.js";

/**
 * The bound in numbers, in the metric's unit and at its layer; or why there is none: it is `missing` although it should
 * be there (no data), or there is nothing to compare with and nobody is to blame (`skipped`).
 */
export type Limit = { value: number } | { missing: string } | { skipped: string };

/** Case id → evidence: the other cases of the same invocation, for `over` bounds. */
export type Others = ReadonlyMap<string, CaseEvidence>;

/**
 * The limit of one subject. A bound is a number by itself; or a fraction of what the subject may have – its share or
 * plan, converted to the metric's layer; or an amount over what the same subject had in another case.
 */
export function limitFor(
  expectation: Expectation,
  subject: Subject,
  which: Case,
  shares: Shares | null,
  others: Others,
): Limit {
  const { of, value } = expectation.bound;
  if (of === null) return { value };
  if (of === "share" || of === "plan") return entitlement(expectation, subject, which, shares, of);
  return over(expectation, subject, which, others);
}

// ---- of share, of plan -------------------------------------------------------------------------------------------

/**
 * The share (or plan) counts at the layer that the plan's overhead accounts. Shaper rates are compared there. Goodput
 * is compared with the goodput that this rate leaves room for (Shares.goodputCeiling), so that a perfect link reaches
 * 100 %; flows of several [traffic] tables that share a direction divide it by their number. A UDP stream is compared
 * with what it sends, or with its fair part of the line when that is less.
 */
function entitlement(
  expectation: Expectation,
  subject: Subject,
  which: Case,
  shares: Shares | null,
  of: "share" | "plan",
): Limit {
  if (shares === null) return { missing: "the run has no blueprint, so nobody's share is known" };
  const traffic = which.traffic.find((t) => t.name === expectation.metric.split(".")[0]);
  const opened = (which.changes ?? []).flatMap(({ phase }) => phase ?? []);
  const { quantity } = splitName(expectation.metric, [...Object.keys(which.phases), ...opened]);
  const layer = layerOf(quantity, traffic);
  if (layer === null) return { missing: `"${expectation.bound.text}": ${quantity} is no rate that has a ${of}` };
  let total = 0;
  for (const client of subject.clients) {
    for (const direction of subject.flow ? [subject.flow.direction] : directionsOf(quantity, traffic)) {
      const rate = of === "share" ? shares.share(client, direction) : shares.plan(client, direction);
      if (rate === null) return { missing: `${client} has no limit ${direction}, so it has no ${of} of it` };
      if (layer === "plan") total += rate;
      else total += deliverable(shares, subject, client, direction, rate, traffic?.name ?? "", layer);
    }
  }
  return { value: expectation.bound.value * total };
}

type Layer = "plan" | "goodput" | "ip";

/** The layer of a rate that has a share; null for what has none. Of traffic, only UDP has a throughput. */
function layerOf(quantity: string, traffic: Case["traffic"][number] | undefined): Layer | null {
  // Transfers, pages, video and RPM tests take what they ask for; nobody gave them a share.
  if (traffic?.kind === "tcp" && traffic.transfers !== undefined) return null;
  if (traffic?.kind === "web" || traffic?.kind === "video" || traffic?.kind === "rpm") return null;
  if (quantity.startsWith("goodput")) return "goodput";
  if (quantity.startsWith("throughput") && traffic?.kind === "udp") return "ip";
  return quantity.startsWith("rate") ? "plan" : null;
}

/** What of `rate` the subject's flows and streams of one traffic can deliver: all that the client has, or one. */
function deliverable(
  shares: Shares,
  subject: Subject,
  client: string,
  direction: Direction,
  rate: number,
  traffic: string,
  layer: "goodput" | "ip",
): number {
  const isOwn = (flow: { id: number; traffic: string }) =>
    subject.flow ? flow.id === subject.flow.id : flow.traffic === traffic;
  const streams = shares.streamsOf(client, direction).filter(isOwn);
  if (streams.length > 0) return sum(streams.map((stream) => shares.streamCeiling(stream, rate, layer) ?? 0));
  const flows = shares.flowsOf(client, direction);
  const own = flows.filter(isOwn).length;
  return own === 0 ? 0 : (shares.goodputCeiling(client, direction, rate) * own) / flows.length;
}

// ---- over base, over axis=value ----------------------------------------------------------------------------------

/**
 * `over base`: the case with the first value of every axis; `over axis=value`: the case that differs in that axis only.
 * What counts is the median over its runs, of the same subject – provided they are all there and its rig was healthy.
 */
function over(expectation: Expectation, subject: Subject, which: Case, others: Others): Limit {
  const matrix = referenceMatrix(expectation, which);
  if (matrix === null) return { missing: `"${expectation.bound.text}": the case does not say what its base is` };
  if (sameMatrix(matrix, which.matrix)) return { skipped: "this case is what the others are compared with" };
  const reference = [...others.values()].find((o) => isSameCell(o.case, { file: which.file, matrix }));
  const name = `the case it is compared with (${Object.entries(matrix).map(([axis, value]) => `${axis}=${value}`)})`;
  if (reference === undefined) return { missing: `${name} was not run` };
  const lacking = lackingOf(reference.runs);
  if (lacking !== null) return { skipped: `${name} was skipped: ${lacking}` };
  if (reference.runs.length === 0 || reference.runs.some((run) => run.health.verdict === "invalid")) {
    return { missing: `${name} is invalid` };
  }
  if (reference.runs.length < reference.case.repeat) return { missing: `${name} was not run to its end` };
  const values = reference.runs.map((run) => measured(run.metrics, subject, expectation.metric));
  const known = values.filter((value) => value !== null);
  if (known.length < values.length) return { missing: `${name} has no data for it` };
  return { value: (median(known) as number) + expectation.bound.value };
}

/** The case that an expectation compares its own with; null when it is another kind of bound, or its own reference. */
export function referenceOf(expectation: Expectation, which: Case): Pick<Case, "file" | "matrix"> | null {
  const matrix = referenceMatrix(expectation, which);
  return matrix === null || sameMatrix(matrix, which.matrix) ? null : { file: which.file, matrix };
}

export function isSameCell(a: Pick<Case, "file" | "matrix">, b: Pick<Case, "file" | "matrix">): boolean {
  return a.file === b.file && sameMatrix(a.matrix, b.matrix);
}

function referenceMatrix({ bound: { of } }: Expectation, which: Case): Record<string, string> | null {
  if (typeof of !== "object" || of === null) return null;
  if ("base" in of) return which.base ?? null;
  return { ...which.matrix, [of.axis]: of.value };
}

function sameMatrix(a: Record<string, string>, b: Record<string, string>): boolean {
  const axes = Object.keys(a);
  return axes.length === Object.keys(b).length && axes.every((axis) => a[axis] === b[axis]);
}
