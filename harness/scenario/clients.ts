import { isIPv4, isIPv6 } from "node:net";
import type { Draft, Section } from "./draft.js";
import type { Position, Problems } from "./problem.js";
import type { ClientSpec } from "./schema.js";
import { sitesInDraft } from "./sites.js";
import { didYouMean, oneOf } from "./suggest.js";
import { nodeAt, positionAt } from "./tree.js";
import type { Client } from "./types.js";

/** Namespaces of the lab itself. */
const RESERVED = ["access", "core", "dataplane", "path-access", "path-core"];

/** `count = 3` becomes three clients, in order of appearance; checks names and fixed addresses on the way. */
export function expandClients(draft: Draft, problems: Problems): Client[] {
  const clients: Client[] = [];
  const taken = new Map<string, string>();
  claimSections(draft, taken, problems);
  for (const section of draft.clients.values()) {
    for (const client of expand(section)) {
      if (client.name !== section.name)
        claim(client.name, `client ${client.name} (one of ${section.name})`, section.at, taken, problems);
      clients.push(client);
    }
  }
  checkAddresses(draft, problems);
  checkNumberOfHosts(draft, clients, problems);
  return clients;
}

function expand({ name, value, node }: Section<ClientSpec>): Client[] {
  // A broken table still is a client, so that traffic from it is not a second problem.
  const count = value?.count ?? Number(countOf(node) ?? 0);
  const names = count > 0 ? Array.from({ length: count }, (_, index) => `${name}-${index + 1}`) : [name];
  return names.map((own) => ({
    name: own,
    group: name,
    plan: value?.plan ?? "",
    path: value?.path ?? null,
    site: value?.site ?? null,
    hosts: value?.hosts ?? 1,
    ...(value?.online === false ? { online: false as const } : {}),
    ...(value?.ipv4 === undefined ? {} : { ipv4: value.ipv4 }),
    ...(value?.ipv6 === undefined ? {} : { ipv6: value.ipv6 }),
  }));
}

function countOf(node: Section<ClientSpec>["node"]): number | undefined {
  const count = nodeAt(node, ["count"]);
  const value = count?.type === "scalar" ? count.value : undefined;
  return typeof value === "number" && value >= 1 && value <= 40_000 ? Math.floor(value) : undefined;
}

function claimSections(draft: Draft, taken: Map<string, string>, problems: Problems): void {
  for (const [kind, sections] of [
    ["server", draft.servers],
    ["site", draft.sites],
    ["client", draft.clients],
  ] as const) {
    for (const { name, at } of sections.values()) claim(name, `${kind} ${name}`, at, taken, problems);
  }
}

function claim(name: string, what: string, at: Position, taken: Map<string, string>, problems: Problems): void {
  const other = taken.get(name);
  if (RESERVED.includes(name)) {
    problems.error(at, `${what}: the name is reserved; mqoe's own namespaces are called ${RESERVED.join(", ")}`);
  } else if (other !== undefined) {
    problems.error(at, `${what}: the name is taken by ${other}`, "names are unique across clients, sites and servers");
  } else {
    taken.set(name, what);
  }
}

/** Fixed addresses: well-formed, unicast, outside what mqoe uses itself, each used once. */
function checkAddresses(draft: Draft, problems: Problems): void {
  const owners = new Map<string, string>();
  for (const { name, node, value } of draft.clients.values()) {
    for (const family of ["ipv4", "ipv6"] as const) {
      const address = value?.[family];
      if (address === undefined) continue;
      const at = positionAt(node, [family]);
      const label = `client.${name}.${family}`;
      const message = badAddress(address, family) ?? (value?.count === undefined ? undefined : WITH_COUNT);
      const key = message === undefined ? canonicalAddress(address) : "";
      const other = owners.get(key);
      if (message !== undefined) problems.error(at, `${label}: ${message}`);
      else if (other) problems.error(at, `${label}: "${address}" is the address of client "${other}" already`);
      else owners.set(key, name);
    }
  }
}

/** What the lab's tables of addresses hold (native/bpf/redirect.bpf.c: 2^20), servers included. */
const MAX_HOSTS = 1_000_000;

