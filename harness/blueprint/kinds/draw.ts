import type { Drawn } from "../../scenario/kinds/drawn.js";
import type { Rng } from "../../stats/index.js";

/** One value of a drawn quantity, a whole number of `least` or more. Calls for one quantity take equally many random numbers. */
export function draw(quantity: Drawn, random: Rng, least: number): number {
  return Math.max(least, Math.round(sample(quantity, random)));
}

function sample(quantity: Drawn, random: Rng): number {
  switch (quantity.distribution) {
    case "fixed":
      return quantity.value;
    case "uniform":
      return quantity.min + random.next() * (quantity.max - quantity.min);
    case "exponential":
      return -quantity.mean * Math.log(1 - random.next());
    case "lognormal":
      return Math.min(quantity.max ?? Infinity, quantity.median * Math.exp(quantity.sigma * normal(random)));
    case "pareto":
      return Math.min(quantity.max ?? Infinity, quantity.min * (1 - random.next()) ** (-1 / quantity.alpha));
  }
}

/** Box and Muller's, one of the two. */
function normal(random: Rng): number {
  const radius = Math.sqrt(-2 * Math.log(1 - random.next()));
  return radius * Math.cos(2 * Math.PI * random.next());
}
