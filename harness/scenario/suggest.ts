/**
 * Levenshtein distance (Wagner & Fischer 1974) in which swapping two neighbours also counts 1 (optimal string
 * alignment, Damerau 1964): the commonest slip of the fingers.
 */
export function editDistance(a: string, b: string): number {
  const width = b.length + 1;
  let [before, previous]: [number[], number[]] = [[], Array.from({ length: width }, (_, index) => index)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j < width; j++) {
      const substitution = at(previous, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swap = swapped ? at(before, j - 2) + 1 : Number.POSITIVE_INFINITY;
      row.push(Math.min(substitution, swap, at(previous, j) + 1, at(row, j - 1) + 1));
    }
    [before, previous] = [previous, row];
  }
  return at(previous, b.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] as number;
}

/** The nearest of the allowed names, when it is near enough to be what was meant. */
export function nearest(found: string, allowed: readonly string[]): string | undefined {
  const folded = found.toLowerCase().replaceAll("-", "_").slice(0, 100);
  let best: string | undefined;
  // A third of the letters, at least one: "tpc" → tcp, but "x" → nothing.
  let limit = Math.max(1, Math.ceil(folded.length / 3)) + 1;
  for (const name of allowed) {
    const distance = editDistance(folded, name.toLowerCase().replaceAll("-", "_"));
    if (distance < limit && distance < Math.max(folded.length, name.length)) [best, limit] = [name, distance];
  }
  return best;
}

/** `did you mean "web"? ` or nothing. */
export function didYouMean(found: string, allowed: readonly string[]): string {
  const name = nearest(found, allowed);
  return name === undefined ? "" : `did you mean "${name}"? `;
}

/** What is allowed, kept readable when there are hundreds. */
export function oneOf(allowed: readonly string[], shown = 16): string {
  if (allowed.length === 0) return "(none)";
  const rest = allowed.length - shown;
  return rest > 0 ? `${allowed.slice(0, shown).join(", ")}, … (${rest} more)` : allowed.join(", ");
}
