import { merge, tableOfPath } from "./merge.js";
import { parseTomlValue } from "./parse.js";
import type { Position, Problems } from "./problem.js";
import { didYouMean, oneOf } from "./suggest.js";
import { type Node, nodeAt, type TableNode } from "./tree.js";

/** Sections whose entries are things the scenario names; an override changes them but does not invent new ones. */
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
  if (path.includes("")) {
    problems.error(at, noPath(path));
    return tree;
  }
  const place = { ...at, column: equals + 2 };
  const overrides = tableOfPath(path, readValue(text, place), place);
  const slips = unreachable(tree, overrides);
  for (const { message } of slips) problems.error(at, message);
  return slips.length > 0 ? tree : { ...merge(tree, overrides), at: tree.at };
}

function readValue(text: string, at: Node["at"]): Node {
  const value = parseTomlValue(at, text);
  // A date is never meant: no key of the language takes one, but titles and tags look like one.
  const isDate = value?.type === "scalar" && value.value instanceof Date;
  return value && !isDate ? value : { type: "scalar", at, value: text };
}

interface Slip {
  at: Position;
  message: string;
}

/**
 * What in `overrides` reaches nothing: a section that overrides cannot touch, or a name that the scenario does not
 * have. Each slip stands where the name was written. Keys further down are the schema's to judge.
 */
export function unreachable(tree: TableNode, overrides: TableNode): Slip[] {
  return [...overrides.entries].flatMap(([head, { key, value }]) => {
    const message = closed(head);
    if (message !== undefined) return [{ at: key, message }];
    if (!NAMED.includes(head) || value.type !== "table") return [];
    return unknownNames(tree, head, value);
  });
}

function noPath(path: readonly string[]): string {
  return `"${path.join(".")}" is no path; write names joined by dots, e.g. plan.home.down`;
}

function closed(head: string): string | undefined {
  if (head === "extends" || head === "matrix") return `${head} cannot be overridden: it decides what the cases are`;
  if (head === "expect" || head === "change") return `[[${head}]] is a list; an override reaches tables only`;
  return undefined;
}

function unknownNames(tree: TableNode, head: string, overrides: TableNode): Slip[] {
  const section = nodeAt(tree, [head]);
  const names = section?.type === "table" ? [...section.entries.keys()] : [];
  const unknown = [...overrides.entries].filter(([name]) => !names.includes(name));
  return unknown.map(([name, { key }]) => {
    const known = `${didYouMean(name, names)}this scenario has: ${oneOf(names)}`;
    return { at: key, message: `there is no ${head} "${name}"; ${known}` };
  });
}
