// The tables of a report: every cell beside its range (docs/reference.md), and a line for each case (README.md).
import { readFileSync } from "node:fs";
import { allowed, RATE, shown, valueOf } from "./columns.mjs";
import { counterpart, groupBy, isLinux, rowFor, shaperRanges } from "./suite.mjs";

export const casesOf = (files) => files.flatMap((file) => JSON.parse(readFileSync(file, "utf8")).cases);

function format(value, { unit, round, factor }) {
  if (round) return String(value);
  return value.toFixed(unit === "mbit" ? 3 : unit === "" && factor === 1 ? 4 : 2);
}

/** The smallest and the largest of all runs. */
function span(result, shape) {
  const own = result.runs.map((run) => valueOf(shape, run.metrics)).filter((value) => value !== undefined);
  own.sort((a, b) => a - b);
  return own;
}

const spanText = (own, shape) => [...new Set([own[0], own.at(-1)].map((value) => format(value, shape)))].join(" … ");

/** Whether a value is on the wrong side of its bounds: of Linux's, either side; of ours, the side that is worse. */
function outsideOf(shape, range, linux) {
  const [least, most] = allowed(shape, range);
  const low = linux || shape.ours === "at_least" || shape.ours === "within";
  const high = linux || shape.ours === "at_most" || shape.ours === "within";
  return (value) => (low && least !== null && value < least) || (high && most !== null && value > most);
}

/** What most runs are judges a cell, as in the expectations: `!` before those that fail. */
function markOf(result, own, shape, range) {
  if (range === undefined) return { outside: 0, most: false };
  const outside = own.filter(outsideOf(shape, range, isLinux(result.matrix.middle))).length;
  return { outside, most: 2 * outside > own.length };
}

function cellText(result, shape, range) {
  const own = span(result, shape);
  if (own.length === 0) return "–";
  const text = spanText(own, shape);
  const { outside, most } = markOf(result, own, shape, range);
  if (outside === 0) return text;
  return most ? `**! ${text}**` : `${text} (${outside}/${own.length})`;
}

/** `cake, flows 4`. */
const nameOf = ({ matrix }) =>
  Object.entries(matrix)
    .map(([axis, value]) => (axis === "middle" ? value.replace(/^(?:linux|ours)-/u, "") : `${axis} ${value}`))
    .reverse()
    .join(", ");

/** Linux's cases, each with ours that differs in nothing else, and the row of both. */
function pairsOf(cases) {
  return cases
    .filter((one) => isLinux(one.matrix.middle))
    .flatMap((linux) => {
      const found = rowFor(linux);
      const matrix = JSON.stringify({ ...linux.matrix, middle: counterpart(linux.matrix.middle) });
      const ours = cases.find((one) => one.scenario === linux.scenario && JSON.stringify(one.matrix) === matrix);
      return found === undefined ? [] : [{ ...found, linux, ours }];
    });
}

/** The cases of one scenario that share everything but ours or Linux, as lines of Markdown. */
function caseLines({ linux, ours, entry, row = {} }) {
  return Object.entries(entry.columns).flatMap(([column, shape]) => {
    const range = row[column];
    if (range === undefined && span(linux, shape).length === 0) return [];
    const of = (result) => (result === undefined ? "–" : cellText(result, shape, range));
    const unit = shape.unit === "" ? "" : ` ${shape.unit}`;
    return [`| ${nameOf(linux)} | ${column}${unit} | ${of(ours)} | ${of(linux)} | ${range ? shown(range) : "–"} |`];
  });
}

const HEADS = {
  full: ["| case | column | ours | Linux here | the range |", "| --- | --- | ---: | ---: | ---: |"],
  shaper: (middles) => [
    `| rate | framing | load | expected Mbit/s | ${middles.join(" | ")} | the table (cake) |`,
    `| --- | --- | --- | ---: | ${middles.map(() => "---:").join(" | ")} | ---: |`,
  ],
  brief: [
    "| | | probe RTT p99, ms | | rate, Mbit/s | | share or Jain | | drops | |",
    "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    "| **group** | **queue** | **ours** | **Linux** | **ours** | **Linux** | **ours** | **Linux** | **ours** | **Linux** |",
  ],
};

/** Of the received rates, percent of what is expected, in ascending order. */
const errorsOf = (result, { expected }) =>
  result === undefined ? [] : span(result, RATE).map((rate) => (100 * rate) / expected - 100);

function errorText(result, { expected, measured }) {
  const errors = errorsOf(result, { expected });
  if (errors.length === 0) return "–";
  const own = span(result, RATE);
  const [low, high] = [errors[0], errors.at(-1)].map((error) => error.toFixed(3));
  const [least, most] = allowed(RATE, measured);
  const outside = own.filter((rate) => rate < least || rate > most).length;
  const mark = isLinux(result.matrix.middle) && 2 * outside > result.runs.length ? "! " : "";
  return `${mark}${low === high ? low : `${low} … ${high}`}`;
}

