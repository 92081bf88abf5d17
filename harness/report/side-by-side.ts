import { canonicalName } from "../metrics/names.js";
import type { Metrics, MetricUnit } from "../metrics/types.js";
import type { CaseResult } from "../verdict/types.js";
import { formatGrade, NO_VALUE } from "./format.js";

/**
 * The cases of one scenario's matrix beside each other: one column for each value of one axis, one row per metric,
 * blocks for what the other axes say. Pure; the page and the terminal draw the same table.
 */
export interface SideBySide {
  /** The scenario file, and its title when all cases share it. */
  scenario: string;
  title: string;
  /** The axis whose values are the columns. */
  axis: string;
  columns: string[];
  blocks: Block[];
}

export interface Block {
  /** Values of the other axes, `flows = 16, framing = raw`; empty when there are none. */
  name: string;
  /** The same without the axes, where room is scarce: `16`, `raw`. */
  values: string[];
  /** One for each column; null where the matrix has no such case in this report. */
  cases: (CaseResult | null)[];
  rows: Row[];
}

export interface Row {
  metric: string;
  /** Of all its cells; empty for plain numbers. */
  unit: string;
  cells: Cell[];
  /** 0 is what people look for first; a table without room leaves out the largest. */
  rank: number;
}

export interface Cell {
  /** The median over the runs, in the row's unit, without it. */
  text: string;
  /** `20.6–21.2` over the runs, where they differ by what the digits show; else empty. */
  range: string;
  /** Did an expectation on this metric fail in this case? */
  failed: boolean;
}

/** One table for each scenario of which several cases were run, in the order of the results. */
export function sideBySide(results: readonly CaseResult[]): SideBySide[] {
  const scenarios = new Map<string, CaseResult[]>();
  for (const result of results) {
    const axes = Object.keys(result.matrix);
    if (axes.length === 0) continue;
    const key = JSON.stringify([result.scenario, axes]);
    scenarios.set(key, [...(scenarios.get(key) ?? []), result]);
  }
  return [...scenarios.values()].filter((cases) => cases.length > 1).map(tableOf);
}

function tableOf(cases: CaseResult[]): SideBySide {
  const axis = columnAxis(cases);
  const columns = [...new Set(cases.map(({ matrix }) => matrix[axis] ?? ""))];
  const blocks = new Map<string, CaseResult[]>();
  for (const one of cases) {
    const name = othersOf(one, axis);
    blocks.set(name, [...(blocks.get(name) ?? []), one]);
  }
  const titles = new Set(cases.map(({ title }) => title));
  return {
    scenario: cases[0]?.scenario ?? "",
    title: titles.size === 1 ? (cases[0]?.title ?? "") : "",
    axis,
    columns,
    blocks: [...blocks].map(([name, members]) => {
      const ordered = columns.map((value) => members.find(({ matrix }) => matrix[axis] === value) ?? null);
      const values = Object.entries(members[0]?.matrix ?? {}).flatMap(([name, value]) =>
        name === axis ? [] : [value],
      );
      return { name, values, cases: ordered, rows: rowsOf(ordered) };
    }),
  };
}

/** What is compared: the axis that changes the dataplane, if one does; else the first that has several values here. */
function columnAxis(cases: readonly CaseResult[]): string {
  const axes = Object.keys(cases[0]?.matrix ?? {});
  const valuesOf = (axis: string) => new Set(cases.map(({ matrix }) => matrix[axis]));
  const several = axes.filter((axis) => valuesOf(axis).size > 1);
  const decides = (axis: string): boolean => {
    const others = new Map<string, Set<string>>();
    for (const one of cases) {
      const key = othersOf(one, axis);
      others.set(key, (others.get(key) ?? new Set()).add(one.dataplane));
    }
    return [...others.values()].some((dataplanes) => dataplanes.size > 1);
  };
  return several.find(decides) ?? several[0] ?? (axes[0] as string);
}

function othersOf({ matrix }: CaseResult, axis: string): string {
  const others = Object.entries(matrix).filter(([name]) => name !== axis);
  return others.map(([name, value]) => `${name} = ${value}`).join(", ");
}

// ---- rows --------------------------------------------------------------------------------------------------------

/** What is shown of each kind of source; the first of which a source has the metric `knownBy` is its kind. */
const SHOWN: readonly { knownBy: string; quantities: readonly string[] }[] = [
  {
    knownBy: "induced.p99",
    quantities: ["grade", "idle.rtt.p50", "rtt.p50", "rtt.p95", "rtt.p99", "rtt.max", "induced.p99", "loss"],
  },
  // A probe without an idle phase to compare with.
  { knownBy: "owd_down.p50", quantities: ["rtt.p50", "rtt.p95", "rtt.p99", "rtt.max", "loss"] },
  { knownBy: "sent", quantities: ["throughput", "loss"] },
  {
    knownBy: "goodput",
    quantities: ["goodput", "goodput_down", "goodput_up", "jain", "rtt.p50", "retransmitted_packets", "retransmits"],
  },
];
const OF_DATAPLANE = ["drops", "marks", "throughput_down", "sojourn_down.p99"];

