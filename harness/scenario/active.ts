import { selectClients } from "./clients.js";
import type { Draft, Section } from "./draft.js";
import type { Problems } from "./problem.js";
import type { TrafficSpec } from "./schema.js";
import { positionAt } from "./tree.js";
import type { Client } from "./types.js";

/** Draws of one traffic: each gives every client at most one more socket and port. */
const MAX_DRAWS = 10_000;

/** `active` and `reshuffle` of a traffic: is there anybody to choose from, and not too often? */
export function checkActive(
  { name, node, value }: Section<TrafficSpec>,
  draft: Draft,
  clients: readonly Client[],
  problems: Problems,
): void {
  if (!value) return;
  const { active, reshuffle } = value;
  const label = `traffic.${name}`;
  if (reshuffle !== undefined && active === undefined) {
    const message = "there is nothing to draw: all clients are active";
    problems.error(positionAt(node, ["reshuffle"]), `${label}.reshuffle: ${message}`, 'write e.g. active = "5%"');
  }
  const draws = drawsIn(value, draft);
  if (draws > MAX_DRAWS) {
    const message = `${draws} draws in this run; at most ${MAX_DRAWS} are allowed`;
    problems.error(positionAt(node, ["reshuffle"]), `${label}.reshuffle: ${message}`, "a longer interval");
  }
  const senders = selectClients(value.from, clients, draft).names.length;
  if (active !== undefined && "count" in active && active.count > senders && senders > 0) {
    const message = `found ${active.count}, but it comes from ${senders} clients; at most ${senders} are allowed`;
    problems.error(positionAt(node, ["active"]), `${label}.active: ${message}`);
  }
}

/** How often a traffic's active clients are drawn in a run. */
function drawsIn({ reshuffle }: TrafficSpec, { duration = 0 }: Draft): number {
  return reshuffle === undefined ? 1 : Math.max(1, Math.ceil(duration / reshuffle));
}

/** How many clients' worth of connections a traffic has in the run, all draws together. */
export function membersOf(spec: TrafficSpec, senders: number, draft: Draft): number {
  const { active } = spec;
  if (active === undefined) return senders;
  const each = "count" in active ? active.count : Math.max(1, Math.round(active.fraction * senders));
  return each * drawsIn(spec, draft);
}
