/** What RFC 4737 says of an order of arrival. */
export interface Reordering {
  /** Packets that came after a later one (§3.3). */
  reordered: number;
  /** The largest extent of one (§4.2): so many places before it the first later one came. 0: none is. */
  extent: number;
  /** Packets that n others directly before them should have followed (§5.3); for n = 3 TCP takes them for lost. */
  threeReordered: number;
}

/**
 * Packet s is reordered when s < NextExp, else NextExp = s + 1. Arrivals are first copies only, by their numbers.
 */
export function reorderingOf(arrivals: readonly number[]): Reordering {
  const found: Reordering = { reordered: 0, extent: 0, threeReordered: 0 };
  /** Places at which a number came that is larger than all before it: the first later one of any packet is one of them. */
  const records: number[] = [];
  let nextExpected = 0;
  for (const [i, s] of arrivals.entries()) {
    if (s >= nextExpected) {
      nextExpected = s + 1;
      records.push(i);
      continue;
    }
    found.reordered++;
    const first = firstLater(records, arrivals, s);
    found.extent = Math.max(found.extent, i - first);
    if (i >= 3 && [1, 2, 3].every((back) => (arrivals[i - back] as number) > s)) found.threeReordered++;
  }
  return found;
}

/** The first of the places whose number is larger than `s`, of which there is one; numbers ascend with the places. */
function firstLater(places: readonly number[], arrivals: readonly number[], s: number): number {
  let [low, high] = [0, places.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((arrivals[places[middle] as number] as number) > s) high = middle;
    else low = middle + 1;
  }
  return places[low] as number;
}
