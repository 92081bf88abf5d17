// The scenarios of scenarios/reference as the tables know them: which group, which columns, whose ranges.
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ASYMMETRIC, DIFFSERV, ISOLATION, LOADED, RATE_CHANGE, RTT, UNLOADED, UNRESPONSIVE } from "./columns.mjs";

export const FOLDER = join(dirname(fileURLToPath(import.meta.url)), "../../../scenarios/reference");
export const MEASURED = join(FOLDER, "base/linux-measured.json");
const ORACLE = join(FOLDER, "base/linux-6.12.json");

const groupsOf = (file) => (existsSync(file) ? JSON.parse(readFileSync(file, "utf8")).groups : {});
/** Measured by others before mqoe, and measured by mqoe in its own lab: the former count where both have a case. */
const [oracle, measured] = [groupsOf(ORACLE), groupsOf(MEASURED)];
export const shaperRanges = oracle.shaper;

/**
 * `ranges`: key of the ranges; below it, one level for each of `fixed` and of the axes besides `middle`, then the middle.
 * `brief`: the columns of the short table: of latency, of rate, of fairness, and drops; `full`: middles only of the long one.
 */
export const SUITE = [
  {
    name: "latency",
    group: 1,
    what: "4 downloads",
    columns: LOADED,
    brief: ["p99", "goodput", "jain", "drops"],
    full: /ecn|pfifo/u,
  },
  { name: "unloaded", group: 1, what: "no load", ranges: "latency", columns: UNLOADED },
  {
    name: "flows",
    group: 2,
    what: "downloads",
    axes: ["flows"],
    columns: LOADED,
    brief: ["p99", "goodput", "jain", "drops"],
  },
  {
    name: "flows-64",
    group: 2,
    what: "64 downloads",
    ranges: "flows",
    fixed: ["64"],
    columns: LOADED,
    brief: ["p99", "goodput", "jain", "drops"],
  },
  {
    name: "isolation",
    group: 3,
    what: "host A 8 flows, host B 1",
    axes: ["servers"],
    columns: ISOLATION,
    brief: ["p99", "host B", "B share", "drops"],
  },
  {
    name: "rtt",
    group: 4,
    what: "10 ms beside 100 ms",
    axes: ["flows"],
    columns: RTT,
    brief: ["p99", "far", "far share", "drops"],
  },
  {
    name: "diffserv",
    group: 5,
    what: "CS1 bulk, best effort, EF",
    columns: DIFFSERV,
    brief: ["EF p99", "best effort", "CS1 share", "drops"],
  },
  {
    name: "asymmetric",
    group: 6,
    what: "20/1 Mbit/s",
    columns: ASYMMETRIC,
    brief: ["p99", "up", "jain", "drops up"],
  },
  {
    name: "unresponsive",
    group: 7,
    what: "UDP at 40 Mbit/s beside TCP",
    columns: UNRESPONSIVE,
    brief: ["p99", "TCP", "TCP share", "drops"],
  },
  {
    name: "rate-change",
    group: 9,
    what: "20 → 5 Mbit/s",
    columns: RATE_CHANGE,
    brief: ["at 5 p99", "goodput at 5", "jain at 5", "drops at 5"],
  },
].filter(({ name }) => existsSync(join(FOLDER, `${name}.toml`)));

export const isLinux = (middle) => middle?.startsWith("linux-") === true;
export const counterpart = (linux) => linux.replace("linux-", "ours-");

/** Values that a scenario's axes have: `ours-cake = { … }`, `16 = { … }`. */
const valuesOf = (name) =>
  new Set([...readFileSync(join(FOLDER, `${name}.toml`), "utf8").matchAll(/^([\w-]+)\s*=/gmu)].map(([, key]) => key));

/** The middles among them; of shapers, they are in base/shaper.toml. */
export const middlesOf = (name) => new Set([...valuesOf(name)].filter((key) => /^(?:ours|linux)-/u.test(key)));

const below = (tree, path) => path.reduce((node, key) => node?.[key], tree);
const pathOf = ({ name, ranges = name, fixed = [] }) => [ranges, ...fixed];

/** Of one packet each, so that the range of others' two runs says little of a third: what both have measured counts. */
export const EXTREMES = ["max"];

const union = (one, other) => [Math.min(one[0], other[0]), Math.max(one[1], other[1])];

/** A row comes from one of the two, but for the extremes, and says from which. */
function joined(theirs, own) {
  if (theirs === undefined) return own && { ...own, measured: true };
  const both = EXTREMES.filter((column) => theirs[column] !== undefined && own?.[column] !== undefined);
  return { ...theirs, ...Object.fromEntries(both.map((column) => [column, union(theirs[column], own[column])])) };
}

/** Merged down to the rows. */
function merged(theirs, own, depth) {
  if (depth === 0) return joined(theirs, own);
  const keys = [...new Set([...Object.keys(theirs ?? {}), ...Object.keys(own ?? {})])];
  return Object.fromEntries(keys.map((key) => [key, merged(theirs?.[key], own?.[key], depth - 1)]));
}

/** Rows of one scenario: `{ axes: { flows: "4" }, middle, row }`, for the values that it has. */
export function rowsOf(entry) {
  const { axes = [] } = entry;
  const path = pathOf(entry);
  const declared = valuesOf(entry.name);
  const walk = (node, [axis, ...rest], at) => {
    if (axis !== undefined)
      return Object.entries(node)
        .filter(([value]) => declared.has(value))
        .flatMap(([value, inner]) => walk(inner, rest, { ...at, [axis]: value }));
    return Object.entries(node)
      .filter(([middle]) => declared.has(middle))
      .map(([middle, row]) => ({ axes: at, middle, row }));
  };
  return walk(merged(below(oracle, path), below(measured, path), axes.length + 1), axes, {});
}

/** The entry of a case of a report, and the row that it is held against. */
export function rowFor({ scenario, matrix }) {
  const name = scenario.split("/").at(-1).replace(".toml", "");
  const entry = SUITE.find((one) => one.name === name);
  if (entry === undefined) return undefined;
  const path = [...pathOf(entry), ...(entry.axes ?? []).map((axis) => matrix[axis])];
  const linux = (matrix.middle ?? "").replace("ours-", "linux-");
  return { entry, path, row: joined(below(oracle, [...path, linux]), below(measured, [...path, linux])) };
}

/** Map.groupBy, which Node.js 20 does not have. */
export function groupBy(items, keyOf) {
  const groups = new Map();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return groups;
}
