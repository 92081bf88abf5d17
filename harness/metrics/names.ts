/** The statistics that every distribution is reported with (DESIGN §9); p0 = min and p100 = max are both spelled. */
export const PERCENTILES = [0, 1, 5, 10, 25, 50, 75, 90, 95, 98, 99, 99.9, 100] as const;

/** The phase that a metric name means when it names none. */
export const DEFAULT_PHASE = "loaded";
/** What induced latency and grades are measured against. */
export const BASELINE_PHASE = "idle";

/** `ping` + `idle` + `loss` → `ping.idle.loss`; the default phase is left out. */
export function metricName(traffic: string, phase: string, quantity: string): string {
  return phase === DEFAULT_PHASE ? `${traffic}.${quantity}` : `${traffic}.${phase}.${quantity}`;
}

/** The name under which a metric is stored: `ping.loaded.rtt.p99` → `ping.rtt.p99`. */
export function canonicalName(name: string): string {
  const [traffic, phase, ...rest] = name.split(".");
  return phase === DEFAULT_PHASE && rest.length > 0 ? [traffic, ...rest].join(".") : name;
}

/** The parts of a name, given the phases that exist: quantities and phases share one position. */
export function splitName(
  name: string,
  phases: readonly string[],
): { traffic: string; phase: string; quantity: string } {
  const [traffic = "", second = "", ...rest] = name.split(".");
  const hasPhase = rest.length > 0 && phases.includes(second);
  return { traffic, phase: hasPhase ? second : DEFAULT_PHASE, quantity: (hasPhase ? rest[0] : second) ?? "" };
}
