import { selectClients } from "./clients.js";
import type { Draft } from "./draft.js";
import type { Problems } from "./problem.js";
import type { TrafficSpec } from "./schema.js";
import { positionAt } from "./tree.js";
import type { Client } from "./types.js";

type Tcp = Extract<TrafficSpec, { kind: "tcp" }>;

/** Linux keeps the initial window with the sender's route, so all tcp traffic that one sender sends has the same. */
export function checkInitialWindows(draft: Draft, clients: readonly Client[], problems: Problems): void {
  const known = new Map<string, { name: string; window: number | undefined }>();
  for (const { name, node, value } of draft.traffic.values()) {
    if (value?.kind !== "tcp") continue;
    const { initial_window: window } = value;
    for (const sender of sendersOf(value, selectClients(value.from, clients, draft).names)) {
      const other = known.get(sender);
      known.set(sender, other ?? { name, window });
      if (other === undefined || other.window === window) continue;
      const message = `"${name}" has ${textOf(window)} and "${other.name}" ${textOf(other.window)}, but both send from ${sender}`;
      const hint = "Linux keeps it with the sender's route: write the same in both, or use two servers or clients";
      problems.error(positionAt(node, ["initial_window"]), `traffic.${name}.initial_window: ${message}`, hint);
      break;
    }
  }
}

function sendersOf({ direction, to }: Tcp, from: readonly string[]): string[] {
  const senders = from.map((client) => `client "${client}"`);
  if (direction === "up") return senders;
  return direction === "down" ? [`server "${to}"`] : [`server "${to}"`, ...senders];
}

function textOf(window: number | undefined): string {
  return window === undefined ? "the kernel's" : String(window);
}
