import type { SqmBlueprint } from "../../blueprint/types.js";
import { type QueueState, type TinFields, tinTitle } from "../../metrics/index.js";
import { largest } from "../../stats/index.js";
import { tcRate, tcSize, tcTime } from "./tc-format.js";

/** A tin that has seen no traffic was not recorded. */
const UNUSED = "-";
/** Columns of cake's table, as tc has them. */
const LABEL = 12;
const COLUMN = 13;

const count = (value: number): string => String(value);
const bytes = (value: number): string => `${value}b`;

/** Rows of cake's table in tc's order: label, field, how it is written. */
const ROWS: readonly (readonly [label: string, field: string, write: (value: number) => string])[] = [
  ["thresh", "threshold", tcRate],
  ["target", "target", tcTime],
  ["interval", "interval", tcTime],
  ["pk_delay", "delay_peak", tcTime],
  ["av_delay", "delay_average", tcTime],
  ["sp_delay", "delay_base", tcTime],
  ["backlog", "backlog_bytes", bytes],
  ["pkts", "out_packets", count],
  ["bytes", "out_bytes", count],
  ["way_inds", "way_hits", count],
  ["way_miss", "way_misses", count],
  ["way_cols", "way_collisions", count],
  ["drops", "drops", count],
  ["marks", "marks", count],
  ["ack_drop", "ack_drops", count],
  ["sp_flows", "sparse_flows", count],
  ["bk_flows", "bulk_flows", count],
  ["un_flows", "unresponsive_flows", count],
  ["max_len", "max_len", count],
  ["quantum", "quantum", count],
];

/** What all tins of a queue counted together. */
interface QueueSums {
  bytes: number;
  packets: number;
  /** With those of the ACK filter, as tc's `dropped` has them. */
  dropped: number;
  marks: number;
  ackDrops: number;
  backlogBytes: number;
  backlogPackets: number;
  delayPeak: number;
}

function sumTins({ tins }: QueueState): QueueSums {
  const sum = (field: string): number => tins.reduce((total, tin) => total + value(tin.fields, field), 0);
  return {
    bytes: sum("out_bytes"),
    packets: sum("out_packets"),
    dropped: sum("drops") + sum("ack_drops"),
    marks: sum("marks"),
    ackDrops: sum("ack_drops"),
    backlogBytes: sum("backlog_bytes"),
    backlogPackets: sum("backlog_packets"),
    delayPeak: Math.max(0, ...tins.map((tin) => value(tin.fields, "delay_peak"))),
  };
}

/** A field that this recording does not have reads as 0, as a counter that never moved. */
function value(fields: TinFields, name: string): number {
  return fields[name] ?? 0;
}

/** One queue as `tc -s qdisc show` would print it, ending in a line break. */
export function renderQueue(queue: QueueState): string {
  const sums = sumTins(queue);
  const lines = [
    `qdisc ${queue.discipline} client ${queue.client} ${queue.direction} ${settings(queue)}`.trimEnd(),
    ` Sent ${sums.bytes} bytes ${sums.packets} pkt (dropped ${sums.dropped}, marked ${sums.marks})`,
    ` backlog ${sums.backlogBytes}b ${sums.backlogPackets}p`,
    ...(queue.discipline === "cake" ? cakeLines(queue) : fifoLines(queue)),
  ];
  return `${lines.join("\n")}\n`;
}

function settings({ bandwidth, sqm, framing, discipline }: QueueState): string {
  const rate = `bandwidth ${bandwidth > 0 ? tcRate(bandwidth) : "unlimited"}`;
  const words = sqm === null ? "" : disciplineWords(sqm);
  return [rate, words, discipline === "none" ? "" : framing].filter(Boolean).join(" ");
}