function checkNumberOfHosts(draft: Draft, clients: readonly Client[], problems: Problems): void {
  const hosts = clients.reduce((sum, client) => sum + client.hosts, 0);
  if (hosts <= MAX_HOSTS) return;
  const perGroup = new Map<string, number>();
  for (const client of clients) perGroup.set(client.group, (perGroup.get(client.group) ?? 0) + client.hosts);
  const [group = "", most = 0] = [...perGroup].sort(([, a], [, b]) => b - a)[0] ?? [];
  const { node, at } = draft.clients.get(group) as Section<ClientSpec>;
  const message = `${most} hosts, ${hosts} with all other clients'; at most ${MAX_HOSTS} are allowed`;
  problems.error(positionAt(node, ["hosts"], at), `client.${group}.hosts: ${message}`, "fewer clients or fewer hosts");
}

const WITH_COUNT = "one fixed address cannot serve several clients; leave out `count` or the address";

function badAddress(address: string, family: "ipv4" | "ipv6"): string | undefined {
  if (family === "ipv4") {
    if (!isIPv4(address)) return `"${address}" is not an IPv4 address; write e.g. "100.64.7.9"`;
    const [a = 0, b = 0] = address.split(".").map(Number);
    const local = a === 0 || a === 127 || a >= 224 || (a === 169 && b === 254);
    if (local) return `"${address}" is not a unicast address that a client can have`;
    return a === 198 && (b === 18 || b === 19)
      ? `"${address}" lies in 198.18.0.0/15, which the servers use`
      : undefined;
  }
  if (!isIPv6(address) || address.includes("%")) return `"${address}" is not an IPv6 address; write e.g. "fd00::9"`;
  const canonical = canonicalAddress(address);
  if (!/^(?:[23][0-9a-f]{3}|f[cd][0-9a-f]{2}):/u.test(canonical)) {
    return `"${address}" is not a unicast address that a client can have (2000::/3 or fc00::/7)`;
  }
  return canonical.startsWith("fd6d:716f:6500:1:")
    ? `"${address}" lies in fd6d:716f:6500:1::/64, which the servers use`
    : undefined;
}

/** One spelling for each address (RFC 5952), so that equal ones are seen to be equal. */
function canonicalAddress(address: string): string {
  return isIPv6(address) ? new URL(`http://[${address}]/`).hostname.slice(1, -1) : address;
}

/**
 * Clients that a `from` names: groups, single clients, `site/*`, globs (`*` and `?`). Messages say why a pattern names
 * nobody.
 */
export function selectClients(
  patterns: readonly string[],
  clients: readonly Client[],
  draft: Draft,
): { names: string[]; messages: string[] } {
  const chosen = new Set<string>();
  const messages: string[] = [];
  for (const pattern of patterns) {
    const found = clients.filter((client) => matches(pattern, client, draft));
    if (found.length === 0) messages.push(nobody(pattern, clients, draft));
    for (const { name } of found) chosen.add(name);
  }
  return { names: clients.map(({ name }) => name).filter((name) => chosen.has(name)), messages };
}

function matches(pattern: string, { name, group, site }: Client, draft: Draft): boolean {
  if (pattern.endsWith("/*")) return sitesInDraft(draft, site).includes(pattern.slice(0, -2));
  if (!/[*?]/u.test(pattern)) return pattern === name || pattern === group;
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/gu, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${source}$`, "u").test(name);
}

function nobody(pattern: string, clients: readonly Client[], draft: Draft): string {
  const groups = [...draft.clients.keys()];
  if (pattern.endsWith("/*")) {
    const site = pattern.slice(0, -2);
    const sites = [...draft.sites.keys()];
    return draft.sites.has(site)
      ? `"${pattern}" matches no client: none has site = "${site}" or a site below it`
      : `there is no site "${site}"; ${didYouMean(site, sites)}sites: ${oneOf(sites)}`;
  }
  if (/[*?]/u.test(pattern))
    return `"${pattern}" matches no client; clients: ${oneOf(clients.map(({ name }) => name))}`;
  const names = [...new Set([...groups, ...clients.map(({ name }) => name)])];
  return `there is no client "${pattern}"; ${didYouMean(pattern, names)}clients: ${oneOf(groups)}`;
}
