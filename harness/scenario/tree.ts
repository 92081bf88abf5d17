import type { Position } from "./problem.js";

/** TOML as a tree that still knows where every key and value stands, through merging, matrix and `--set`. */
export type Node = TableNode | ListNode | ScalarNode;

export interface TableNode {
  type: "table";
  at: Position;
  entries: Map<string, Entry>;
}

export interface ListNode {
  type: "list";
  at: Position;
  items: Node[];
}

export interface ScalarNode {
  type: "scalar";
  at: Position;
  value: string | number | boolean | Date;
}

export interface Entry {
  key: Position;
  value: Node;
}

export type Plain = string | number | boolean | Date | Plain[] | { [key: string]: Plain };

export function emptyTable(at: Position): TableNode {
  return { type: "table", at, entries: new Map() };
}

/** The same value without positions, as a schema wants it. Keys like `__proto__` become ordinary properties. */
export function toPlain(node: Node): Plain {
  if (node.type === "scalar") return node.value;
  if (node.type === "list") return node.items.map(toPlain);
  return Object.fromEntries([...node.entries].map(([key, entry]) => [key, toPlain(entry.value)]));
}

/** The node at a path of table keys and list indexes, or undefined. */
export function nodeAt(root: Node, path: readonly PropertyKey[]): Node | undefined {
  let node: Node | undefined = root;
  for (const step of path) {
    if (node?.type === "table") node = node.entries.get(String(step))?.value;
    else if (node?.type === "list") node = node.items[Number(step)];
    else return undefined;
  }
  return node;
}

/** Where to point for a path: at its value, or, when that is missing, at the nearest table around it. */
export function positionAt(root: Node, path: readonly PropertyKey[], header: Position = root.at): Position {
  for (let length = path.length; length > 0; length--) {
    const node = nodeAt(root, path.slice(0, length));
    if (node) return node.at;
  }
  return header;
}

/** Where a table's key stands (not its value). */
export function keyPositionAt(table: Node, key: string): Position {
  return (table.type === "table" ? table.entries.get(key)?.key : undefined) ?? table.at;
}

/** The text of a string at `key`, or undefined when it is missing or no string. */
export function stringAt(table: Node, key: string): string | undefined {
  const node = nodeAt(table, [key]);
  return node?.type === "scalar" && typeof node.value === "string" ? node.value : undefined;
}

/** What a message calls a value: `"text"`, `20`, `a table`, `a list`. */
export function describeNode(node: Node): string {
  if (node.type === "table") return "a table";
  if (node.type === "list") return "a list";
  if (node.value instanceof Date) return "a date";
  return JSON.stringify(node.value);
}
