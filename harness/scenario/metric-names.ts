import { didYouMean, oneOf } from "./suggest.js";

/**
 * The catalogue of metric names: `<traffic>[.<phase>].<quantity>[.<statistic>]`. An expectation on a name that is not
 * here is refused before anything runs, because a metric that nothing produces can only end as "no data".
 */
export interface Quantity {
  name: string;
  unit: "s" | "bit/s" | "ratio" | "packets" | "count" | "grade";
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

const UNDER_LOAD = ["ramp", "loaded"];
const NOT_IDLE = ["ramp", "loaded", "cooldown"];
const EACH: readonly Scope[] = ["client", "site", "total"];

type Shape = Partial<Pick<Quantity, "distribution" | "scopes" | "phases" | "counted">>;

function quantity(name: string, unit: Quantity["unit"], description: string, shape: Shape = {}): Quantity {
  return { name, unit, description, distribution: false, scopes: EACH, phases: PHASES, counted: false, ...shape };
}

const DISTRIBUTION = { distribution: true };
const COUNTED = { counted: true };
const LOADED = { phases: UNDER_LOAD };
const WHOLE_RUN = { phases: [DEFAULT_PHASE] };
const TOTAL = { ...WHOLE_RUN, ...COUNTED, scopes: ["total"] as const };
const BY_FLOW = { phases: UNDER_LOAD, scopes: ["client", "flow", "site", "total"] as const };

function bothWays(name: string, unit: Quantity["unit"], description: string, shape: Shape = {}): Quantity[] {
  return [
    quantity(name, unit, `${description}, both directions together.`, shape),
    quantity(`${name}_down`, unit, `${description}, towards the client.`, shape),
    quantity(`${name}_up`, unit, `${description}, from the client.`, shape),
  ];
}

function eachWay(name: string, unit: Quantity["unit"], description: string): Quantity[] {
  return bothWays(name, unit, description).slice(1);
}

const PROBE: readonly Quantity[] = [
  quantity("rtt", "s", "Round-trip time.", DISTRIBUTION),
  quantity("owd_down", "s", "One-way delay, server → client.", DISTRIBUTION),
  quantity("owd_up", "s", "One-way delay, client → server.", DISTRIBUTION),
  quantity("induced", "s", "RTT beyond the client's idle median: what the load adds.", {
    distribution: true,
    phases: NOT_IDLE,
  }),
  quantity("pdv", "s", "RTT beyond the smallest of the phase (RFC 5481 §4.2).", DISTRIBUTION),
  quantity("ipdv", "s", "Mean absolute difference of consecutive delays (RFC 5481 §4.1)."),
  quantity("jitter", "s", "Interarrival jitter (RFC 3550 §6.4.1) of the round trip."),
  quantity("jitter_down", "s", "Interarrival jitter, server → client."),
  quantity("jitter_up", "s", "Interarrival jitter, client → server."),
  quantity("loss", "ratio", "Packets whose echo never came, of those sent."),
  quantity("loss_down", "ratio", "Echoes lost on the way down."),
  quantity("loss_up", "ratio", "Packets lost on the way up."),
  quantity("duplicates", "packets", "Packets that arrived more than once.", COUNTED),
  quantity("reordered", "packets", "Packets that arrived after a later one (RFC 4737).", COUNTED),
  quantity("late", "packets", "Packets the generator sent late: the machine, not the product.", COUNTED),
  quantity("grade", "grade", "Letter grade of the mean increase in RTT: A+ (< 5 ms) … F (≥ 400 ms).", {
    phases: NOT_IDLE,
  }),
];

const TCP: readonly Quantity[] = [
  quantity("goodput", "bit/s", "Payload delivered to the receiving application.", BY_FLOW),
  quantity("goodput_down", "bit/s", "Of the flows towards the client, where a traffic has both directions.", LOADED),
  quantity("goodput_up", "bit/s", "Of the flows from the client, where a traffic has both directions.", LOADED),
  quantity("jain", "ratio", "Jain's fairness index over the flows: 1 is equal shares.", LOADED),
  quantity("jain_clients", "ratio", "Jain's fairness index over what each client got of its share.", {
    phases: UNDER_LOAD,
    scopes: ["site", "total"],
  }),
  quantity("retransmits", "ratio", "Bytes sent again, of all bytes sent.", BY_FLOW),
  quantity("retransmitted_packets", "packets", "Packets sent again, in the whole run.", { ...BY_FLOW, ...WHOLE_RUN }),
  quantity("ce_marks", "packets", "CE marks that the receivers reported.", BY_FLOW),
  quantity("rtt", "s", "Smoothed RTT as TCP sees it (TCP_INFO).", { ...BY_FLOW, distribution: true }),
  quantity("cwnd", "packets", "Congestion window (TCP_INFO).", { ...BY_FLOW, distribution: true }),
  quantity("starvation", "s", "Longest time in which a flow got less than a tenth of its fair share.", BY_FLOW),
  quantity("connect_failures", "count", "Connections that were never established, in the whole run.", {
    ...BY_FLOW,
    ...WHOLE_RUN,
    ...COUNTED,
  }),
];

const UDP: readonly Quantity[] = [
  quantity("goodput", "bit/s", "Payload that arrived, without duplicates.", BY_FLOW),
  quantity("goodput_down", "bit/s", "Towards the client, where a traffic has both directions.", LOADED),
  quantity("goodput_up", "bit/s", "From the client, where a traffic has both directions.", LOADED),
  quantity("throughput", "bit/s", "IP packets that arrived, without duplicates.", BY_FLOW),
  quantity("throughput_down", "bit/s", "Towards the client, where a traffic has both directions.", LOADED),
  quantity("throughput_up", "bit/s", "From the client, where a traffic has both directions.", LOADED),
  quantity("sent", "bit/s", "IP packets that were sent.", BY_FLOW),
  quantity("loss", "ratio", "Packets that never arrived, of those sent in the phase (RFC 7680).", BY_FLOW),
  quantity("reordered", "packets", "Packets that arrived after a later one (RFC 4737).", { ...BY_FLOW, ...COUNTED }),
  quantity("duplicates", "packets", "Copies that arrived beyond the first (RFC 5560).", { ...BY_FLOW, ...COUNTED }),
  quantity("unsent", "packets", "Packets that were due and not sent: the machine, not the product.", {
    ...BY_FLOW,
    ...COUNTED,
  }),
];

const DATAPLANE: readonly Quantity[] = [
  ...bothWays("drops", "packets", "Packets that the queues dropped"),
  quantity("drops_aqm", "packets", "Packets that the AQM decided to drop, without ack_drops."),
  quantity("drops_overflow", "packets", "Packets for which there was no room."),
  ...bothWays("marks", "packets", "Packets marked CE instead of dropped"),
  quantity("drops_run", "packets", "Packets that the queues dropped, in the whole run.", WHOLE_RUN),
  quantity("marks_run", "packets", "Packets marked CE instead of dropped, in the whole run.", WHOLE_RUN),
  ...bothWays("ack_drops", "packets", "Acknowledgements that cake's ACK filter dropped, as newer ones say the same"),
  ...bothWays("sojourn", "s", "Time that packets waited in the queue", DISTRIBUTION),
  quantity("backlog_max", "packets", "Most packets that waited at once."),
  quantity("rate_down", "bit/s", "Shaped rate towards the client, at the plan's own layer."),
  quantity("rate_up", "bit/s", "Shaped rate from the client, at the plan's own layer."),
  quantity("throughput_down", "bit/s", "IP packets that left towards the client."),
  quantity("throughput_up", "bit/s", "IP packets that left from the client."),
  quantity("utilization", "ratio", "Shaped rate of the plan's, in the busier direction; of a site: of its capacity."),
  quantity("utilization_down", "ratio", "Shaped rate towards the client, of the plan's or the site's."),
  quantity("utilization_up", "ratio", "Shaped rate from the client, of the plan's or the site's."),
  quantity("unaccounted", "packets", "Frames that went in and neither came out nor were counted as dropped.", TOTAL),
  quantity("drops_rig", "packets", "Frames that the machine lost, not the product.", TOTAL),
  quantity("drops_path", "packets", "Frames that the emulated path lost.", TOTAL),
];

/** Names of cake's tins: of diffserv3 and diffserv4, and of all other modes, where tin 0 has the lowest priority. */
export const TINS = [
  "bulk",
  "besteffort",
  "video",
  "voice",
  ...[0, 1, 2, 3, 4, 5, 6, 7].map((n) => `tin${n}`),
] as const;

/** What there is of each tin, as `dataplane.tin.<tin>.<quantity>`; only of tins that have seen traffic. */
export const TIN: readonly Quantity[] = [
  ...bothWays("drops", "packets", "Packets that the tin dropped, without ack_drops"),
  ...bothWays("marks", "packets", "Packets marked CE instead of dropped"),
  ...bothWays("ack_drops", "packets", "Acknowledgements that the ACK filter dropped"),
  ...eachWay("share", "ratio", "Bytes of the tin, of those of all tins"),
  ...eachWay("throughput", "bit/s", "IP packets of the tin that left"),
  ...eachWay("delay_average", "s", "cake's own moving average of the sojourn time, mean of its values each second"),
  ...eachWay("delay_peak", "s", "cake's own moving average that follows rises, largest of its values each second"),
];

/** What produces metrics: kinds of traffic, and the dataplane. */
export const CATALOGUE: Readonly<Record<string, readonly Quantity[]>> = {
  probe: PROBE,
  tcp: TCP,
  udp: UDP,
  dataplane: DATAPLANE,
};

export interface MetricName {
  traffic: string;
  phase: string;
  quantity: Quantity;
  statistic: string | null;
}

export type ParsedMetric = { ok: true; metric: MetricName } | { ok: false; message: string };

/**
 * Reads a metric name against what the scenario has: name of traffic → its kind. The message of a refusal says which
 * part nothing produces and what there is instead. `opened`: phase that a [[change]] opens → the default one that it is
 * cut out of, whose metrics exist in it.
 */
export function parseMetric(
  text: string,
  traffic: ReadonlyMap<string, string>,
  opened: ReadonlyMap<string, string> = new Map(),
): ParsedMetric {
  const [source = "", ...rest] = text.split(".");
  const kind = source === "dataplane" ? "dataplane" : traffic.get(source);
  if (kind === undefined) return refuse(text, unknownSource(source, [...traffic.keys(), "dataplane"]));
  const phase =
    rest.length > 1 && [...PHASES, ...opened.keys()].includes(rest[0] as never)
      ? (rest.shift() as string)
      : DEFAULT_PHASE;
  if (kind === "dataplane" && rest[0] === "tin") return parseTinMetric(text, source, phase, rest.slice(1));
  const quantities = CATALOGUE[kind] ?? [];
  const [name = "", ...statistic] = rest;
  const quantity = quantities.find((known) => known.name === name);
  if (!quantity) return refuse(text, unknownQuantity(kind, name, quantities));
  const message = wrongStatistic(quantity, statistic.join(".")) ?? wrongPhase(quantity, phase, opened);
  if (message !== undefined) return refuse(text, message);
  return { ok: true, metric: { traffic: source, phase, quantity, statistic: statistic.join(".") || null } };
}

/** `words` is what follows `dataplane.tin.`: `voice`, `drops`. */
function parseTinMetric(text: string, traffic: string, phase: string, words: readonly string[]): ParsedMetric {
  const [tin = "", name = "", ...statistic] = words;
  if (!TINS.includes(tin))
    return refuse(text, `there is no tin "${tin}"; ${didYouMean(tin, TINS)}allowed: ${oneOf(TINS, TINS.length)}`);
  const known = TIN.find((each) => each.name === name);
  if (!known) return refuse(text, unknownQuantity("a tin", name, TIN));
  const message = wrongStatistic(known, statistic.join("."));
  if (message !== undefined) return refuse(text, message);
  return { ok: true, metric: { traffic, phase, quantity: { ...known, name: `tin.${tin}.${name}` }, statistic: null } };
}

function refuse(text: string, message: string): ParsedMetric {
  return { ok: false, message: `nothing produces "${text}": ${message}` };
}

function unknownSource(source: string, known: readonly string[]): string {
  return `there is no traffic "${source}"; ${didYouMean(source, known)}allowed: ${oneOf(known)}`;
}

function unknownQuantity(kind: string, name: string, quantities: readonly Quantity[]): string {
  const names = quantities.map((known) => known.name);
  const found = name === "" ? `a quantity is missing` : `${kind} has no quantity "${name}"`;
  return `${found}; ${didYouMean(name, names)}allowed: ${oneOf(names, 24)}`;
}

function wrongStatistic(quantity: Quantity, statistic: string): string | undefined {
  if (!quantity.distribution)
    return statistic ? `${quantity.name} is one number; leave out ".${statistic}"` : undefined;
  if (STATISTICS.some((known) => known === statistic)) return undefined;
  const allowed = `statistics: ${oneOf(STATISTICS)}`;
  return statistic
    ? `"${statistic}" is not a statistic; ${allowed}`
    : `${quantity.name} is a distribution; write e.g. "${quantity.name}.p99" (${allowed})`;
}

function wrongPhase(quantity: Quantity, phase: string, opened: ReadonlyMap<string, string>): string | undefined {
  const isWhole = quantity.phases === WHOLE_RUN.phases;
  if (quantity.phases.includes(isWhole ? phase : (opened.get(phase) ?? phase))) return undefined;
  return `${quantity.name} does not exist in the ${phase} phase; phases: ${oneOf(quantity.phases)}`;
}