function disciplineWords(sqm: SqmBlueprint): string {
  switch (sqm.discipline) {
    case "cake":
      return [
        sqm.tins,
        sqm.isolation,
        sqm.nat ? "nat" : "nonat",
        sqm.wash ? "wash" : "nowash",
        sqm.ingress ? "ingress" : "",
        sqm.autorateIngress ? "autorate-ingress" : "",
        { off: "no-ack-filter", on: "ack-filter", aggressive: "ack-filter-aggressive" }[sqm.ackFilter],
        `rtt ${tcTime(sqm.rtt)}`,
      ]
        .filter(Boolean)
        .join(" ");
    case "fq_codel":
      return (
        `limit ${sqm.limit}p flows ${sqm.flows} quantum ${sqm.quantum} target ${tcTime(sqm.target)} interval ` +
        `${tcTime(sqm.interval)} memory_limit ${tcSize(sqm.memoryLimit)}${sqm.ecn ? " ecn" : ""}`
      );
    case "codel":
    case "cobalt":
      return `limit ${sqm.limit}p target ${tcTime(sqm.target)} interval ${tcTime(sqm.interval)}${sqm.ecn ? " ecn" : ""}`;
    case "dualpi2":
      return `limit ${sqm.limit}p target ${tcTime(sqm.target)} tupdate ${tcTime(sqm.tupdate)} coupling_factor ${sqm.coupling}`;
    case "pfifo":
      return `limit ${sqm.limit}p`;
    case "bfifo":
      return `limit ${tcSize(sqm.limit)}`;
    case "tc":
      return sqm.args.split(" ").slice(1).join(" "); // its name stands before
    case "none":
      return "";
  }
}

function cakeLines({ tins, tinCount, bandwidth }: QueueState): string[] {
  const first = tins[0]?.fields ?? {};
  const indexes = Array.from({ length: tinCount }, (_, index) => index);
  const known = new Map(tins.map((tin) => [tin.index, tin]));
  const row = (label: string, cells: string[]): string =>
    `  ${label.padEnd(LABEL - 2)}${cells.map((cell) => cell.padStart(COLUMN)).join("")}`.trimEnd();
  return [
    ` memory used: ${tcSize(value(first, "memory_used"))} of ${tcSize(value(first, "memory_limit"))}`,
    ` capacity estimate: ${bandwidth > 0 ? tcRate(bandwidth) : "unlimited"}`,
    "",
    row(
      "",
      indexes.map((index) => tinTitle("cake", tinCount, index)),
    ), // also of tins that were not recorded
    ...ROWS.map(([label, field, write]) => {
      const cells = indexes.map((index) => {
        const tin = known.get(index);
        return tin === undefined ? UNUSED : write(value(tin.fields, field));
      });
      return row(label, cells);
    }),
  ];
}

function fifoLines({ tins, discipline }: QueueState): string[] {
  const isFair = discipline === "fq_codel";
  if (!isFair && tins.length <= 1) return simpleLines(tins[0]?.fields ?? {}, discipline);
  if (!isFair) return tins.flatMap((tin) => [` ${tin.title}`, ...simpleLines(tin.fields, discipline)]);
  const fields = tins[0]?.fields ?? {};
  const text = (label: string, field: string): string => `${label} ${value(fields, field)}`;
  return [
    `  ${text("maxpacket", "max_len")} ${text("drop_overlimit", "drop_overlimit")} ${text("new_flow_count", "new_flow_count")} ${text("ecn_mark", "marks")}`,
    `  ${text("new_flows_len", "sparse_flows")} ${text("old_flows_len", "bulk_flows")}`,
  ];
}

function simpleLines(fields: TinFields, discipline: string): string[] {
  if (discipline === "none") return [];
  const marks = ["pfifo", "bfifo"].includes(discipline) ? "" : ` ecn_mark ${value(fields, "marks")}`;
  return [`  maxpacket ${value(fields, "max_len")} drop_overlimit ${value(fields, "drop_overlimit")}${marks}`];
}

const SUMMARY = [
  "client",
  "",
  "qdisc",
  "bandwidth",
  "sent",
  "pkts",
  "dropped",
  "marks",
  "ack_drop",
  "backlog",
  "pk_delay",
];
/** The first columns are words, and stand left. */
const WORDS = 3;

/** A line for each queue; pk_delay only where the discipline tells it. */
export function renderSummary(queues: readonly QueueState[]): string {
  const rows = [SUMMARY, ...queues.map(summaryRow)];
  const widths = SUMMARY.map((_, i) => largest(rows.map((row) => (row[i] ?? "").length)));
  return rows
    .map((row) =>
      row
        .map((cell, i) => (i < WORDS ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
        .join("  ")
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join("");
}

function summaryRow(queue: QueueState): string[] {
  const sums = sumTins(queue);
  return [
    queue.client,
    queue.direction,
    queue.discipline,
    queue.bandwidth > 0 ? tcRate(queue.bandwidth) : "unlimited",
    `${sums.bytes}b`,
    count(sums.packets),
    count(sums.dropped),
    count(sums.marks),
    count(sums.ackDrops),
    `${sums.backlogBytes}b`,
    queue.discipline === "cake" ? tcTime(sums.delayPeak) : UNUSED,
  ];
}
