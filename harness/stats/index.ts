export { largest, smallest } from "./extremes.js";
export { jain } from "./fairness.js";
export {
  mean,
  median,
  percentile,
  percentileOfSorted,
  sorted,
  sum,
  type Weighted,
  weightedPercentiles,
} from "./percentile.js";
export { type Rng, seededRng } from "./rng.js";
