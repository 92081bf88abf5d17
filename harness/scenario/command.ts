import { dirname, isAbsolute, resolve } from "node:path";
import { printTime } from "../units/index.js";
import { EXEC } from "./catalogue/exec.js";
import { PHASES } from "./catalogue/quantity.js";
import type { Draft, Section } from "./draft.js";
import { type ExecSpec, execTimes, PLACEHOLDERS, placeholdersIn } from "./kinds/exec.js";
import type { Machine } from "./machine.js";
import { merge, tableOfPath } from "./merge.js";
import type { Problems } from "./problem.js";
import { didYouMean, oneOf } from "./suggest.js";
import {
  keyPositionAt,
  type ListNode,
  type Node,
  nodeAt,
  positionAt,
  type ScalarNode,
  type TableNode,
} from "./tree.js";

/**
 * The scenario with the programs that it runs named absolutely: written with a slash, one is relative to the file it
 * stands in (`extends` may have brought it), or to `cwd` when the command line named it. So the case means the same
 * wherever it is run again. A bare name is looked up in PATH when it is started.
 */
export function anchorCommand(tree: TableNode, cwd: string): TableNode {
  return commandPaths(tree).reduce((root, path) => anchored(root, path, cwd), tree);
}

/** Where a scenario may name a program. */
function commandPaths(tree: TableNode): string[][] {
  const traffic = nodeAt(tree, ["traffic"]);
  const names = traffic?.type === "table" ? [...traffic.entries.keys()] : [];
  const ofTraffic = names.flatMap((name) => ["command", "server_command"].map((key) => ["traffic", name, key]));
  return [["dataplane", "command"], ...ofTraffic];
}

function anchored(tree: TableNode, path: string[], cwd: string): TableNode {
  const list = nodeAt(tree, path);
  const program = list?.type === "list" ? list.items[0] : undefined;
  if (list?.type !== "list" || !isRelative(program)) return tree;
  const folder = program.at.file.startsWith("--") ? "." : dirname(program.at.file);
  const value = resolve(cwd, folder, program.value);
  const named: ListNode = { ...list, items: [{ ...program, value }, ...list.items.slice(1)] };
  return merge(tree, tableOfPath(path, named, list.at));
}

function isRelative(node: ListNode["items"][number] | undefined): node is ScalarNode & { value: string } {
  if (node?.type !== "scalar" || typeof node.value !== "string") return false;
  return node.value.includes("/") && !isAbsolute(node.value);
}

/**
 * A scenario somebody sent must not run a program of its choice before it was asked for: neither as root, nor as
 * whoever runs it.
 */
export function checkExec(draft: Draft, { allowExec = true }: Machine, problems: Problems): void {
  for (const section of draft.traffic.values()) {
    if (section.value?.kind === "exec") checkProgram(section, section.value, draft, problems);
  }
  if (allowExec === true) return;
  for (const { label, path, command, rights } of programsOf(draft)) {
    const message = `${label}: runs the program "${command[0] ?? ""}" on this machine, ${rights}`;
    const at = positionAt(draft.root, path);
    if (!allowExec) problems.error(at, message, "add --allow-exec if you trust this scenario");
    else problems.warn(at, message, "mqoe run will need --allow-exec");
  }
}

function programsOf({ dataplane, traffic }: Draft) {
  const external = dataplane?.kind === "external" ? dataplane.command : undefined;
  const first = { label: "dataplane.command", path: ["dataplane", "command"], rights: "with the rights of mqoe" };
  const ofTraffic = [...traffic.values()].flatMap(({ name, value }) => {
    if (value?.kind !== "exec") return [];
    const rights = "as the user who runs mqoe, or nobody";
    return (["command", "server_command"] as const).flatMap((key) => {
      const command = value[key];
      return command ? [{ label: `traffic.${name}.${key}`, path: ["traffic", name, key], command, rights }] : [];
    });
  });
  return [...(external ? [{ ...first, command: external }] : []), ...ofTraffic];
}

// ---- traffic of kind exec ------------------------------------------------------------------------------------------

