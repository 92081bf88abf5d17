import { sitesFrom } from "./ancestry.js";
import { type Draft, isIncomplete, type Section } from "./draft.js";
import type { Problems } from "./problem.js";
import type { PlanSpec, SiteSpec } from "./schema.js";
import { positionAt, stringAt } from "./tree.js";
import type { Client } from "./types.js";

/** HTB has eight levels (algorithms.md §4); a client's leaf is one of them. */
export const MAX_SITES = 7;

/** As `sitesFrom`, in a scenario that may have problems: unknown sites are left out. */
export function sitesInDraft(draft: Draft, site: string | null | undefined): string[] {
  const parentOf = (name: string) => {
    const section = draft.sites.get(name);
    return section && stringAt(section.node, "parent");
  };
  return sitesFrom(site, parentOf).filter((name) => draft.sites.has(name));
}

/** The access tree is one: no circle, not too deep, somebody below each site, and nothing that it cannot hold back. */
export function checkSites(draft: Draft, clients: readonly Client[], problems: Problems): void {
  const circles = new Set<string>();
  for (const section of draft.sites.values()) checkChain(section, draft, circles, problems);
  checkUse(draft, clients, problems);
  if (hasTree(draft)) checkLeaves(draft, clients, problems);
}

function checkChain({ name, node }: Section<SiteSpec>, draft: Draft, circles: Set<string>, problems: Problems): void {
  const chain = sitesInDraft(draft, name);
  const last = draft.sites.get(chain.at(-1) ?? "");
  const after = last && stringAt(last.node, "parent");
  const label = `site.${name}.parent`;
  if (after !== undefined && chain.includes(after)) {
    const circle = chain.slice(chain.indexOf(after));
    // Everybody on it and below it finds the same one.
    if (circle.some((site) => circles.has(site)) || !circle.includes(name)) return;
    for (const site of circle) circles.add(site);
    const text = [...circle, after].map((site) => `"${site}"`).join(" → ");
    problems.error(positionAt(node, ["parent"]), `${label}: a circle of parents: ${text}; a tree has none`);
  } else if (chain.length === MAX_SITES + 1) {
    const message = `${chain.length} levels of sites, from "${name}" to "${chain.at(-1)}"; at most ${MAX_SITES} are allowed`;
    problems.error(positionAt(node, ["parent"]), `${label}: ${message}`);
  }
}

function checkUse(draft: Draft, clients: readonly Client[], problems: Problems): void {
  // A client whose table has problems may hang anywhere.
  const unknown = [...draft.clients.values()].some(({ value }) => value === undefined);
  if (unknown || isIncomplete(draft, "client", draft.clients)) return;
  const used = new Set(clients.flatMap(({ site }) => sitesInDraft(draft, site)));
  for (const { name, at } of draft.sites.values()) {
    if (!used.has(name)) problems.warn(at, `site ${name}: no client hangs below it`);
  }
}

/** What a client's plan may not be below a site. Each plan is spoken of once, with the first client that has it. */
function checkLeaves(draft: Draft, clients: readonly Client[], problems: Problems): void {
  const seen = new Set<string>();
  for (const client of clients) {
    const section = draft.plans.get(client.plan);
    if (!isBelow(client, draft) || !section || seen.has(client.plan)) continue;
    seen.add(client.plan);
    checkPlanBelow(section, client, problems);
  }
}

/** The same of one plan, as a change leaves it: `plan` is its name, whatever `section` calls it. */
export function checkLeaf(
  plan: string,
  section: Section<PlanSpec>,
  draft: Draft,
  clients: readonly Client[],
  problems: Problems,
): void {
  const client = clients.find((one) => one.plan === plan && isBelow(one, draft));
  if (client && hasTree(draft)) checkPlanBelow(section, client, problems);
}

function isBelow({ site }: Client, { sites }: Draft): boolean {
  return site !== null && sites.has(site);
}

/** Only our dataplane has the tree; without one it is as little enforced as plans are. */
function hasTree({ dataplane }: Draft): boolean {
  return dataplane?.kind === "afxdp";
}

function checkPlanBelow({ name, node, value }: Section<PlanSpec>, client: Client, problems: Problems): void {
  const who = `client "${client.name}" is below site "${client.site}"`;
  for (const key of ["sqm", "sqm_down", "sqm_up"] as const) {
    const sqm = value?.[key];
    if (sqm?.discipline === "none") {
      const message = `"none" has no queue in which a site could hold frames back, and ${who}`;
      const hint = 'write discipline = "pfifo" for a queue that nothing manages';
      problems.error(positionAt(node, [key, "discipline"]), `plan.${name}.${key}: ${message}`, hint);
    }
    if (sqm?.discipline === "cake" && sqm.autorate_ingress && value?.shaper === "tree") {
      const message = `autorate_ingress sets the rate of CAKE's own shaper, which shaper = "tree" leaves unused, and ${who}`;
      const hint = 'write shaper = "leaf" in the plan';
      problems.error(positionAt(node, [key, "autorate_ingress"]), `plan.${name}.${key}: ${message}`, hint);
    }
  }
}
