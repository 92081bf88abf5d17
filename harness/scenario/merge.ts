import { type Entry, emptyTable, type ListNode, type Node, type TableNode } from "./tree.js";

/**
 * A choice that decides which settings stand beside it. Stating it anew – in a file that extends, a matrix cell or
 * `--set` – resets those settings to the chosen one's defaults; the names listed have no default and stay.
 */
const CHOICES: Readonly<Record<string, readonly string[]>> = {
  discipline: [],
  kind: ["from", "to"],
  shape: [],
};

/**
 * Lays `over` on `base` without changing either: tables merge deeply, lists of tables append, scalars and other lists
 * are replaced. Shared with `extends`, `[matrix]` and `--set`.
 */
export function merge(base: TableNode, over: TableNode): TableNode {
  const entries = new Map(kept(base, over));
  for (const [key, entry] of over.entries) {
    const below = entries.get(key);
    entries.set(key, below ? mergeEntries(below, entry) : entry);
  }
  // A table that was there before keeps its place: what it lacks is to be added where it was opened.
  return { type: "table", at: base.at, entries };
}

function mergeEntries(base: Entry, over: Entry): Entry {
  const [below, above] = [base.value, over.value];
  if (below.type === "table" && above.type === "table") return { key: base.key, value: merge(below, above) };
  if (isTableList(below) && isTableList(above)) {
    return { key: base.key, value: { ...above, items: appended(below.items, above.items) } };
  }
  return over;
}

function kept(base: TableNode, over: TableNode): TableNode["entries"] {
  // A table or list called "kind" is a thing the user named – [matrix.discipline], [client.kind] – and no choice.
  const choice = Object.keys(CHOICES).find((name) => isScalar(base, name) && isScalar(over, name));
  if (choice === undefined) return base.entries;
  const stays = CHOICES[choice] ?? [];
  return new Map([...base.entries].filter(([key]) => stays.includes(key)));
}

/** A file reached over two paths (a extends b and c, both extend d) gives its list items once. */
function appended(base: readonly Node[], over: readonly Node[]): Node[] {
  const key = ({ at }: Node) => `${at.line}:${at.column}:${at.file}`;
  const present = new Set(base.map(key));
  return [...base, ...over.filter((item) => !present.has(key(item)))];
}

function isScalar(table: TableNode, key: string): boolean {
  return table.entries.get(key)?.value.type === "scalar";
}

function isTableList(node: Node): node is ListNode {
  return node.type === "list" && node.items.length > 0 && node.items.every((item) => item.type === "table");
}

/** The tree without one of its keys. */
export function without(tree: TableNode, ...keys: string[]): TableNode {
  const entries = new Map([...tree.entries].filter(([key]) => !keys.includes(key)));
  return { ...tree, entries };
}

/** Turns keys written as paths (`"plan.home.down" = …`) into tables in tables, at every level. */
export function expandPaths(table: TableNode): TableNode {
  let expanded = emptyTable(table.at);
  for (const [key, entry] of table.entries) {
    const value = entry.value.type === "table" ? expandPaths(entry.value) : entry.value;
    expanded = merge(expanded, tableOfPath(key.split("."), value, entry.key));
  }
  return expanded;
}

/** `["plan", "home", "down"]`, value → `{ plan: { home: { down: value } } }`. */
export function tableOfPath(path: readonly string[], value: Node, at: TableNode["at"]): TableNode {
  const [head = "", ...rest] = path;
  const table = emptyTable(at);
  table.entries.set(head, { key: at, value: rest.length > 0 ? tableOfPath(rest, value, at) : value });
  return table;
}
