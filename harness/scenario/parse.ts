import { type AST, ParseError, parseTOML } from "toml-eslint-parser";
import { type Position, type Problems, withoutMark } from "./problem.js";
import { emptyTable, type ListNode, type Node, type TableNode } from "./tree.js";

/**
 * Reads TOML 1.0 text into a tree with positions. A syntax error becomes a problem and the answer is undefined; the
 * parser stops at the first one of a file.
 */
export function parseToml(file: string, source: string, problems: Problems): TableNode | undefined {
  const text = withoutMark(source);
  try {
    return new TreeBuilder(file).build(parseTOML(text, { tomlVersion: "1.0" }));
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    const at = { file, line: error.lineNumber, column: error.column + 1 };
    problems.error(at, `TOML syntax: ${lowerFirst(error.message)}`, syntaxHint(text, error.lineNumber));
    return undefined;
  }
}

/** A TOML value as written after `--set PATH=`; undefined when the text is no TOML value. */
export function parseTomlValue(at: Position, text: string): Node | undefined {
  try {
    const tree = new TreeBuilder(at.file).build(parseTOML(`value = ${text}\n`, { tomlVersion: "1.0" }));
    const value = tree.entries.size === 1 ? tree.entries.get("value")?.value : undefined;
    return value && relocate(value, at);
  } catch (error) {
    if (error instanceof ParseError) return undefined;
    throw error;
  }
}

class TreeBuilder {
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  build(program: AST.TOMLProgram): TableNode {
    const root = emptyTable({ file: this.#file, line: 1, column: 1 });
    for (const item of program.body[0].body) {
      if (item.type === "TOMLKeyValue") this.#assign(root, item);
      else this.#table(root, item);
    }
    return root;
  }

  #table(root: TableNode, header: AST.TOMLTable): void {
    const keys = header.key.keys;
    const parent = this.#descend(root, keys.slice(0, -1));
    const last = keys[keys.length - 1] as AST.TOMLBare | AST.TOMLQuoted;
    const body = header.kind === "array" ? this.#appended(parent, last) : this.#child(parent, last);
    for (const keyValue of header.body) this.#assign(body, keyValue);
  }

  #assign(table: TableNode, { key, value }: AST.TOMLKeyValue): void {
    const parent = this.#descend(table, key.keys.slice(0, -1));
    const last = key.keys[key.keys.length - 1] as AST.TOMLBare | AST.TOMLQuoted;
    parent.entries.set(nameOf(last), { key: this.#at(last), value: this.#value(value) });
  }

  #value(node: AST.TOMLContentNode): Node {
    const at = this.#at(node);
    if (node.type === "TOMLValue") return { type: "scalar", at, value: node.value };
    if (node.type === "TOMLArray") return { type: "list", at, items: node.elements.map((item) => this.#value(item)) };
    const table = emptyTable(at);
    for (const keyValue of node.body) this.#assign(table, keyValue);
    return table;
  }

  #descend(table: TableNode, keys: readonly (AST.TOMLBare | AST.TOMLQuoted)[]): TableNode {
    return keys.reduce((node, key) => this.#child(node, key), table);
  }

  /** The table at a key, made when absent; of an array of tables, its last one (TOML 1.0, "Array of Tables"). */
  #child(table: TableNode, key: AST.TOMLBare | AST.TOMLQuoted): TableNode {
    const found = table.entries.get(nameOf(key))?.value;
    const node = found?.type === "list" ? found.items[found.items.length - 1] : found;
    if (node?.type === "table") return node;
    const made = emptyTable(this.#at(key));
    table.entries.set(nameOf(key), { key: this.#at(key), value: made });
    return made;
  }

  #appended(table: TableNode, key: AST.TOMLBare | AST.TOMLQuoted): TableNode {
    const made = emptyTable(this.#at(key));
    const found = table.entries.get(nameOf(key))?.value;
    if (found?.type === "list") found.items.push(made);
    else {
      const list: ListNode = { type: "list", at: this.#at(key), items: [made] };
      table.entries.set(nameOf(key), { key: this.#at(key), value: list });
    }
    return made;
  }

  #at(node: { loc: AST.SourceLocation }): Position {
    return { file: this.#file, line: node.loc.start.line, column: node.loc.start.column + 1 };
  }
}

function nameOf(key: AST.TOMLBare | AST.TOMLQuoted): string {
  return key.type === "TOMLBare" ? key.name : key.value;
}

function relocate(node: Node, at: Position): Node {
  if (node.type === "scalar") return { ...node, at };
  if (node.type === "list") return { ...node, at, items: node.items.map((item) => relocate(item, at)) };
  const entries = [...node.entries].map(
    ([key, entry]) => [key, { key: at, value: relocate(entry.value, at) }] as const,
  );
  return { ...node, at, entries: new Map(entries) };
}

/** The commonest slip by far: a quantity without quotes. */
function syntaxHint(text: string, line: number): string | undefined {
  const found = /=\s*([0-9][0-9._]*\s*[A-Za-z%][A-Za-z%/]*)/u.exec(text.split(/\r?\n/u)[line - 1] ?? "");
  return found ? `quantities are strings: write "${found[1]}"` : undefined;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
