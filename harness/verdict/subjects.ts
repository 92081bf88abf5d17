import type { Blueprint, Direction, FlowBlueprint, StreamBlueprint } from "../blueprint/types.js";
import { canonicalName, type DerivedMetrics, Shares, splitName } from "../metrics/index.js";
import { groupBy } from "../metrics/sheet.js";
import { sitesFrom } from "../scenario/ancestry.js";
import { isOfWholeRun } from "../scenario/metric-names.js";
import type { Case, Expectation } from "../scenario/types.js";

/** Whom an expectation is about: one client, flow or site, or all together. */
export interface Subject {
  /** Key in RunMetrics.by; `total` for the total. */
  key: string;
  /** As a reader knows it: `home-2`, `home-2 flow 5 (down)`; empty for the total. */
  label: string;
  /** The clients it stands for. */
  clients: readonly string[];
  flow: FlowBlueprint | StreamBlueprint | null;
}

/**
 * Everybody who must have the metric, whether anything was recorded of them or not: a client that left no samples is a
 * subject without data, not one client less. Clients come from the traffic's `from` (the dataplane's: all of them),
 * without those who are to have nothing of it in the phase: not active, not online, not enabled. A
 * probe is one flow per client, so `per = "flow"` of a probe is per client.
 */
export function subjectsOf(expectation: Expectation, which: Case, blueprint: Blueprint | null): Subject[] {
  const traffic = which.traffic.find((t) => t.name === expectation.metric.split(".")[0]);
  const span = spanOf(expectation, traffic?.kind, blueprint);
  const clients = traffic
    ? presentClients(traffic.name, traffic.from, blueprint, span)
    : which.clients.map((client) => client.name);
  switch (expectation.per) {
    case "total":
      return [{ key: "total", label: "", clients, flow: null }];
    case "site":
      return sitesOf(which, clients);
    case "flow":
      if (traffic?.kind === "tcp" || traffic?.kind === "udp") return flowsOf(traffic.name, blueprint, span);
      return clients.map(clientSubject);
    case "client":
      return clients.map(clientSubject);
  }
}

function clientSubject(name: string): Subject {
  return { key: `client/${name}`, label: name, clients: [name], flow: null };
}

/** Every site, at any level, that has some of the clients below it. */
function sitesOf(which: Case, clients: readonly string[]): Subject[] {
  const asked = new Set(clients);
  const members = which.clients.filter(({ name }) => asked.has(name));
  const below = groupBy(members, ({ site }) => sitesFrom(site, (one) => which.sites?.[one]?.parent));
  return [...below].map(([site, found]) => {
    return { key: `site/${site}`, label: site, clients: found.map(({ name }) => name), flow: null };
  });
}

interface Span {
  start: number;
  end: number;
}

const WHOLE_RUN: Span = { start: 0, end: Number.POSITIVE_INFINITY };

/** The time that a metric is about. */
function spanOf({ metric }: Expectation, kind: string | undefined, blueprint: Blueprint | null): Span {
  const phases = blueprint?.timeline.phases ?? [];
  const { phase, quantity } = splitName(
    metric,
    phases.map(({ name }) => name),
  );
  if (kind === undefined || kind === "exec" || isOfWholeRun(kind, quantity)) return WHOLE_RUN;
  return phases.find(({ name }) => name === phase) ?? WHOLE_RUN;
}

const isIn =
  ({ start, end }: Span) =>
  (item: { start: number; stop: number }): boolean =>
    item.start < end && item.stop > start;

/** Those of a traffic's clients for whom the blueprint has some of it in the span; all, where it does not say. */
function presentClients(
  traffic: string,
  from: readonly string[],
  blueprint: Blueprint | null,
  span: Span,
): readonly string[] {
  if (blueprint === null) return from;
  const programs = (blueprint.programs?.programs ?? []).filter((one) => one.traffic === traffic);
  if (programs.length > 0) return from.filter((client) => programs.some(({ endpoint }) => endpoint === client));
  const { clients, flows, probes, streams = [], sessions = [] } = blueprint.traffic;
  const items = [flows, probes, streams, sessions].flatMap((list) => list.filter((item) => item.traffic === traffic));
  if (items.length === 0) return from;
  const present = new Set(items.filter(isIn(span)).map(({ client }) => clients[client]?.name));
  return from.filter((client) => present.has(client));
}

function flowsOf(traffic: string, blueprint: Blueprint | null, span: Span): Subject[] {
  if (blueprint === null) return [];
  const shares = new Shares(blueprint);
  const isOwn = (item: { traffic: string; start: number; stop: number }) =>
    item.traffic === traffic && isIn(span)(item);
  const sessions = (blueprint.traffic.sessions ?? []).filter(isOwn).map((session): Subject => {
    const client = shares.clientName(session.client);
    return { key: `flow/${session.id}`, label: `${client} session ${session.id}`, clients: [client], flow: null };
  });
  const flows = [...blueprint.traffic.flows, ...(blueprint.traffic.streams ?? [])]
    .filter(isOwn)
    .map((flow): Subject => {
      const client = shares.clientName(flow.client);
      return {
        key: `flow/${flow.id}`,
        label: `${client} flow ${flow.id} (${flow.direction})`,
        clients: [client],
        flow,
      };
    });
  return [...flows, ...sessions];
}

/** The subject's value of a metric; null when there is none, or when no observation is behind it. */
export function measured(metrics: DerivedMetrics, subject: Subject, metric: string): number | null {
  const group = subject.key === "total" ? metrics.total : metrics.by[subject.key];
  const found = group?.[canonicalName(metric)];
  return found !== undefined && found.count > 0 ? found.value : null;
}

/** The directions that a metric is about: those its name says, else those of its traffic. */
export function directionsOf(quantity: string, traffic: Case["traffic"][number] | undefined): Direction[] {
  if (quantity.endsWith("_down")) return ["down"];
  if (quantity.endsWith("_up")) return ["up"];
  const direction = traffic?.kind === "tcp" || traffic?.kind === "udp" ? traffic.direction : "both";
  return direction === "both" ? ["down", "up"] : [direction];
}
