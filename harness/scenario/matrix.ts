import { expandPaths, merge, tableOfPath, without } from "./merge.js";
import { unreachable } from "./override.js";
import type { Problems } from "./problem.js";
import { oneOf } from "./suggest.js";
import { describeNode, type Entry, type Node, nodeAt, type TableNode } from "./tree.js";

/** One cell: the values of its axes, in the order of the axes, and the scenario with their overrides applied. */
export interface Cell {
  matrix: Record<string, string>;
  tree: TableNode;
  /** A value of it reaches nothing, which was said: the cell is checked without, for its other problems, and not run. */
  broken: boolean;
}

/** axis → its values, in order; what `when` and `over axis=value` may name. */
export type Axes = Map<string, string[]>;

interface AxisValue {
  name: string;
  /** undefined: they reach nothing, which was said. The name stays, so that a `when` may speak of it. */
  overrides: TableNode | undefined;
}

/** More cells than anybody waits for are a slip, not a wish. */
const MAX_CELLS = 4096;
const AXIS_NAME = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/u;

/** Expands `[matrix]`: every combination, the last axis fastest. Without one there is a single cell without axes. */
export function expandMatrix(tree: TableNode, problems: Problems): { cells: Cell[]; axes: Axes } {
  const base = without(tree, "matrix");
  const axes = readAxes(tree, problems);
  const count = [...axes.values()].reduce((product, values) => product * values.length, 1);
  if (count > MAX_CELLS) {
    const at = tree.entries.get("matrix")?.key ?? tree.at;
    problems.error(at, `matrix: ${count} cases; at most ${MAX_CELLS} are allowed`);
    return { cells: [], axes: new Map() };
  }
  let cells: Cell[] = [{ matrix: {}, tree: base, broken: false }];
  for (const [axis, values] of axes) cells = cells.flatMap((cell) => values.map((value) => refine(cell, axis, value)));
  return { cells, axes: new Map([...axes].map(([axis, values]) => [axis, values.map((value) => value.name)])) };
}

function refine(cell: Cell, axis: string, { name, overrides }: AxisValue): Cell {
  const matrix = { ...cell.matrix, [axis]: name };
  if (!overrides) return { ...cell, matrix, broken: true };
  return { ...cell, matrix, tree: { ...merge(cell.tree, overrides), at: cell.tree.at } };
}

function readAxes(tree: TableNode, problems: Problems): Map<string, AxisValue[]> {
  const axes = new Map<string, AxisValue[]>();
  const matrix = tree.entries.get("matrix");
  if (!matrix) return axes;
  if (matrix.value.type !== "table") {
    problems.error(matrix.value.at, `matrix: expected a table of axes, found ${describeNode(matrix.value)}`);
    return axes;
  }
  for (const [axis, entry] of matrix.value.entries) {
    const values = readAxis(axis, entry, tree, problems);
    if (values.length > 0) axes.set(axis, values);
  }
  return axes;
}

function readAxis(axis: string, entry: Entry, tree: TableNode, problems: Problems): AxisValue[] {
  if (!AXIS_NAME.test(axis)) {
    problems.error(entry.key, `matrix: "${axis}" is no axis name; names are letters, digits, "_" and "-"`);
    return [];
  }
  const { value } = entry;
  if (value.type === "list") return readPathAxis(axis, entry, value.items, tree, problems);
  if (value.type === "table") return readTableAxis(axis, entry, value, tree, problems);
  problems.error(value.at, `matrix.${axis}: expected values with their overrides, found ${describeNode(value)}`);
  return [];
}

/** `"plan.home.down" = ["10mbit", "50mbit"]`: the axis is the path, the value's text its name. */
function readPathAxis(
  axis: string,
  entry: Entry,
  items: readonly Node[],
  tree: TableNode,
  problems: Problems,
): AxisValue[] {
  const reaches = reachable(axis, tableOfPath(axis.split("."), entry.value, entry.key), tree, problems);
  if (items.length === 0) problems.error(entry.value.at, `matrix.${axis}: the axis has no value`);
  const values: AxisValue[] = [];
  for (const item of items) {
    if (item.type !== "scalar") {
      problems.error(item.at, `matrix.${axis}: expected a string, a number or true/false, found ${describeNode(item)}`);
      continue;
    }
    const name = String(item.value).replaceAll(/[[\],=\s]/gu, "_");
    if (values.some((value) => value.name === name)) {
      problems.error(item.at, `matrix.${axis}: the value "${name}" appears twice`);
      continue;
    }
    values.push({ name, overrides: reaches ? tableOfPath(axis.split("."), item, item.at) : undefined });
  }
  return values;
}

function readTableAxis(axis: string, entry: Entry, table: TableNode, tree: TableNode, problems: Problems): AxisValue[] {
  if (table.entries.size === 0) problems.error(entry.key, `matrix.${axis}: the axis has no value`);
  const unquoted = unquotedPath(axis, table, tree);
  if (unquoted) {
    problems.error(entry.key, `matrix: a path as axis needs quotes: "${unquoted}" = […]`);
    return [];
  }
  const values: AxisValue[] = [];
  for (const [name, { key, value }] of table.entries) {
    if (!/^[A-Za-z0-9_.-]+$/u.test(name)) {
      problems.error(key, `matrix.${axis}: "${name}" is no value name; names are letters, digits, "_", "-" and "."`);
    } else if (value.type !== "table") {
      const found = describeNode(value);
      const hint = `write e.g. ${name} = { plan.home.down = "20mbit" }; sections: ${oneOf([...tree.entries.keys()])}`;
      problems.error(value.at, `matrix.${axis}.${name}: expected a table of overrides, found ${found}`, hint);
    } else {
      const overrides = expandPaths(value);
      const reaches = reachable(`${axis}.${name}`, overrides, tree, problems);
      values.push({ name, overrides: reaches ? overrides : undefined });
    }
  }
  return values;
}

/** Do the overrides touch only what the scenario has? An axis varies a network, it does not invent parts of it. */
function reachable(label: string, overrides: TableNode, tree: TableNode, problems: Problems): boolean {
  const slips = unreachable(tree, overrides);
  for (const { at, message } of slips) problems.error(at, `matrix.${label}: ${message}`);
  return slips.length === 0;
}

/** `plan.home.down = ["10mbit"]` without quotes reads as axis "plan", value "home": find the list it leads to. */
function unquotedPath(axis: string, table: TableNode, tree: TableNode): string | undefined {
  if (!nodeAt(tree, [axis])) return undefined;
  let path = axis;
  let node: Node = table;
  while (node.type === "table" && node.entries.size === 1) {
    const [name, entry] = [...node.entries][0] as [string, Entry];
    path += `.${name}`;
    node = entry.value;
  }
  return node.type === "list" ? path : undefined;
}