function checkProgram({ name, node }: Section<unknown>, spec: ExecSpec, draft: Draft, problems: Problems): void {
  checkTimes(name, node, spec, draft, problems);
  checkPlaceholders(name, node, spec, problems);
  checkNames(name, node, spec, draft, problems);
  const words = [...spec.command, ...(spec.server_command ?? [])].flatMap(placeholdersIn);
  const refuse = (key: string, message: string, hint: string) =>
    problems.error(keyPositionAt(node, key), `traffic.${name}.${key}: ${message}`, hint);
  if (nodeAt(node, ["dscp"]) && !words.includes("dscp") && !words.includes("tos"))
    refuse(
      "dscp",
      "the program must be told its code point, and no command has {dscp} or {tos}",
      "add it, or leave dscp out",
    );
  if (spec.server_per === "client" && !spec.server_command)
    refuse("server_per", "there is no server_command", "add one, or leave server_per out");
  if (spec.host !== undefined && !words.some((word) => /^client(_ipv[46])?$/u.test(word)))
    refuse("host", "the program must be told its address, and no command has {client}", "add it, or leave host out");
}

function checkTimes(name: string, node: TableNode, spec: ExecSpec, draft: Draft, problems: Problems): void {
  const { duration, phases } = draft;
  if (duration === undefined || phases === undefined) return;
  const loaded = duration - phases.idle - phases.ramp - phases.cooldown;
  if (loaded <= 0) return;
  const { start, seconds } = execTimes({ start: spec.start, timeout: spec.timeout ?? null }, { ...phases, loaded });
  const at = nodeAt(node, ["start"])?.at ?? keyPositionAt(node, "kind");
  if (start >= duration) {
    const message = `is ${printTime(start)} from the start, but must lie inside the run of ${printTime(duration)}`;
    problems.error(at, `traffic.${name}.start: ${message}`);
  } else if (seconds < 1 && spec.command.some((word) => placeholdersIn(word).includes("duration"))) {
    const message = "{duration}, in whole seconds to the end of the loaded phase and 1 s before that of the run, is 0";
    problems.error(at, `traffic.${name}.start: ${message}`, "start earlier, or make the run longer");
  }
}

function checkPlaceholders(name: string, node: TableNode, spec: ExecSpec, problems: Problems): void {
  const check = (key: "command" | "server_command", aboutClient: boolean) => {
    const known = Object.keys(PLACEHOLDERS).filter((word) => aboutClient || !PLACEHOLDERS[word]);
    for (const [index, word] of (spec[key] ?? []).entries()) {
      const unknown = placeholdersIn(word).find((placeholder) => !known.includes(placeholder));
      if (unknown === undefined) continue;
      const isClients = Object.hasOwn(PLACEHOLDERS, unknown);
      const why = isClients ? "one server serves all clients" : "there is no such placeholder";
      const message = `"{${unknown}}": ${why}; ${didYouMean(unknown, known)}allowed: ${oneOf(known, 24)}`;
      const hint = isClients ? 'server_per = "client" starts one for each' : `for the word itself write {{${unknown}}}`;
      problems.error(positionAt(node, [key, index]), `traffic.${name}.${key}: ${message}`, hint);
    }
  };
  check("command", true);
  check("server_command", spec.server_per === "client");
}

/** A metric must be told from what every program has, and from phases, which stand in the same place of a name. */
function checkNames(name: string, node: TableNode, { metrics }: ExecSpec, draft: Draft, problems: Problems): void {
  const table = nodeAt(node, ["metrics"]);
  const opened = draft.changes.flatMap(({ value }) => value?.phase ?? []);
  const taken = [...EXEC.map((quantity) => quantity.name), ...PHASES, ...opened];
  for (const metric of Object.keys(metrics).filter((each) => taken.includes(each))) {
    const what = EXEC.some((quantity) => quantity.name === metric) ? "a metric of every program" : "a phase";
    const at = table?.type === "table" ? keyPositionAt(table as TableNode & Node, metric) : node.at;
    problems.error(at, `traffic.${name}.metrics: "${metric}" is the name of ${what}; choose another name`);
  }
}
