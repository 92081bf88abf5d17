import { verdictLook } from "../format.js";
import type { Block, Row, SideBySide } from "../side-by-side.js";
import { clip, painter, paintVerdict, printable, type Style } from "./style.js";

const INDENT = "  ";
const GAP = 2;
/** Wider tables are harder to follow than shorter ones. */
const MAX_COLUMNS = 100;
/** A name may take so much of the line; the numbers are what the table is for. */
const NAME_PART = 0.4;

interface Column {
  /** Metric and unit; a long metric stands in two lines, cut at its first dot. */
  head: [string, string];
  rank: number;
  width: number;
  cell: (line: Line) => string;
}

interface Line {
  block: Block;
  column: number;
}

/**
 * The cases of one scenario as lines, ready to print: a terminal has more room downwards, so cases go down and metrics
 * across, and of the metrics as many as fit, the most telling first. Never wider than `style.columns` nor 100.
 */
export function renderSideBySide(table: SideBySide, style: Style): string {
  const chalk = painter(style);
  const width = Math.min(style.columns, MAX_COLUMNS) - INDENT.length;
  const lines = table.blocks.flatMap((block) =>
    block.cases.flatMap((one, column) => (one === null ? [] : [{ block, column }])),
  );
  const nameOf = ({ block, column }: Line) => printable([...block.values, table.columns[column]].join(", "));
  const nameWidth = Math.min(Math.max(...lines.map((line) => nameOf(line).length)), Math.floor(width * NAME_PART));
  const columns = fitting(columnsOf(lines), width - nameWidth - 2);
  const row = (name: string, cells: readonly string[]) =>
    `${INDENT}${name.padEnd(nameWidth + 2)}${cells.map((text, i) => text.padStart((columns[i] as Column).width + GAP)).join("")}`.trimEnd();
  const head = ([0, 1] as const).map((part) =>
    row(
      part === 1 ? clip(printable(table.axis), nameWidth) : "",
      columns.map((column) => column.head[part]),
    ),
  );
  return [
    chalk.bold(INDENT + clip(`side by side: ${printable(table.title || table.scenario)}`, width)),
    ...head.map((text) => chalk.dim(text)),
    ...lines.map((line) => {
      const { verdict } = line.block.cases[line.column] ?? { verdict: "skipped" as const };
      const text = row(
        `${verdictLook(verdict).symbol} ${clip(nameOf(line), nameWidth)}`,
        columns.map((column) => column.cell(line)),
      );
      return text.replace(/^(\s*)(\S)/u, (_, pad: string, mark: string) => pad + paintVerdict(chalk, verdict, mark));
    }),
    "",
  ].join("\n");
}

/** Every metric of any block, in the order in which they were first met. A unit may differ from block to block. */
function columnsOf(lines: readonly Line[]): Column[] {
  const metrics = new Map<string, Row>();
  for (const { block } of lines) for (const one of block.rows) metrics.set(one.metric, metrics.get(one.metric) ?? one);
  return [...metrics.values()].map(({ metric, rank }) => {
    const rowsOf = ({ block }: Line) => block.rows.find((one) => one.metric === metric);
    const units = new Set(lines.map((line) => rowsOf(line)?.unit).filter((unit) => unit !== undefined));
    const shared = units.size === 1 ? [...units][0] : undefined;
    const cell = (line: Line) => {
      const found = rowsOf(line);
      const { text, failed } = found?.cells[line.column] ?? { text: "", failed: false };
      const unit = shared === undefined && found?.unit ? ` ${found.unit}` : "";
      return `${failed ? "✗" : ""}${text}${unit}`;
    };
    const head = headOf(printable(metric), shared ?? "");
    return {
      head,
      rank,
      cell,
      width: Math.max(...head.map((part) => part.length), ...lines.map((l) => cell(l).length)),
    };
  });
}

function headOf(metric: string, unit: string): [string, string] {
  const dot = metric.indexOf(".");
  const quantity = metric.slice(dot + 1).replace("retransmitted_packets", "retrans");
  return [metric.slice(0, dot), unit === "" ? quantity : `${quantity} ${unit}`];
}

/** The best-ranked columns that fit into `room`, in their order. */
function fitting(columns: readonly Column[], room: number): Column[] {
  const chosen = new Set<Column>();
  let left = room;
  for (const column of [...columns].sort((a, b) => a.rank - b.rank)) {
    if (column.width + GAP > left) continue;
    chosen.add(column);
    left -= column.width + GAP;
  }
  return columns.filter((column) => chosen.has(column));
}
