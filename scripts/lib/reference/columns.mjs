// What a column of the reference tables is in mqoe, how far a cell may be from its range, and what "no worse" means for it.

/** A time may be off by 0.1 ms or 1 %, whichever is more. */
const time = { unit: "ms", factor: 1e-3, slack: (ms) => Math.max(0.1, 0.01 * ms), ours: "at_most" };
/** Packets lost or marked by a queue: how many it takes is the algorithm's own business, so ours are shown, not judged. */
const packets = { unit: "", factor: 1, slack: (n) => 0.1 * n, round: true };
/** More is better, or as good: what a line carries in all. */
const goodput = { unit: "mbit", factor: 1e6, slack: (rate) => 0.01 * rate, ours: "at_least" };
/** What one of several gets of a line: more than Linux gives is as wrong as less. */
const share = { ...goodput, ours: "within" };
const index = { unit: "", factor: 1, slack: (value) => 0.01 * value, most: 1, ours: "at_least" };
const loss = { unit: "%", factor: 0.01, slack: (percent) => 0.1 * percent + 0.005, ours: "at_most" };

const rates = (metrics, names) => names.map((name) => metrics[name]?.value ?? Number.NaN);

/** Percent of what all `names` got together that the first of them got. It is shown; its parts are judged. */
const percentOf = (...names) => ({
  unit: "%",
  factor: 1,
  slack: (percent) => 0.01 * percent,
  derive: (metrics) => {
    const [own, ...others] = rates(metrics, names);
    return (100 * own) / others.reduce((sum, other) => sum + other, own);
  },
});

/** The round trips of one probe in one phase. */
function probe(name, prefix = "") {
  const statistics = ["p50", "p95", "p99", "max"].map((statistic) => [
    `${prefix}${statistic}`,
    { metric: `${name}.rtt.${statistic}`, ...time, beside: statistic !== "max" },
  ]);
  return { ...Object.fromEntries(statistics), [`${prefix}loss`]: { metric: `${name}.loss`, ...loss } };
}

const srtt = (name) => ({ metric: `${name}.rtt.p50`, ...time });
const drops = { metric: "dataplane.drops", ...packets };
const marks = { metric: "dataplane.marks_run", ...packets };

/** Groups 1 and 2, whose table was made by others: same names as there. */
export const LOADED = {
  goodput: { metric: "bulk.goodput", ...goodput },
  jain: { metric: "bulk.jain", ...index },
  srtt: srtt("bulk"),
  ...probe("ping"),
  drops,
  marks,
  retransmits: { metric: "bulk.retransmitted_packets", ...packets },
};

export const UNLOADED = { ...probe("ping"), drops };

export const ISOLATION = {
  "host A": { metric: "a.goodput", ...share },
  "host B": { metric: "b.goodput", ...share },
  "B share": percentOf("b.goodput", "a.goodput"),
  "A jain": { metric: "a.jain", ...index },
  "A srtt": srtt("a"),
  "B srtt": srtt("b"),
  ...probe("ping"),
  drops,
  marks,
};

export const RTT = {
  near: { metric: "near.goodput", ...share },
  far: { metric: "far.goodput", ...share },
  "far share": percentOf("far.goodput", "near.goodput"),
  "near srtt": srtt("near"),
  "far srtt": srtt("far"),
  ...probe("ping"),
  drops,
  marks,
};

export const DIFFSERV = {
  "CS1 bulk": { metric: "bulk.goodput", ...share },
  "best effort": { metric: "best.goodput", ...share },
  "AF41 video": { metric: "video.goodput", ...share },
  "CS1 share": percentOf("bulk.goodput", "best.goodput", "video.goodput"),
  "AF41 share": percentOf("video.goodput", "bulk.goodput", "best.goodput"),
  "CS1 srtt": srtt("bulk"),
  "best effort srtt": srtt("best"),
  "AF41 srtt": srtt("video"),
  ...probe("voice", "EF "),
  ...probe("ping"),
  drops,
  marks,
};

export const ASYMMETRIC = {
  down: { metric: "bulk.goodput", ...goodput },
  up: { metric: "up.goodput", ...goodput },
  jain: { metric: "bulk.jain", ...index },
  "down srtt": srtt("bulk"),
  "up srtt": srtt("up"),
  ...probe("ping"),
  "drops down": { metric: "dataplane.drops_down", ...packets },
  "drops up": { metric: "dataplane.drops_up", ...packets },
  marks,
};

export const UNRESPONSIVE = {
  TCP: { metric: "bulk.goodput", ...share },
  UDP: { metric: "flood.throughput", ...share },
  "TCP share": percentOf("bulk.goodput", "flood.throughput"),
  "TCP srtt": srtt("bulk"),
  ...probe("ping"),
  "UDP loss": { metric: "flood.loss", unit: "%", factor: 0.01, slack: (percent) => 0.01 * percent },
  drops,
  marks,
};

/** The first ten seconds at 20 Mbit/s, and the rest at 5, beginning with the step down. */
export const RATE_CHANGE = {
  goodput: { metric: "bulk.goodput", ...goodput },
  srtt: srtt("bulk"),
  ...probe("ping"),
  drops,
  "goodput at 5": { metric: "bulk.dropped.goodput", ...goodput },
  "jain at 5": { metric: "bulk.dropped.jain", ...index },
  "srtt at 5": srtt("bulk.dropped"),
  ...probe("ping.dropped", "at 5 "),
  "drops at 5": { metric: "dataplane.dropped.drops", ...packets },
  marks,
};

/** The rate that reached the client, at the network layer. */
export const RATE = { metric: "dataplane.throughput_down", unit: "mbit", factor: 1e6, slack: (rate) => 0.01 * rate };

/** The range of a cell, widened; null where it bounds nothing. */
export function allowed({ slack, most = Number.POSITIVE_INFINITY, round = false }, [low, high]) {
  const [least, greatest] = [Math.max(0, low - slack(low)), high + slack(high)];
  const digits = (value) => Number(value.toFixed(round ? 0 : 4));
  return [
    least <= 0 ? null : digits(round ? Math.ceil(least) : least),
    greatest >= most ? null : digits(round ? Math.floor(greatest) : greatest),
  ];
}

/** What one run has in this column, in the table's unit; undefined without data. */
export function valueOf({ metric, derive, factor }, metrics) {
  const value = derive === undefined ? metrics[metric]?.value : derive(metrics);
  return typeof value === "number" && Number.isFinite(value) ? value / factor : undefined;
}

export const shown = ([low, high]) => (low === high ? `${low}` : `${low} … ${high}`);
