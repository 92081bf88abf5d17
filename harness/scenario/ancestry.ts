/** A site and all above it, the nearest first. Total also for what is wrong: it ends at what is unknown or a circle. */
export function sitesFrom(
  site: string | null | undefined,
  parentOf: (site: string) => string | null | undefined,
): string[] {
  const chain: string[] = [];
  let next = site;
  while (next !== null && next !== undefined && !chain.includes(next)) {
    chain.push(next);
    next = parentOf(next);
  }
  return chain;
}
