import { merge, tableOfPath } from "./merge.js";
import { parseTomlValue } from "./parse.js";
import type { Problems } from "./problem.js";
import { didYouMean, oneOf } from "./suggest.js";
import { type Node, nodeAt, type TableNode } from "./tree.js";

/** Sections whose entries are things the scenario names; `--set` changes them but does not invent new ones. */
const NAMED = ["plan", "path", "server", "site", "client", "traffic"];

/**
 * Applies one `--set PATH=VALUE`. VALUE is read as TOML and, when it is none, taken as a string, so that
 * `plan.home.down=20mbit`, `traffic.bulk.flows=8` and `tags=["a"]` all do what they look like. Problems name the
 * option as their file; `label` is that option as the user wrote it.
 */
export function applySet(tree: TableNode, option: string, problems: Problems, label = `--set ${option}`): TableNode {
  const at = { file: label, line: 1, column: 1 };
  const equals = option.indexOf("=");
  if (equals < 1) {
    problems.error(at, `"${option}" is no override; write PATH=VALUE, e.g. plan.home.down=20mbit`);
    return tree;
  }
  const path = option.slice(0, equals).trim().split(".");
  const text = option.slice(equals + 1).trim();
  const message = unreachable(tree, path);
  if (message !== undefined) {
    problems.error(at, message);
    return tree;
  }
  const place = { ...at, column: equals + 2 };
  return { ...merge(tree, tableOfPath(path, readValue(text, place), place)), at: tree.at };
}

function readValue(text: string, at: Node["at"]): Node {
  const value = parseTomlValue(at, text);
  // A date is never meant: no key of the language takes one, but titles and tags look like one.
  const isDate = value?.type === "scalar" && value.value instanceof Date;
  return value && !isDate ? value : { type: "scalar", at, value: text };
}

function unreachable(tree: TableNode, path: readonly string[]): string | undefined {
  const [head = "", name] = path;
  if (path.includes("")) return `"${path.join(".")}" is no path; write names joined by dots, e.g. plan.home.down`;
  if (head === "extends" || head === "matrix")
    return `${head} cannot be set from outside: it decides what the cases are`;
  if (head === "expect" || head === "change") return `[[${head}]] is a list; an override reaches tables only`;
  const section = nodeAt(tree, [head]);
  if (!NAMED.includes(head) || name === undefined || nodeAt(tree, [head, name])) return undefined;
  const names = section?.type === "table" ? [...section.entries.keys()] : [];
  return `there is no ${head} "${name}"; ${didYouMean(name, names)}this scenario has: ${oneOf(names)}`;
}