const shapersOf = (cases) => cases.filter(({ scenario }) => /shaper-\d+m/u.test(scenario));
const rateOf = (scenario) => /shaper-(\d+m)/u.exec(scenario)[1].toUpperCase();
const middlesIn = (cases) => [...new Set(cases.map(({ matrix }) => matrix.middle))].sort().reverse();

function shaperLines(cases) {
  const middles = middlesIn(cases);
  const cells = groupBy(cases, ({ scenario, matrix }) => `${scenario} ${matrix.framing} ${matrix.load}`);
  const lines = [...cells.values()].flatMap((members) => {
    const { scenario, matrix } = members[0];
    const rate = rateOf(scenario);
    const row = shaperRanges[rate]?.[matrix.framing]?.[matrix.load];
    if (row === undefined) return [];
    const errors = middles.map((middle) =>
      errorText(
        members.find((one) => one.matrix.middle === middle),
        row,
      ),
    );
    const table = row.measured.map((value) => ((100 * value) / row.expected - 100).toFixed(3));
    return [
      `| ${rate} | ${matrix.framing} | ${matrix.load} | ${row.expected} | ${errors.join(" | ")} | ${[...new Set(table)].join(" … ")} |`,
    ];
  });
  return lines.length > 0 ? [...HEADS.shaper(middles.map((middle) => `${middle}, error %`)), ...lines] : [];
}

/** Everything: each group under its own heading. Marks of Linuxes outside their range make exit code 1. */
export function printTable(cases) {
  const groups = groupBy(pairsOf(cases), ({ entry }) => entry.group);
  const parts = [...groups].map(([group, pairs]) => {
    const heading = [...new Set(pairs.map(({ entry }) => entry.what))].join(", ");
    return [`### Group ${group}: ${heading}`, "", ...HEADS.full, ...pairs.flatMap(caseLines), ""];
  });
  const shaper = shaperLines(shapersOf(cases));
  if (shaper.length > 0) parts.push(["### Group 8: shapers", "", ...shaper, ""]);
  const text = parts.map((lines) => lines.join("\n")).join("\n");
  process.stdout.write(text);
  process.exitCode = text.includes("! ") ? 1 : 0;
}

/** The median of the runs, to as many digits as people compare; `!` before one that most runs hold to be worse. */
function median(result, shape, range) {
  if (result === undefined || shape === undefined) return "–";
  const own = span(result, shape);
  if (own.length === 0) return "–";
  const mark = markOf(result, own, shape, range).most ? "! " : "";
  return mark + medianText(own[Math.floor((own.length - 1) / 2)], shape);
}

function medianText(value, { unit, round }) {
  if (round) return String(value);
  if (unit === "mbit") return value.toFixed(2);
  return unit === "" ? value.toFixed(3) : `${value.toFixed(1)}${unit === "%" ? " %" : ""}`;
}

/** Of each rate, the smallest and the largest error of all framings, loads and runs. */
function briefShapers(cases) {
  const middles = middlesIn(cases);
  const lines = [...groupBy(cases, ({ scenario }) => rateOf(scenario))].map(([rate, members]) => {
    const cells = middles.map((middle) => {
      const errors = members
        .filter(({ matrix }) => matrix.middle === middle)
        .flatMap((one) => errorsOf(one, shaperRanges[rate][one.matrix.framing][one.matrix.load]));
      return errors.length === 0 ? "–" : `${Math.min(...errors).toFixed(2)} … ${Math.max(...errors).toFixed(2)}`;
    });
    return `| 8 shaper ${rate}bit/s, error % | ${cells.join(" | ")} |`;
  });
  const head = [`| | ${middles.join(" | ")} |`, `| --- | ${middles.map(() => "---:").join(" | ")} |`];
  return lines.length > 0 ? ["", ...head, ...lines] : [];
}

/** A line for each case that ours and Linux have both, of those that `brief` does not leave out. */
export function printBrief(cases) {
  const inBrief = ({ ours, linux, entry }) =>
    ours !== undefined && entry.brief !== undefined && entry.full?.test(linux.matrix.middle) !== true;
  const lines = pairsOf(cases)
    .filter(inBrief)
    .map(({ linux, ours, entry, row = {} }) => {
      const axes = (entry.axes ?? []).map((axis) => `${axis} ${linux.matrix[axis]}`);
      const what = [`${entry.group}: ${entry.what}`, ...axes].join(", ");
      const values = [0, 1, 2, 3].map((place) => {
        const [shape, range] = [entry.columns[entry.brief[place]], row[entry.brief[place]]];
        return `${median(ours, shape, range)} | ${median(linux, shape, range)}`;
      });
      return `| ${what} | ${linux.matrix.middle.replace("linux-", "")} | ${values.join(" | ")} |`;
    });
  const shapers = briefShapers(shapersOf(cases));
  process.stdout.write(`${[...(lines.length > 0 ? [...HEADS.brief, ...lines] : []), ...shapers].join("\n")}\n`);
}
