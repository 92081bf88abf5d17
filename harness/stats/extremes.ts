/**
 * Math.max and Math.min take their values as arguments and so overflow the stack beyond some hundred thousand of them;
 * these do not. NaN (a column that was not recorded) is skipped.
 */
export function largest(values: Iterable<number>, atLeast = 0): number {
  let most = atLeast;
  for (const value of values) if (value > most) most = value;
  return most;
}

/** Infinity when there is none. */
export function smallest(values: Iterable<number>): number {
  let least = Number.POSITIVE_INFINITY;
  for (const value of values) if (value < least) least = value;
  return least;
}
