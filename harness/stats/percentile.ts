/**
 * Order statistics on raw samples. The estimator is nearest-rank everywhere in mqoe (no interpolation): the p-th
 * percentile of n samples is the ⌈p·n/100⌉-th smallest, so every reported number is one that was really observed.
 */

/** Ascending copy; NaN is refused because it has no rank. Throws RangeError. What is in order already costs one pass. */
export function sorted(samples: ArrayLike<number>): Float64Array {
  const copy = new Float64Array(samples);
  if (!isAscending(copy)) copy.sort();
  // Typed arrays sort NaN to the end.
  if (Number.isNaN(copy.at(-1))) throw new RangeError("sorted: a sample is NaN; filter missing values before ranking");
  return copy;
}

/** False with a NaN between others: it compares with nothing. */
function isAscending(values: Float64Array): boolean {
  for (let i = 1; i < values.length; i++) if (!((values[i - 1] as number) <= (values[i] as number))) return false;
  return true;
}

/**
 * Nearest-rank percentile of an ascending array; p in 0…100, p = 0 is the minimum. Returns null for no samples.
 * Throws RangeError when p is outside 0…100.
 */
export function percentileOfSorted(ascending: ArrayLike<number>, p: number): number | null {
  if (!(p >= 0 && p <= 100)) throw new RangeError(`percentile ${p} is outside 0…100`);
  if (ascending.length === 0) return null;
  return ascending[rank(ascending.length, p) - 1] as number;
}

/** As percentileOfSorted, for samples in any order. */
export function percentile(samples: ArrayLike<number>, p: number): number | null {
  return percentileOfSorted(sorted(samples), p);
}

/** The 1-based nearest rank. The small term keeps 99.9 % of 1000 at 999 whatever binary makes of 99.9. */
function rank(n: number, p: number): number {
  return Math.min(n, Math.max(1, Math.ceil((p * n) / 100 - 1e-9)));
}

/** Arithmetic mean; null for no samples. Compensated (Neumaier), so that order hardly matters over 10^6 samples. */
export function mean(samples: ArrayLike<number>): number | null {
  return samples.length === 0 ? null : sum(samples) / samples.length;
}

/** Compensated sum (Neumaier's variant of Kahan's). */
export function sum(samples: ArrayLike<number>): number {
  let total = 0;
  let lost = 0;
  for (let i = 0; i < samples.length; i++) {
    const x = samples[i] as number;
    const next = total + x;
    lost += Math.abs(total) >= Math.abs(x) ? total - next + x : x - next + total;
    total = next;
  }
  return total + lost;
}

/**
 * The middle value, or the mean of the two middle ones. For few values that are themselves statistics (runs of a case,
 * clients of a run); for samples use percentile(…, 50). Null for none.
 */
export function median(values: ArrayLike<number>): number | null {
  const s = sorted(values);
  if (s.length === 0) return null;
  const half = s.length >> 1;
  return s.length % 2 === 1 ? (s[half] as number) : ((s[half - 1] as number) + (s[half] as number)) / 2;
}

/** A value with the weight (for example packets) that stands behind it. */
export interface Weighted {
  value: number;
  weight: number;
}

/**
 * Nearest-rank percentiles of a weighted sample: for each p the smallest value with at least p % of the weight at or
 * below it; all null when nothing has weight. Throws RangeError when a p is outside 0…100.
 */
export function weightedPercentiles(samples: Iterable<Weighted>, ps: readonly number[]): (number | null)[] {
  // Values repeat: histograms have so many lines and no more. Sorting what differs is most of the time saved.
  const weights = new Map<number, number>();
  for (const { value, weight } of samples) if (weight > 0) weights.set(value, (weights.get(value) ?? 0) + weight);
  const ascending = Float64Array.from(weights.keys()).sort();
  const reached: number[] = [];
  let total = 0;
  for (const value of ascending) {
    total += weights.get(value) as number;
    reached.push(total);
  }
  return ps.map((p) => {
    if (!(p >= 0 && p <= 100)) throw new RangeError(`percentile ${p} is outside 0…100`);
    const need = (p / 100) * total - 1e-9;
    return ascending[reached.findIndex((weight) => weight >= need)] ?? ascending.at(-1) ?? null;
  });
}