/** Order of rows, and what is left out first: the places below, from all sources together. */
const RANKS: readonly RegExp[] = [
  /\.grade$/u,
  /\.goodput(_down|_up)?$|\.sent$|^(?!dataplane).*\.throughput$/u,
  /\.rtt\.p99$/u,
  /\.rtt\.p50$/u,
  /\.jain$/u,
  /^dataplane\.drops/u,
  /^dataplane\.marks/u,
  /\.retransmitted_packets$/u,
  /\.rtt\.max$/u,
  /\.loss$/u,
  /\.rtt\.p95$/u,
];

function rowsOf(cases: readonly (CaseResult | null)[]): Row[] {
  const present = cases.filter((one) => one !== null);
  const expected = new Set(
    present.flatMap(({ expectations }) => expectations.map(({ metric }) => canonicalName(metric))),
  );
  const names = new Set(present.flatMap(({ metrics }) => usual(metrics)));
  // What holds by definition and always does is no comparison; it shows when it does not.
  const isNews = (name: string) => present.some(({ metrics }) => (metrics[name]?.value ?? 0) !== 0);
  const wanted = [...new Set([...names, ...expected])].filter(
    (name) => present.some(({ metrics }) => metrics[name]?.value != null) && isNews(name),
  );
  return wanted.map((name) => rowOf(name, cases, expected.has(name)));
}

/** Names that a reader would look for among a case's metrics, source by source. */
function usual(metrics: Metrics): string[] {
  const sources = [...new Set(Object.keys(metrics).map((name) => name.split(".")[0] as string))];
  return sources.flatMap((source) => {
    const quantities =
      source === "dataplane"
        ? OF_DATAPLANE
        : (SHOWN.find(({ knownBy }) => `${source}.${knownBy}` in metrics)?.quantities ?? []);
    return quantities.map((quantity) => `${source}.${quantity}`).filter((name) => name in metrics);
  });
}

function rowOf(metric: string, cases: readonly (CaseResult | null)[], isExpected: boolean): Row {
  const values = cases.map((one) => one?.metrics[metric]?.value ?? null);
  const unit = cases.find((one) => one?.metrics[metric])?.metrics[metric]?.unit ?? "count";
  const scale = scaleOf(unit, metric, values);
  const rank = RANKS.findIndex((pattern) => pattern.test(metric));
  return {
    metric,
    unit: scale.unit,
    // What somebody expects something of goes before what he does not.
    rank: (rank < 0 ? RANKS.length : rank) + (isExpected ? 0 : RANKS.length),
    cells: cases.map((one) => cellOf(one, metric, scale)),
  };
}

function cellOf(result: CaseResult | null, metric: string, scale: Scale): Cell {
  const value = result?.metrics[metric]?.value ?? null;
  if (result === null || value === null) return { text: NO_VALUE, range: "", failed: false };
  const failed = result.expectations.some((one) => canonicalName(one.metric) === metric && one.verdict === "fail");
  const known = result.runs.map((run) => run.metrics[metric]?.value ?? null).filter((one) => one !== null);
  const [low, high] = [scale.print(Math.min(...known)), scale.print(Math.max(...known))];
  return { text: scale.print(value), range: known.length > 1 && low !== high ? `${low}–${high}` : "", failed };
}

// ---- numbers -----------------------------------------------------------------------------------------------------

interface Scale {
  unit: string;
  print: (value: number) => string;
}

const RATES: readonly [number, string][] = [
  [1e9, "Gbit/s"],
  [1e6, "Mbit/s"],
  [1e3, "kbit/s"],
  [1, "bit/s"],
];

/** Ratios that people read as percentages. */
const PERCENTAGE = /\.(loss|loss_down|loss_up|retransmits)$/u;

/** One unit for a row, so that its numbers compare at a glance: that of its largest. */
function scaleOf(unit: MetricUnit, metric: string, values: readonly (number | null)[]): Scale {
  const largest = Math.max(0, ...values.map((value) => Math.abs(value ?? 0)));
  const by = (factor: number, name: string): Scale => ({ unit: name, print: (value) => digits(value / factor) });
  switch (unit) {
    case "s":
      return by(1e-3, "ms");
    case "bit/s":
      return by(...(RATES.find(([factor]) => largest >= factor) ?? [1, "bit/s"]));
    case "ratio":
      return PERCENTAGE.test(metric) ? by(0.01, "%") : { unit: "", print: (value) => value.toFixed(4) };
    case "grade":
      return { unit: "", print: formatGrade };
    default:
      return { unit: unit === "bytes" ? "B" : "", print: (value) => String(Number(value.toFixed(1))) };
  }
}

/** Four significant digits, at most three of them after the point, and none that were not measured. */
function digits(value: number): string {
  if (value === 0) return "0";
  const magnitude = Math.floor(Math.log10(Math.abs(value)));
  return value.toFixed(Math.min(3, Math.max(0, 3 - magnitude)));
}
