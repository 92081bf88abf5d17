/** What a metric name can mean: one entry of the catalogue (metric-names.ts). */
export interface Quantity {
  name: string;
  unit: "s" | "bit/s" | "ratio" | "packets" | "count" | "grade" | "score";
  /** A distribution: the name must end in a statistic. */
  distribution: boolean;
  /** For whom it is computed. */
  scopes: readonly Scope[];
  /** Phases in which something produces it. */
  phases: readonly string[];
  /** Counted, not measured: one run decides (gate "invariant"). */
  counted: boolean;
  description: string;
}

export type Scope = "client" | "flow" | "site" | "total";

export const PHASES = ["idle", "ramp", "loaded", "cooldown"] as const;
export const DEFAULT_PHASE = "loaded";

/** Nearest-rank percentiles on raw samples; `min` is p0 and `max` is p100. */
export const STATISTICS = [
  ...[0, 1, 5, 10, 25, 50, 75, 90, 95, 98, 99, 99.9, 100].map((p) => `p${p}`),
  "mean",
  "min",
  "max",
] as const;

export const UNDER_LOAD = ["ramp", "loaded"];
export const NOT_IDLE = ["ramp", "loaded", "cooldown"];
export const EACH: readonly Scope[] = ["client", "site", "total"];

export type Shape = Partial<Pick<Quantity, "distribution" | "scopes" | "phases" | "counted">>;

export function quantity(name: string, unit: Quantity["unit"], description: string, shape: Shape = {}): Quantity {
  return { name, unit, description, distribution: false, scopes: EACH, phases: PHASES, counted: false, ...shape };
}

export const DISTRIBUTION = { distribution: true };
export const COUNTED = { counted: true };
export const LOADED = { phases: UNDER_LOAD };
export const WHOLE_RUN = { phases: [DEFAULT_PHASE] };
export const TOTAL = { ...WHOLE_RUN, ...COUNTED, scopes: ["total"] as const };
export const BY_FLOW = { phases: UNDER_LOAD, scopes: ["client", "flow", "site", "total"] as const };

export function bothWays(name: string, unit: Quantity["unit"], description: string, shape: Shape = {}): Quantity[] {
  return [
    quantity(name, unit, `${description}, both directions together.`, shape),
    quantity(`${name}_down`, unit, `${description}, towards the client.`, shape),
    quantity(`${name}_up`, unit, `${description}, from the client.`, shape),
  ];
}

export function eachWay(name: string, unit: Quantity["unit"], description: string): Quantity[] {
  return bothWays(name, unit, description).slice(1);
}
