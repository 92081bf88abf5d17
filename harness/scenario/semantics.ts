import { printTime } from "../units/index.js";
import { checkActive } from "./active.js";
import { checkCaptures } from "./capture.js";
import { selectClients } from "./clients.js";
import { checkExec } from "./command.js";
import { type Draft, isIncomplete, type Section } from "./draft.js";
import { checkInitialWindows } from "./initial-window.js";
import { checkCongestionControls, checkSockets, type Machine } from "./machine.js";
import { checkPackets } from "./packets.js";
import { pathOf } from "./path-lines.js";
import type { Problems } from "./problem.js";
import type { PlanSpec, TrafficSpec } from "./schema.js";
import { checkSites } from "./sites.js";
import { didYouMean, oneOf } from "./suggest.js";
import { checkTransfers } from "./transfers.js";
import { type Node, nodeAt, positionAt, stringAt } from "./tree.js";
import type { Client } from "./types.js";

/** Checks that need more than one section: references, times, addresses, what Linux cannot do. */
export function checkSemantics(draft: Draft, clients: readonly Client[], machine: Machine, problems: Problems): void {
  checkPresence(draft, problems);
  checkDuration(draft, problems);
  checkReferences(draft, problems);
  checkSites(draft, clients, problems);
  for (const plan of draft.plans.values()) checkPlan(plan, problems);
  for (const path of draft.paths.values()) pathOf(path, draft.files, problems);
  for (const traffic of draft.traffic.values()) checkTraffic(traffic, draft, clients, problems);
  checkEcn(draft, clients, problems);
  checkInitialWindows(draft, clients, problems);
  checkTransfers(draft, clients, problems);
  checkSockets(draft, clients, problems);
  checkCongestionControls(draft, machine, problems);
  checkExec(draft, machine, problems);
  checkCaptures(draft, clients, problems);
}

function checkPresence(draft: Draft, problems: Problems): void {
  const { at } = draft.root;
  const need = (sections: Map<string, unknown>, noun: "plan" | "server" | "client", example: string) => {
    if (sections.size === 0 && !isIncomplete(draft, noun, sections))
      problems.error(at, `this scenario has no ${noun}; add e.g. ${example}`);
  };
  need(draft.plans, "plan", '[plan.home] with down, up and sqm = { discipline = "fq_codel" }');
  need(draft.servers, "server", '[server.web] with path = "metro"');
  need(draft.clients, "client", '[client.home] with plan = "home"');
  if (draft.traffic.size === 0 && !isIncomplete(draft, "traffic", draft.traffic))
    problems.warn(at, "this scenario has no traffic: there is nothing to measure");
  else if (!isIncomplete(draft, "expect", new Map()))
    problems.warn(at, "this scenario has no [[expect]]: nothing is judged");
}

function checkDuration({ root, duration, phases }: Draft, problems: Problems): void {
  if (duration === undefined || phases === undefined) return;
  const { idle, ramp, cooldown } = phases;
  if (idle + ramp + cooldown < duration) return;
  const sum = `${printTime(idle)} idle + ${printTime(ramp)} ramp + ${printTime(cooldown)} cooldown = ${printTime(idle + ramp + cooldown)}`;
  const at = nodeAt(root, ["duration"])?.at ?? nodeAt(root, ["phases"])?.at ?? root.at;
  const message = `duration: ${printTime(duration)} is shorter than its phases: ${sum}, which leaves nothing for loaded`;
  problems.error(at, message, `make it longer than ${printTime(idle + ramp + cooldown)} or the phases shorter`);
}

type Noun = "plan" | "path" | "server" | "site";

function checkReferences(draft: Draft, problems: Problems): void {
  const refer = (node: Node, label: string, key: string, noun: Noun, known: Map<string, unknown>) => {
    const name = stringAt(node as Section<unknown>["node"], key);
    if (name === undefined || known.has(name) || isIncomplete(draft, noun, known)) return;
    // Without any, checkPresence has said so.
    if (known.size === 0 && (noun === "plan" || noun === "server")) return;
    const names = [...known.keys()];
    const message = `there is no ${noun} "${name}"; ${didYouMean(name, names)}${noun}s: ${oneOf(names)}`;
    problems.error(positionAt(node, [key]), `${label}.${key}: ${message}`);
  };
  for (const { name, node } of draft.clients.values()) {
    refer(node, `client.${name}`, "plan", "plan", draft.plans);
    refer(node, `client.${name}`, "path", "path", draft.paths);
    refer(node, `client.${name}`, "site", "site", draft.sites);
  }
  for (const { name, node } of draft.servers.values()) refer(node, `server.${name}`, "path", "path", draft.paths);
  for (const { name, node } of draft.sites.values()) {
    refer(node, `site.${name}`, "path", "path", draft.paths);
    refer(node, `site.${name}`, "parent", "site", draft.sites);
  }
  for (const { name, node } of draft.traffic.values()) refer(node, `traffic.${name}`, "to", "server", draft.servers);
}

