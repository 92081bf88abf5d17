import { sitesFrom } from "../scenario/ancestry.js";
import type { Case, Client, Plan } from "../scenario/types.js";
import type { Link } from "./shares.js";
import type { Direction, NodeBlueprint, SiteBlueprint } from "./types.js";

/**
 * The access tree as a shaper tree with HTB's meaning (algorithms.md §4).
 *
 * The scenario promises every client its max–min fair part (shares.ts). HTB gives just that when nobody has a guarantee:
 * guarantees are served first, whatever is fair, but what is borrowed from one lender goes round all leaves that borrow
 * from it, whichever inner nodes they hang under, a quantum each. So
 *
 * - a root has rate = ceil = its capacity: it is the one lender;
 * - a site below it has a ceil, its capacity, and no rate: it passes on what it borrows, and while its ceil is used up
 *   its clients are passed over, which leaves their turns to the others;
 * - a client's leaf has its plan as ceil, no rate, and one full frame as quantum, the same for all.
 */
interface Node {
  name: string;
  parent: string | null;
  capacity: Record<Direction, number>;
  /** Indexes of the clients below, at any depth; never empty. */
  clients: number[];
}

/** Sites that have clients, and who hangs where. */
export class AccessTree {
  readonly #clients: readonly Client[];
  /** Of each client the sites above it, the nearest first. */
  readonly #above: string[][];
  /** Parents before children; otherwise as in the scenario. */
  readonly #nodes: Map<string, Node>;
  /** Their places in `sites()`. */
  readonly #ids: Map<string, number>;

  constructor({ sites, clients }: Case) {
    this.#clients = clients;
    const chains = new Map(Object.keys(sites).map((site) => [site, sitesFrom(site, (name) => sites[name]?.parent)]));
    this.#above = clients.map(({ site }) => chains.get(site ?? "") ?? []);
    const order = Object.keys(sites).sort((a, b) => (chains.get(a)?.length ?? 0) - (chains.get(b)?.length ?? 0));
    const below = new Map<string, number[]>(order.map((site) => [site, []]));
    for (const [index, chain] of this.#above.entries()) for (const site of chain) below.get(site)?.push(index);
    const nodes = Object.entries(sites).map(([name, { down, up, parent }]): [string, Node] => {
      return [name, { name, parent, capacity: { down, up }, clients: below.get(name) ?? [] }];
    });
    const byName = new Map(nodes);
    this.#nodes = new Map(
      order.flatMap((name): [string, Node][] => {
        const node = byName.get(name);
        return node !== undefined && node.clients.length > 0 ? [[name, node]] : [];
      }),
    );
    this.#ids = new Map([...this.#nodes.keys()].map((name, id) => [name, id]));
  }

  /** The site at the top of a client's branch; null: it hangs on the core directly. */
  rootOf(client: number): string | null {
    return this.#above[client]?.at(-1) ?? null;
  }

  capacityOf(site: string, direction: Direction): number {
    return this.#nodes.get(site)?.capacity[direction] ?? Number.POSITIVE_INFINITY;
  }

  /** Index of a client's site in `sites()`; −1 = none. */
  siteOf(client: number): number {
    return this.#ids.get(this.#above[client]?.[0] ?? "") ?? -1;
  }

  /** Every site as a link that the clients below it share. */
  links(direction: Direction): Link[] {
    return [...this.#nodes.values()].map(({ capacity, clients }) => {
      return { capacity: capacity[direction], members: clients };
    });
  }

  /** The inner nodes; `reactorOf` says where a client runs, which is the same for all below a root. */
  sites(reactorOf: (client: number) => number): Omit<SiteBlueprint, "path">[] {
    return [...this.#nodes.values()].map(({ name, parent, clients: [first = 0] }, id) => {
      const nodes = { down: this.#inner(name, "down"), up: this.#inner(name, "up") };
      return { id, name, parent: this.#ids.get(parent ?? "") ?? -1, reactor: reactorOf(first), ...nodes };
    });
  }

  #inner(name: string, direction: Direction): NodeBlueprint {
    const { parent, capacity } = this.#nodes.get(name) as Node;
    const ceil = capacity[direction];
    return parent === null ? { ...borrower(ceil), rate: ceil } : borrower(ceil);
  }

  /** Clients that must run on one reactor, because a tree is not divided: those of a root, each other by itself. */
  groups(): number[][] {
    const groups = new Map<string, number[]>();
    for (const index of this.#clients.keys()) {
      const root = this.rootOf(index);
      const key = root === null ? `client ${index}` : `site ${root}`;
      const group = groups.get(key);
      if (group === undefined) groups.set(key, [index]);
      else group.push(index);
    }
    return [...groups.values()];
  }
}

/** A client's leaf in both directions. */
export function leafOf(plan: Plan): Record<Direction, NodeBlueprint> {
  return { down: borrower(plan.down), up: borrower(plan.up) };
}

/** A class without a guarantee. */
function borrower(ceil: number): NodeBlueprint {
  return { rate: 0, ceil, quantum: 0, priority: 0, burst: 0 };
}
