import { dirname, isAbsolute, join, normalize } from "node:path";
import { merge, without } from "./merge.js";
import { parseToml } from "./parse.js";
import { type Position, type Problems, wholeFile } from "./problem.js";
import { describeNode, type Node, nodeAt, type TableNode } from "./tree.js";

export type ReadFile = (path: string) => string;

/**
 * Reads a scenario file and everything it extends into one tree. Included files are relative to the file that names
 * them; later ones win over earlier ones and the file itself wins over all. What cannot be read or makes a circle is a
 * problem where it is named; the rest is still merged, so that one look shows every problem.
 */
export function loadTree(file: string, readFile: ReadFile, problems: Problems): TableNode | undefined {
  return new Includer(readFile, problems).load(file, [], wholeFile(file));
}

class Includer {
  readonly #readFile: ReadFile;
  readonly #problems: Problems;

  constructor(readFile: ReadFile, problems: Problems) {
    this.#readFile = readFile;
    this.#problems = problems;
  }

  load(file: string, chain: readonly string[], at: Position): TableNode | undefined {
    const text = this.#read(file, at, chain.length > 0);
    const tree = text === undefined ? undefined : parseToml(file, text, this.#problems);
    if (!tree) return undefined;
    let base: TableNode | undefined;
    for (const item of this.#included(tree)) {
      const included = this.#include(file, item, [...chain, normalize(file)]);
      if (included) base = base ? merge(base, included) : included;
    }
    const own = without(tree, "extends");
    return base ? { ...merge(base, own), at: tree.at } : own;
  }

  #include(file: string, item: Node, chain: readonly string[]): TableNode | undefined {
    if (item.type !== "scalar" || typeof item.value !== "string" || item.value === "") {
      this.#problems.error(item.at, `extends: expected the name of a TOML file, found ${describeNode(item)}`);
      return undefined;
    }
    const path = isAbsolute(item.value) ? item.value : join(dirname(file), item.value);
    if (chain.includes(normalize(path))) {
      const circle = [...chain.slice(chain.indexOf(normalize(path))), normalize(path)].join(" → ");
      this.#problems.error(
        item.at,
        `extends: "${item.value}" makes a circle: ${circle}`,
        "remove one of these extends",
      );
      return undefined;
    }
    return this.load(path, chain, item.at);
  }

  #included(tree: TableNode): Node[] {
    const node = nodeAt(tree, ["extends"]);
    if (!node) return [];
    return node.type === "list" ? node.items : [node];
  }

  #read(file: string, at: Position, included: boolean): string | undefined {
    try {
      return this.#readFile(file);
    } catch (error) {
      const reason = (error as NodeJS.ErrnoException).code ?? (error as Error).message;
      const what = included ? `extends: cannot read "${file}"` : `cannot read this file`;
      const hint = included ? "paths are relative to the file that names them" : undefined;
      this.#problems.error(at, `${what}: ${REASONS[reason] ?? reason}`, hint);
      return undefined;
    }
  }
}

/** Why a file cannot be read, in words. */
export const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "no such file",
  EACCES: "permission denied",
  EISDIR: "it is a directory",
};
