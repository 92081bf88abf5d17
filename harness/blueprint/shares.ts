/**
 * Max–min fair shares by progressive filling (Bertsekas & Gallager, Data Networks, §6.5.2): all rates grow together;
 * whoever reaches its own ceiling or fills a link stops, the others go on. Plain rates without links are the ceilings.
 */
export interface Link {
  capacity: number;
  /** Indexes of the members whose traffic crosses the link: for a tree, everybody below the node. */
  members: readonly number[];
}

/** Rates of the members, in their order, at the layer of the ceilings and capacities. */
export function maxMinShares(ceilings: readonly number[], links: readonly Link[] = []): number[] {
  const shares = ceilings.map(() => 0);
  const growing = new Set(ceilings.keys());
  while (growing.size > 0) {
    const room = links.map((link) => roomOf(link, shares, growing));
    const step = Math.min(...[...growing].map((i) => (ceilings[i] ?? 0) - (shares[i] ?? 0)), ...room);
    for (const i of growing) shares[i] = (shares[i] ?? 0) + Math.max(0, step);
    const full = links.filter((_, index) => (room[index] ?? 0) <= step);
    for (const i of [...growing]) if ((shares[i] ?? 0) >= (ceilings[i] ?? 0) - EPSILON) growing.delete(i);
    for (const { members } of full) for (const i of members) growing.delete(i);
  }
  return shares;
}

/** Sums of fractions never meet a ceiling to the last bit; a millionth of a bit/s is nothing. */
const EPSILON = 1e-6;

/** How much each growing member of a link may still grow. */
function roomOf({ capacity, members }: Link, shares: readonly number[], growing: ReadonlySet<number>): number {
  const used = members.reduce((sum, i) => sum + (shares[i] ?? 0), 0);
  const count = members.filter((i) => growing.has(i)).length;
  return count === 0 ? Number.POSITIVE_INFINITY : (capacity - used) / count;
}
