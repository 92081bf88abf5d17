/**
 * Jain's fairness index (Σx)² / (n·Σx²), RFC 5166 §2.3.1: 1 when all are equal, k/n when k of n share equally.
 * Null for nobody, and when everybody got nothing: 0/0 is not fairness. Throws RangeError for a negative or
 * non-finite share.
 */
export function jain(values: ArrayLike<number>): number | null {
  let largest = 0;
  for (let i = 0; i < values.length; i++) {
    const x = values[i] as number;
    if (!(x >= 0 && Number.isFinite(x))) throw new RangeError(`jain: share ${x} is not a finite number ≥ 0`);
    largest = Math.max(largest, x);
  }
  if (largest === 0) return null;
  let total = 0;
  let squares = 0;
  for (let i = 0; i < values.length; i++) {
    // The index does not depend on scale; dividing by the largest keeps squares from overflowing or vanishing.
    const x = (values[i] as number) / largest;
    total += x;
    squares += x * x;
  }
  return Math.min(1, (total * total) / (values.length * squares));
}
