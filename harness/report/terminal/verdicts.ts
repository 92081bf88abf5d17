import type { ChalkInstance } from "chalk";
import Table from "cli-table3";
import type { MetricValue } from "../../metrics/types.js";
import type { CaseResult, ExpectationResult, Results } from "../../verdict/types.js";
import {
  boundText,
  formatGrade,
  formatMetric,
  formatValue,
  NO_VALUE,
  resultsMeaning,
  tally,
  timeText,
  verdictLook,
} from "../format.js";
import { evidence, knownHeadline, type LatencyHeadline, measuredUnit } from "../headline.js";
import { sideBySide } from "../side-by-side.js";
import { renderSideBySide } from "./side-by-side.js";
import { painter, paintVerdict, printable, type Style, wrap } from "./style.js";

/** Where to look next. */
export interface Pointer {
  label: string;
  path: string;
}

interface Page {
  style: Style;
  chalk: ChalkInstance;
}

const INDENT = "  ";

/**
 * The verdict of a whole run as text, ready to print: per case its verdict, its numbers and its expectations, then
 * the cases of each matrix side by side, the totals and where the reports are. Never wider than `style.columns`, escape codes only when `style.color`.
 */
export function renderVerdicts(results: Results, style: Style, pointers: Pointer[] = []): string {
  const page = { style, chalk: painter(style) };
  const cases = results.cases.map((result) => renderCase(page, result));
  const tables = sideBySide(results.cases).map((table) => renderSideBySide(table, style));
  return `${[...cases, ...tables, renderFooter(page, results, pointers)].join("\n")}\n`;
}

function renderCase(page: Page, result: CaseResult): string {
  const lines = [
    ...titleLines(page, result),
    ...headlineLines(page, result),
    ...reasonLines(page, result),
    ...(result.expectations.length > 0 ? ["", expectationTable(page, result)] : []),
    // What the case says already is not said again at each expectation.
    ...expectationReasons(
      page,
      result.expectations.filter(({ reason }) => reason !== result.reason),
    ),
  ];
  return `${lines.join("\n")}\n`;
}

function titleLines(page: Page, result: CaseResult): string[] {
  const { chalk, style } = page;
  const { symbol, words } = verdictLook(result.verdict);
  const badge = `${symbol} ${words.toUpperCase()}`;
  const title = printable(result.title);
  const names = wrap(printable(result.id), style.columns - badge.length - 2);
  const first = `${chalk.bold(paintVerdict(chalk, result.verdict, badge))}  ${chalk.bold(names[0] ?? "")}`;
  const pad = " ".repeat(badge.length + 2);
  return [
    first,
    ...names.slice(1).map((name) => pad + chalk.bold(name)),
    ...(title === "" ? [] : wrap(title, style.columns - 2).map((line) => chalk.dim(INDENT + line))),
  ];
}

function headlineLines(page: Page, result: CaseResult): string[] {
  const { grade, goodput, latency } = knownHeadline(result.metrics);
  const about = [`dataplane ${result.dataplane}`, `world ${result.world}`, timeText(result)].join(" · ");
  const facts: [string, string][] = [];
  if (grade) facts.push(["grade", formatGrade(grade.value)]);
  for (const { name, metric } of goodput)
    facts.push(["goodput", `${printable(name.replace(".goodput", ""))}  ${formatMetric(metric)}`]);
  for (const one of latency) {
    const [times, added] = latencyTexts(one);
    facts.push(["latency", times], ["", added]);
  }
  return [
    ...wrap(about, page.style.columns - 2).map((line) => page.chalk.dim(INDENT + line)),
    ...facts.flatMap(([label, text]) => factLines(page, label, text)),
  ];
}

function factLines(page: Page, label: string, text: string): string[] {
  const width = 9;
  return wrap(text, page.style.columns - width - INDENT.length).map(
    (line, i) => INDENT + (i === 0 ? page.chalk.dim(label.padEnd(width)) : " ".repeat(width)) + line,
  );
}

/** `ping  idle 20.1 ms / 20.3 ms → loaded 22.1 ms / 25.6 ms (p50 / p99)`, then what the load added. */
function latencyTexts(of: LatencyHeadline): [string, string] {
  const pair = (p50: MetricValue | undefined, p99: MetricValue | undefined) =>
    `${formatMetric(p50)} / ${formatMetric(p99)}`;
  const times = `idle ${pair(of.idleP50, of.idleP99)} → loaded ${pair(of.loadedP50, of.loadedP99)} (p50 / p99)`;
  const loss = of.loss ? `, loss ${formatMetric(of.loss, "loss")}` : "";
  return [`${printable(of.traffic)}  ${times}`, `induced p99 ${formatMetric(of.inducedP99)}${loss}`];
}

