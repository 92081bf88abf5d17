import { membersOf } from "./active.js";
import { selectClients } from "./clients.js";
import type { Draft, Section } from "./draft.js";
import { isEchoed } from "./kinds/index.js";
import type { Problems } from "./problem.js";
import type { TrafficSpec } from "./schema.js";
import { didYouMean, oneOf } from "./suggest.js";
import { nodeAt, positionAt } from "./tree.js";
import type { Client } from "./types.js";

/** What the caller knows of the machine; this folder asks no machine itself. */
export interface Machine {
  /** Names that the kernel offers to TCP; without them, any name passes. */
  congestionControls?: readonly string[];
  /** The cases are to run here: what this machine lacks is an error, not a warning. */
  toRun?: boolean;
  /** May scenarios run programs of their own? `tell`: nothing is run now, but a run will be asked. Left out: yes. */
  allowExec?: boolean | "tell";
}

/** A congestion control that the kernel does not know would end as a failed run, long after the typing. */
export function checkCongestionControls(
  draft: Draft,
  { congestionControls, toRun }: Machine,
  problems: Problems,
): void {
  if (!congestionControls) return;
  for (const { name, at, node, value } of draft.traffic.values()) {
    const wanted = value !== undefined && "congestion_control" in value ? value.congestion_control : undefined;
    if (wanted === undefined || congestionControls.includes(wanted)) continue;
    const known = `${didYouMean(wanted, congestionControls)}available: ${oneOf(congestionControls)}`;
    const message = `traffic.${name}.congestion_control: this machine's kernel has no "${wanted}"; ${known}`;
    const place = positionAt(node, ["congestion_control"], at);
    if (toRun) problems.error(place, message);
    else problems.warn(place, message);
  }
}

/** Well above what 40,000 clients need, well below what the blueprint and the kernel can hold. */
const MAX_SOCKETS = 2_000_000;

interface Demand {
  traffic: Section<TrafficSpec>;
  sockets: number;
  product: string;
}

/** Every flow and stream has a socket at each of its ends. Too many are refused here, before the blueprint counts them out. */
export function checkSockets(draft: Draft, clients: readonly Client[], problems: Problems): void {
  const demands = [...draft.traffic.values()].flatMap((traffic) => demandOf(traffic, clients, draft));
  const total = demands.reduce((sum, { sockets }) => sum + sockets, 0);
  const largest = [...demands].sort((a, b) => b.sockets - a.sockets)[0];
  if (!largest || total <= MAX_SOCKETS) return;
  const { traffic, product, sockets } = largest;
  const others = total > sockets ? `, ${count(total)} with all other traffic` : "";
  const message = `${product} = ${count(sockets)} sockets${others}; at most ${count(MAX_SOCKETS)} are allowed`;
  const at = nodeAt(traffic.node, ["flows"])?.at ?? traffic.at;
  problems.error(at, `traffic.${traffic.name}: ${message}`, "fewer clients or fewer flows");
}

function demandOf(traffic: Section<TrafficSpec>, clients: readonly Client[], draft: Draft): Demand[] {
  const { value } = traffic;
  if (value?.kind === "web" || value?.kind === "video" || value?.kind === "rpm")
    return [sessionsOf(traffic, value, clients, draft)];
  if (value === undefined || (value.kind !== "tcp" && value.kind !== "udp" && !isEchoed(value))) return [];
  const senders = membersOf(value, selectClients(value.from, clients, draft).names.length, draft);
  if (isEchoed(value)) {
    return [{ traffic, sockets: senders * 2, product: `${count(senders)} clients × 2 ends` }];
  }
  const directions = value.direction === "both" ? 2 : 1;
  const both = directions === 2 ? " × 2 directions" : "";
  const flows = value.kind === "tcp" ? value.flows : 1;
  const each = value.kind === "tcp" ? ` × ${count(flows)} flows` : "";
  const product = `${count(senders)} clients${each}${both} × 2 ends`;
  return [{ traffic, sockets: senders * flows * directions * 2, product }];
}

/** A client's connections, and as many that are being closed. */
function sessionsOf(
  traffic: Section<TrafficSpec>,
  value: Extract<TrafficSpec, { kind: "web" | "video" | "rpm" }>,
  clients: readonly Client[],
  draft: Draft,
): Demand {
  const senders = membersOf(value, selectClients(value.from, clients, draft).names.length, draft);
  const connections = connectionsOf(value);
  const product = `${count(senders)} clients × ${connections} connections, twice for those that close, × 2 ends`;
  return { traffic, sockets: senders * connections * 4, product };
}

/** Probes that an RPM test may have under way at once, each over a connection of its own (native/traffic/script_rpm.c). */
const RPM_PROBES = 256;

function connectionsOf(value: Extract<TrafficSpec, { kind: "web" | "video" | "rpm" }>): number {
  switch (value.kind) {
    case "web":
      return value.connections;
    case "video":
      return 1;
    case "rpm":
      return (value.direction === "both" ? 2 : 1) * (value.max_connections + RPM_PROBES);
  }
}

/** `2,000,000`, the same whatever the locale. */
function count(value: number): string {
  return String(value).replace(/\B(?=(?:\d{3})+$)/gu, ",");
}
