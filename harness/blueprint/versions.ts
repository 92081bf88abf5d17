import type { Case, Change } from "../scenario/types.js";

/**
 * The case as it is after each of its changes, the first one as it begins; what has to be decided for the whole run –
 * memory, buffers, whether a stage is needed – is decided for all of them. Every state is there once.
 */
export function versionsOf(scenario: Case): Case[] {
  const versions = new Map([[stateOf(scenario), scenario]]);
  let now = scenario;
  for (const change of scenario.changes) {
    now = after(now, change);
    const state = stateOf(now);
    if (!versions.has(state)) versions.set(state, now);
  }
  return [...versions.values()];
}

/** The case once all changes up to and including the time `at` have happened. */
export function versionAt(scenario: Case, at: number): Case {
  return scenario.changes.filter((change) => change.at <= at).reduce(after, scenario);
}

export function after(scenario: Case, { plans, paths, traffic, sites, online }: Change): Case {
  return {
    ...scenario,
    plans: { ...scenario.plans, ...plans },
    paths: { ...scenario.paths, ...paths },
    sites: { ...scenario.sites, ...sites },
    traffic: traffic ? scenario.traffic.map((one) => traffic[one.name] ?? one) : scenario.traffic,
    clients: online ? scenario.clients.map((client) => withPresence(client, online[client.name])) : scenario.clients,
  };
}

function withPresence(client: Case["clients"][number], online: boolean | undefined): Case["clients"][number] {
  if (online === undefined) return client;
  const { online: _before, ...rest } = client;
  return online ? rest : { ...rest, online: false };
}

/** Who takes part is left out: what must last is decided for all. */
function stateOf({ plans, paths, sites, traffic }: Case): string {
  return JSON.stringify([plans, paths, sites, traffic.map(({ from: _from, ...own }) => own)]);
}
