// The ranges of those groups that nobody has measured before: Linux's cells of reports of our own, as ranges.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { valueOf } from "./columns.mjs";
import { EXTREMES, isLinux, MEASURED, rowFor } from "./suite.mjs";

const SOURCE =
  "Linux 6.12.117 in mqoe's own hermetic world (kernel dataplane), by scripts/reference measure: what the algorithm does there, for ours to be held against, and to tell when the lab changes";

/** Fewer runs than this make no range. */
const SEEDS = 3;
/** Nor of an extreme. */
const SEEDS_OF_EXTREMES = 8;

/** Below `path`, making what is missing. */
function at(tree, path) {
  let node = tree;
  for (const key of path) {
    node[key] ??= {};
    node = node[key];
  }
  return node;
}

/** Runs by seed, so that the same one in two reports counts once (the later). */
function runsBySeed(cases) {
  const found = new Map();
  for (const one of cases) {
    if (!isLinux(one.matrix.middle)) continue;
    const place = rowFor(one);
    if (place === undefined) continue;
    const key = [...place.path, one.matrix.middle].join("\n");
    const runs = found.get(key)?.runs ?? new Map();
    for (const run of one.runs) if (run.verdict !== "invalid") runs.set(run.seed, run.metrics);
    // What others have measured is not measured again, or the lab would be held against itself; but see EXTREMES.
    const columns = place.row?.measured === undefined && place.row !== undefined ? EXTREMES : undefined;
    found.set(key, { path: [...place.path, one.matrix.middle], entry: place.entry, columns, runs });
  }
  return [...found.values()];
}

function rowOf({ entry, columns, runs }) {
  const seeds = [...runs.keys()].sort((a, b) => a - b);
  const ranges = Object.entries(entry.columns).flatMap(([column, shape]) => {
    if (columns?.includes(column) === false) return [];
    const values = [...runs.values()].map((metrics) => valueOf(shape, metrics)).filter((value) => value !== undefined);
    const digits = shape.unit === "" ? 4 : 3;
    const ends = [Math.min(...values), Math.max(...values)].map((value) => Number(value.toFixed(digits)));
    return values.length === 0 ? [] : [[column, ends]];
  });
  return { seeds, ...Object.fromEntries(ranges) };
}

/** JSON with each range on a line of its own, as people read and diff it. */
const text = (data) =>
  `${JSON.stringify(data, null, 2).replace(/\[\s+([^[\]{}]*?)\s+\]/gu, (_, inner) => `[${inner.replace(/\s+/gu, " ")}]`)}\n`;

/** Replaces the rows of the cases that the reports have; others stay. */
export function writeMeasured(cases) {
  const data = existsSync(MEASURED) ? JSON.parse(readFileSync(MEASURED, "utf8")) : { groups: {} };
  for (const one of runsBySeed(cases)) {
    const needed = one.columns === undefined ? SEEDS : SEEDS_OF_EXTREMES;
    if (one.runs.size < needed) {
      process.stderr.write(`${one.path.join(" ")}: ${one.runs.size} seeds, a range needs ${needed}: left as it was\n`);
      continue;
    }
    const parent = at(data.groups, one.path.slice(0, -1));
    parent[one.path.at(-1)] = rowOf(one);
  }
  const units = "Mbit/s, ms, shares and loss in %, packets; [smallest, largest] over the runs with these seeds";
  writeFileSync(MEASURED, text({ source: SOURCE, units, groups: data.groups }));
}
