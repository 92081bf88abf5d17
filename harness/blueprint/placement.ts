/** Who runs where: clients on reactors, threads on CPUs. */

/**
 * Best fit decreasing (Johnson 1974) into a fixed number of bins: heaviest first, each into the fullest bin that still
 * has room for it; a bin holds an equal part of the whole. What fits nowhere goes to the lightest bin.
 *
 * @returns the bin of each weight, in the order of the weights
 */
export function packBins(weights: readonly number[], bins: number): number[] {
  const capacity = weights.reduce((sum, weight) => sum + weight, 0) / bins;
  const load = Array.from({ length: bins }, () => 0);
  const assigned = weights.map(() => 0);
  const heaviestFirst = [...weights.keys()].sort((a, b) => (weights[b] ?? 0) - (weights[a] ?? 0) || a - b);
  for (const item of heaviestFirst) {
    const weight = weights[item] ?? 0;
    const bin = bestFit(load, weight, capacity);
    load[bin] = (load[bin] ?? 0) + weight;
    assigned[item] = bin;
  }
  return assigned;
}

function bestFit(load: readonly number[], weight: number, capacity: number): number {
  const byLoad = [...load.keys()].sort((a, b) => (load[b] ?? 0) - (load[a] ?? 0) || a - b);
  const roomy = byLoad.find((bin) => (load[bin] ?? 0) + weight <= capacity * (1 + 1e-9));
  return roomy ?? load.indexOf(Math.min(...load));
}

export interface Cores {
  /** CPU of each reactor of the dataplane; −1 = not pinned. */
  dataplane: number[];
  /** CPUs of the traffic process. */
  traffic: number[];
}

/**
 * The dataplane takes the last CPUs, one per reactor – the first one serves most interrupts – and traffic the rest.
 * When there are not more CPUs than reactors, nothing is pinned and the scheduler shares them out.
 */
export function placeThreads(reactors: number, cores: number): Cores {
  if (cores <= reactors) return { dataplane: Array.from({ length: reactors }, () => -1), traffic: [-1] };
  return {
    dataplane: Array.from({ length: reactors }, (_, index) => cores - 1 - index),
    traffic: Array.from({ length: cores - reactors }, (_, index) => index),
  };
}