export function checkPlan({ name, at, node, value }: Section<PlanSpec>, problems: Problems): void {
  if (!value) return;
  const { sqm, sqm_down: down, sqm_up: up } = value;
  if (!sqm && !(down && up)) {
    problems.error(
      at,
      `plan.${name}: sqm is missing`,
      'write sqm = { discipline = "fq_codel" }, or both sqm_down and sqm_up',
    );
  }
  if (sqm && down && up) {
    problems.error(positionAt(node, ["sqm"]), `plan.${name}.sqm: is never used: sqm_down and sqm_up both replace it`);
  }
  if (value.atm && value.ptm) {
    problems.error(positionAt(node, ["ptm"]), `plan.${name}: atm and ptm exclude each other`);
  }
  if (Array.isArray(value.overhead) && value.overhead.length > 1 && value.overhead.includes("raw")) {
    const message = `"raw" counts the frame as it is, so nothing can be added to it`;
    problems.error(positionAt(node, ["overhead"]), `plan.${name}.overhead: ${message}`, "leave it out of the list");
  }
}

/** Also of a traffic as a change leaves it. */
export function checkTraffic(
  { name, at, node, value }: Section<TrafficSpec>,
  draft: Draft,
  clients: readonly Client[],
  problems: Problems,
): void {
  if (name === "dataplane") {
    problems.error(
      at,
      "traffic.dataplane: the name is reserved for the metrics of the dataplane",
      "choose another name",
    );
  }
  for (const [index, pattern] of fromPatterns(node).entries()) {
    const { messages } = selectClients([pattern], clients, draft);
    const place = positionAt(node, ["from", index]);
    for (const message of areClientsKnown(draft) ? messages : [])
      problems.error(place, `traffic.${name}.from: ${message}`);
  }
  if (value?.host !== undefined) checkHost(name, value, value.host, node, draft, clients, problems);
  if (value !== undefined) checkPackets(name, value, node, draft.mtu, problems);
  checkActive({ name, at, node, value }, draft, clients, problems);
}

/** Every client that the traffic starts at must have the host that it names. */
function checkHost(
  name: string,
  { from }: TrafficSpec,
  host: number,
  node: Node,
  draft: Draft,
  clients: readonly Client[],
  problems: Problems,
): void {
  const senders = new Set(selectClients(from, clients, draft).names);
  const lacking = clients.find((client) => senders.has(client.name) && client.hosts < host);
  // A table that is wrong itself has not said how many it has.
  if (lacking === undefined || draft.clients.get(lacking.group)?.value === undefined) return;
  const has = lacking.hosts === 1 ? "one host" : `${lacking.hosts} hosts`;
  problems.error(
    positionAt(node, ["host"]),
    `traffic.${name}.host: found ${host}, but client "${lacking.name}" has ${has}; allowed: 1 to ${lacking.hosts}`,
    `or write hosts = ${host} in [client.${lacking.group}]`,
  );
}

/** May be said that a pattern matches nobody? Not beside a name or a count that is wrong itself. */
function areClientsKnown(draft: Draft): boolean {
  const { clients, sites } = draft;
  const badCount = [...clients.values()].some(({ node, value }) => !value && nodeAt(node, ["count"]));
  return !badCount && !isIncomplete(draft, "client", clients) && !isIncomplete(draft, "site", sites);
}

/** The patterns as written, also when the rest of the table has problems. */
function fromPatterns(node: Node): string[] {
  const from = nodeAt(node, ["from"]);
  const items = from?.type === "list" ? from.items : from ? [from] : [];
  return items.flatMap((item) => (item.type === "scalar" && typeof item.value === "string" ? [item.value] : []));
}

/** Linux sets tcp_ecn per network namespace, so all TCP of one client negotiates ECN or none does. */
function checkEcn(draft: Draft, clients: readonly Client[], problems: Problems): void {
  const setting = new Map<string, { traffic: string; ecn: boolean }>();
  for (const { name, node, value } of draft.traffic.values()) {
    if (value === undefined || !("ecn" in value)) continue;
    for (const client of selectClients(value.from, clients, draft).names) {
      const other = setting.get(client);
      if (other && other.ecn !== value.ecn) {
        const [with_, without] = value.ecn ? [name, other.traffic] : [other.traffic, name];
        const message = `"${with_}" wants ECN and "${without}" does not, but both start at client "${client}"`;
        const hint = "Linux sets ECN per namespace: use two clients, or one setting";
        problems.error(positionAt(node, ["ecn"]), `traffic.${name}.ecn: ${message}`, hint);
        break;
      }
      setting.set(client, { traffic: name, ecn: value.ecn });
    }
  }
}
