import { selectClients } from "./clients.js";
import type { Draft } from "./draft.js";
import type { Problems } from "./problem.js";
import { positionAt } from "./tree.js";
import type { Client } from "./types.js";

/** All transfers on the clock are decided before the run; so many make a blueprint of some 40 MB. */
const MAX_TRANSFERS = 1_000_000;

/** Transfers that begin on the clock must be few enough to be drawn beforehand. */
export function checkTransfers(draft: Draft, clients: readonly Client[], problems: Problems): void {
  const { duration, phases } = draft;
  if (duration === undefined || phases === undefined) return;
  const load = duration - phases.idle - phases.cooldown;
  for (const { name, node, value } of draft.traffic.values()) {
    if (value?.kind !== "tcp" || value.every === undefined) continue;
    const senders = selectClients(value.from, clients, draft).names.length;
    const sequences = senders * value.flows * (value.direction === "both" ? 2 : 1);
    const transfers = Math.round((sequences * load) / value.every);
    if (transfers <= MAX_TRANSFERS) continue;
    const message = `${sequences} sequences begin some ${transfers} transfers; at most ${MAX_TRANSFERS} are allowed`;
    const hint = "a longer time, fewer clients or fewer flows";
    problems.error(positionAt(node, ["every"]), `traffic.${name}.every: ${message}`, hint);
  }
}
