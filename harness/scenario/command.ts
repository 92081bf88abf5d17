import { dirname, isAbsolute, resolve } from "node:path";
import type { Draft } from "./draft.js";
import type { Machine } from "./machine.js";
import { merge, tableOfPath } from "./merge.js";
import type { Problems } from "./problem.js";
import { type ListNode, nodeAt, positionAt, type ScalarNode, type TableNode } from "./tree.js";

/**
 * The scenario with the program of an external dataplane named absolutely: written with a slash, it is relative to the
 * file it stands in (`extends` may have brought it), or to `cwd` when the command line named it. So the case means the
 * same wherever it is run again. A bare name is looked up in PATH when it is started.
 */
export function anchorCommand(tree: TableNode, cwd: string): TableNode {
  const list = nodeAt(tree, ["dataplane", "command"]);
  const program = list?.type === "list" ? list.items[0] : undefined;
  if (list?.type !== "list" || !isRelative(program)) return tree;
  const folder = program.at.file.startsWith("--") ? "." : dirname(program.at.file);
  const value = resolve(cwd, folder, program.value);
  const anchored: ListNode = { ...list, items: [{ ...program, value }, ...list.items.slice(1)] };
  return merge(tree, tableOfPath(["dataplane", "command"], anchored, list.at));
}

function isRelative(node: ListNode["items"][number] | undefined): node is ScalarNode & { value: string } {
  if (node?.type !== "scalar" || typeof node.value !== "string") return false;
  return node.value.includes("/") && !isAbsolute(node.value);
}

/** A scenario somebody sent must not run a program of its choice, as root, before it was asked for. */
export function checkExec(draft: Draft, { allowExec = true }: Machine, problems: Problems): void {
  if (draft.dataplane?.kind !== "external" || allowExec === true) return;
  const [program = ""] = draft.dataplane.command;
  const at = positionAt(draft.root, ["dataplane", "command"]);
  const message = `dataplane.command: runs the program "${program}" on this machine, with the rights of mqoe`;
  if (!allowExec) problems.error(at, message, "add --allow-exec if you trust this scenario");
  else problems.warn(at, message, "mqoe run will need --allow-exec");
}
