/** Metrics of one run, as pure functions of its run folder. Seconds and bit/s. */
export interface MetricValue {
  /** null = no data (never a pass). */
  value: number | null;
  unit: MetricUnit;
  /** Raw observations behind the value. */
  count: number;
  /** For rates. */
  layer?: "wire" | "frame" | "ip" | "goodput";
}

export type MetricUnit = "s" | "bit/s" | "ratio" | "packets" | "bytes" | "count" | "grade" | "score";

/** Metric name (`ping.rtt.p99`) → value. */
export type Metrics = Record<string, MetricValue>;

export interface RunMetrics {
  total: Metrics;
  /** `client/home-1`, `flow/3` → metrics of that part alone. */
  by: Record<string, Metrics>;
}

/** Frame conservation from endpoint to endpoint (DESIGN §4). */
export interface Accounting {
  in: number;
  /** By paths that duplicate. */
  duplicated: number;
  out: number;
  dropped: { aqm: number; overflow: number; path: number; rig: number };
  held: number;
  /** in + duplicated − out − dropped − held; null when the run ended before both ends were counted (never a pass). */
  unaccounted: number | null;
}
