import type { Case, Traffic } from "../scenario/types.js";
import { AccessTree } from "./tree.js";
import type { Direction } from "./types.js";

/**
 * Max–min fair shares by progressive filling (Bertsekas & Gallager, Data Networks, §6.5.2): all rates grow together;
 * whoever reaches its own ceiling or fills a link stops, the others go on. Plain rates without links are the ceilings.
 */
export interface Link {
  capacity: number;
  /** Indexes of the members whose traffic crosses the link: for a tree, everybody below the node. */
  members: readonly number[];
}

/** A link while rates grow: what those who have stopped leave of it, and how many still grow. */
interface Filling {
  left: number;
  growing: number;
  members: readonly number[];
}

/**
 * Rates of the members, in their order, at the layer of the ceilings and capacities. All who still grow have the same
 * rate, the level; it goes from one event – a ceiling, a full link – to the next. In O(n·d·log n) for n members that
 * cross d links each.
 */
export function maxMinShares(ceilings: readonly number[], links: readonly Link[] = []): number[] {
  const shares = [...ceilings];
  const growing = new Set(ceilings.keys());
  const fillings = links.map(({ capacity, members }) => ({ left: capacity, growing: members.length, members }));
  const crossed = linksByMember(ceilings.length, fillings);
  const queue = new LinkQueue(fillings);
  let level = 0;
  const stop = (member: number, at: number): void => {
    if (!growing.delete(member)) return;
    shares[member] = at;
    for (const link of crossed[member] ?? []) {
      link.left -= at;
      link.growing -= 1;
    }
  };
  const byCeiling = [...ceilings.keys()].sort((a, b) => (ceilings[a] ?? 0) - (ceilings[b] ?? 0));
  for (const member of byCeiling) {
    const ceiling = ceilings[member] ?? 0;
    while (growing.has(member) && queue.nextLevel() <= ceiling) {
      level = Math.max(level, queue.nextLevel());
      for (const other of queue.take().members) stop(other, level);
    }
    stop(member, ceiling);
  }
  return shares;
}

function linksByMember(count: number, links: readonly Filling[]): Filling[][] {
  const crossed: Filling[][] = Array.from({ length: count }, () => []);
  for (const link of links) for (const member of link.members) crossed[member]?.push(link);
  return crossed;
}

/** The level at which a link is full, when all that still grow on it grow alike. */
function levelOf({ left, growing }: Filling): number {
  return growing === 0 ? Number.POSITIVE_INFINITY : left / growing;
}

/**
 * Links by the level that fills them: a binary heap of levels as they were. A link's level only rises, by those who
 * stop below it, so an entry is a lower bound, and is brought up to date when it comes to the top.
 */
class LinkQueue {
  readonly #heap: { level: number; link: Filling }[];

  constructor(links: readonly Filling[]) {
    this.#heap = links.map((link) => ({ level: levelOf(link), link })).sort((a, b) => a.level - b.level);
  }

  nextLevel(): number {
    for (;;) {
      const top = this.#heap[0];
      if (top === undefined) return Number.POSITIVE_INFINITY;
      const level = levelOf(top.link);
      if (level <= top.level) return top.level;
      top.level = level;
      this.#sink();
    }
  }

  /** The link that is full next; after `nextLevel` has said that there is one. */
  take(): Filling {
    const top = this.#heap[0];
    const last = this.#heap.pop();
    if (top === undefined || last === undefined) throw new Error("mqoe: no link to take; please report this");
    if (this.#heap.length > 0) {
      this.#heap[0] = last;
      this.#sink();
    }
    return top.link;
  }

  #sink(): void {
    const level = (at: number) => this.#heap[at]?.level ?? Number.POSITIVE_INFINITY;
    let at = 0;
    for (;;) {
      const child = level(2 * at + 2) < level(2 * at + 1) ? 2 * at + 2 : 2 * at + 1;
      const [above, below] = [this.#heap[at], this.#heap[child]];
      if (above === undefined || below === undefined || below.level >= above.level) return;
      this.#heap[at] = below;
      this.#heap[child] = above;
      at = child;
    }
  }
}

/** A client's max–min fair rates, bit/s at its plan's own layer. */
export interface Share {
  client: string;
  down: number;
  up: number;
}

/** Who takes part in a traffic at the time that is looked at. */
export type Active = (traffic: Traffic) => readonly string[];

const EVERYBODY: Active = ({ from }) => from;

/**
 * What each client may expect, in the order of the clients: its plan, and of its sites a fair part among the clients
 * that send TCP or UDP in that direction. Whoever does not send there has the part that it would have if all did.
 */
export function sharesOf(scenario: Case, tree = new AccessTree(scenario), active = EVERYBODY): Share[] {
  const rates = (direction: Direction) => ratesOf(scenario, direction, tree.links(direction), active);
  const [down, up] = [rates("down"), rates("up")];
  return scenario.clients.map(({ name }, index) => ({ client: name, down: down[index] ?? 0, up: up[index] ?? 0 }));
}

function ratesOf(
  { clients, plans, traffic }: Case,
  direction: Direction,
  links: readonly Link[],
  activeOf: Active,
): number[] {
  const ceilings = clients.map(({ plan }) => plans[plan]?.[direction] ?? 0);
  if (links.length === 0) return ceilings;
  const loads = traffic.filter(
    (one) => "direction" in one && (one.direction === direction || one.direction === "both"),
  );
  const active = new Set(loads.flatMap(activeOf));
  const isActive = (index: number) => active.has(clients[index]?.name ?? "");
  const all = maxMinShares(ceilings, links);
  const among = maxMinShares(
    ceilings.map((ceiling, index) => (isActive(index) ? ceiling : 0)),
    links,
  );
  return ceilings.map((_, index) => (isActive(index) ? among[index] : all[index]) ?? 0);
}