/** Why a case has a verdict that no expectation explains, with the evidence. */
function reasonLines(page: Page, result: CaseResult): string[] {
  const width = page.style.columns - 4;
  const lines = result.reason === "" ? [] : wrap(printable(result.reason), width).map((line) => INDENT + line);
  const found = evidence(result).flatMap((line) =>
    wrap(printable(line), width - 2).map((part, i) => `${INDENT}${i === 0 ? "• " : "  "}${part}`),
  );
  return [...lines.map((line) => page.chalk.yellow(line)), ...found];
}

/** Spaces between columns. */
const GAP = 2;
const HEAD = ["verdict", "metric", "expected", "measured", "worst"];

/** No lines but one under the head: at 80 columns every character is needed for names and numbers. */
const CHARS = Object.fromEntries(
  ["top", "bottom", "left", "right", "mid", "middle"]
    .flatMap((side) => [side, `${side}-mid`, `${side}-left`, `${side}-right`, `left-${side}`, `right-${side}`])
    .map((side) => [side, ""]),
);

function expectationTable(page: Page, result: CaseResult): string {
  const { expectations } = result;
  const rows = expectations.map((expectation) => expectationRow(expectation, measuredUnit(result, expectation)));
  // The gap after the last column is trimmed off below.
  const widths = columnWidths([HEAD, ...rows], page.style.columns - INDENT.length + GAP);
  const table = new Table({
    chars: CHARS,
    colWidths: widths,
    style: { head: [], border: [], "padding-left": 0, "padding-right": GAP },
  });
  table.push(HEAD.map((name) => page.chalk.dim.underline(name)));
  rows.forEach((row, i) => {
    const { verdict } = expectations[i] as ExpectationResult;
    const cells = row.map((cell, column) => wrap(cell, (widths[column] as number) - GAP).join("\n"));
    table.push([paintVerdict(page.chalk, verdict, cells[0] ?? ""), ...cells.slice(1)]);
  });
  const lines = table.toString().split("\n");
  return lines.map((line) => (INDENT + line).trimEnd()).join("\n");
}

function expectationRow(expectation: ExpectationResult, unit: string): string[] {
  const { symbol, words } = verdictLook(expectation.verdict);
  const worst = expectation.worst;
  return [
    `${symbol} ${words}`,
    printable(expectation.metric),
    printable(boundText(expectation)),
    formatValue(expectation.value, unit, expectation.metric),
    worst ? `${formatValue(worst.value, unit, expectation.metric)} ${printable(worst.client)}` : NO_VALUE,
  ];
}

/**
 * Widths, with the gap after each, that fit `columns`. Verdicts and numbers keep what they need; of the rest, columns
 * that fit into an equal part keep their natural width and the others share what is left.
 */
function columnWidths(rows: string[][], columns: number): number[] {
  const widths = HEAD.map((_, i) => Math.max(...rows.map((row) => (row[i] ?? "").length)) + GAP);
  const flexible = [1, 2, 4].sort((a, b) => (widths[a] as number) - (widths[b] as number));
  let room = columns - (widths[0] as number) - (widths[3] as number);
  flexible.forEach((column, place) => {
    const fair = Math.floor(room / (flexible.length - place));
    widths[column] = Math.min(widths[column] as number, fair);
    room -= widths[column] as number;
  });
  return widths;
}

function expectationReasons(page: Page, expectations: ExpectationResult[]): string[] {
  return expectations.flatMap((expectation) => {
    if (expectation.reason === "" || expectation.verdict === "pass") return [];
    const { symbol } = verdictLook(expectation.verdict);
    const text = printable(`${expectation.metric}: ${expectation.reason} (${expectation.file}:${expectation.line})`);
    const lines = wrap(text, page.style.columns - 4);
    return lines.map(
      (line, i) => `${INDENT}${i === 0 ? paintVerdict(page.chalk, expectation.verdict, symbol) : " "} ${line}`,
    );
  });
}

function renderFooter(page: Page, results: Results, pointers: Pointer[]): string {
  const { chalk, style } = page;
  const { symbol, words } = verdictLook(results.verdict);
  const badge = `${symbol} ${words.toUpperCase()}`;
  const [meaning = "", ...more] = wrap(resultsMeaning(results), style.columns - badge.length - 2);
  const expectations = results.cases.flatMap((result) => result.expectations.map((e) => e.verdict));
  const label = Math.max(0, ...pointers.map((pointer) => pointer.label.length));
  return [
    chalk.dim("─".repeat(style.columns)),
    `${chalk.bold(paintVerdict(chalk, results.verdict, badge))}  ${meaning}`,
    ...more.map((line) => " ".repeat(badge.length + 2) + line),
    ...wrap(
      tally(
        results.cases.map((result) => result.verdict),
        "case",
      ),
      style.columns - 2,
    ).map((l) => INDENT + l),
    ...wrap(tally(expectations, "expectation"), style.columns - 2).map((l) => INDENT + l),
    // Paths are not wrapped: people click on them.
    ...pointers.map((pointer) => `${INDENT}${chalk.dim(pointer.label.padEnd(label))}  ${printable(pointer.path)}`),
  ].join("\n");
}
