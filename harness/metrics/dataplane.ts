import type { Direction } from "../blueprint/types.js";
import { column, type Table } from "../recording/index.js";
import { sum, type Weighted, weightedPercentiles } from "../stats/index.js";
import { type Context, type Phase, rowsBy } from "./context.js";
import { accountedLayer, ETHERNET_HEADER } from "./layers.js";
import { DEFAULT_PHASE, metricName, PERCENTILES } from "./names.js";
import { type Group, groupBy, type Sheet } from "./sheet.js";
import type { Accounting, MetricValue } from "./types.js";

const SECOND = 1e9;
const DIRECTIONS: readonly Direction[] = ["down", "up"];

/** One direction of a client's bottleneck in one phase. */
interface Leaf {
  client: string;
  direction: Direction;
  /** bit/s that the plan's overhead accounts; 0 = unlimited. */
  rate: number;
  /** Growth of the counters between the records nearest to the phase's ends. */
  dropsAqm: number;
  dropsOverflow: number;
  /** Part of dropsAqm; NaN in recordings that do not tell it. */
  dropsAck: number;
  marks: number;
  packets: number;
  shapedBytes: number;
  /** Of layer 2. */
  frameBytes: number;
  sojournSum: number;
  /** Time between those two records, seconds. */
  seconds: number;
  /** Sojourn of delivered packets, each value with the packets it stands for (seconds). */
  sojourn: Weighted[];
  backlogMax: number;
  records: number;
}

/** One direction of a client's bottleneck since the dataplane started. */
interface Totals {
  client: string;
  drops: number;
  marks: number;
}

/**
 * Metrics of the bottleneck from the dataplane's own counters: drops, marks, sojourn, backlog, the rate that left each
 * shaper at the layer its plan accounts and at the IP layer, utilization. Per client, site (the sum of all below it)
 * and total; `_down` / `_up` and both together.
 * Sojourn only where the dataplane is ours: Linux's qdiscs do not say how long packets waited.
 */
export function dataplaneMetrics(context: Context, sheet: Sheet, accounting: Accounting | null): void {
  const recording = new LeafRecording(context);
  const isTimed = context.blueprint.dataplane.kind === "afxdp";
  for (const phase of context.phases) {
    const name = (quantity: string): string => metricName("dataplane", phase.name, quantity);
    const leaves = recording.measure(phase);
    for (const [group, members] of groupBy(leaves, (leaf) => context.groupsOf(leaf.client))) {
      putQueue(sheet, group, name, "", members);
      if (isTimed) putSojourn(sheet, group, name("sojourn"), members);
      for (const direction of DIRECTIONS) {
        const one = members.filter((leaf) => leaf.direction === direction);
        if (one.length === 0) continue;
        putQueue(sheet, group, name, `_${direction}`, one);
        if (isTimed) putSojourn(sheet, group, name(`sojourn_${direction}`), one);
        putRate(context, sheet, phase, group, name, direction, one);
      }
      putUtilization(context, sheet, phase, group, name, members);
    }
  }
  for (const [group, members] of groupBy(recording.totals(), (leaf) => context.groupsOf(leaf.client))) {
    putWholeRun(sheet, group, members);
  }
  putAccounting(sheet, accounting);
}

/** Drops and marks since the dataplane started, as its last records have them. */
function putWholeRun(sheet: Sheet, group: Group, totals: readonly Totals[]): void {
  const put = (quantity: string, pick: (one: Totals) => number): void => {
    const name = metricName("dataplane", DEFAULT_PHASE, quantity);
    sheet.put(group, name, sum(totals.map(pick)), "packets", totals.length);
  };
  put("drops_run", (one) => one.drops);
  put("marks_run", (one) => one.marks);
}

type Namer = (quantity: string) => string;

/**
 * `suffix` is `_down`, `_up` or empty for both; drops are told apart by cause only for both together. The ACK filter is
 * no AQM, though it drops on purpose too: recordings that do not tell its drops apart have none.
 */
function putQueue(sheet: Sheet, group: Group, name: Namer, suffix: string, leaves: readonly Leaf[]): void {
  const records = sum(leaves.map((leaf) => leaf.records));
  const aqm = sum(leaves.map((leaf) => leaf.dropsAqm));
  const overflow = sum(leaves.map((leaf) => leaf.dropsOverflow));
  const ack = sum(leaves.map((leaf) => leaf.dropsAck));
  const put = (quantity: string, value: number): void =>
    sheet.put(group, name(`${quantity}${suffix}`), value, "packets", records);
  put("drops", aqm + overflow);
  put("marks", sum(leaves.map((leaf) => leaf.marks)));
  put("ack_drops", ack);
  if (suffix === "") {
    put("drops_aqm", aqm - (Number.isNaN(ack) ? 0 : ack));
    put("drops_overflow", overflow);
    put(
      "backlog_max",
      leaves.reduce((most, leaf) => Math.max(most, leaf.backlogMax), 0),
    );
  }
}

/**
 * Quantiles of sojourn over intervals of which only p50, p99 and max are known: half of an interval's packets count as
 * its p50, the next 49 % as its p99, the last 1 % as its max. Each packet so counts as at least what it was: p50, p99
 * and max are exact where all intervals are alike, everything else is an upper bound. The mean is exact.
 */
function putSojourn(sheet: Sheet, group: Group, name: string, leaves: readonly Leaf[]): void {
  const packets = sum(leaves.map((leaf) => leaf.packets));
  const put = (statistic: string, value: number | null): void =>
    sheet.put(group, `${name}.${statistic}`, value, "s", packets);
  const quantiles = weightedPercentiles(sojournsOf(leaves), PERCENTILES);
  PERCENTILES.forEach((p, i) => {
    put(`p${p}`, quantiles[i] ?? null);
  });
  put("min", quantiles[0] ?? null);
  put("max", quantiles.at(-1) ?? null);
  put("mean", packets > 0 ? sum(leaves.map((leaf) => leaf.sojournSum)) / packets / SECOND : null);
}

/** One by one: in a large lab there are millions. */
function* sojournsOf(leaves: readonly Leaf[]): Iterable<Weighted> {
  for (const { sojourn } of leaves) yield* sojourn;
}

/** Rates of different layers have no sum: a group whose plans do not all count alike has no data for it. */
function putRate(
  context: Context,
  sheet: Sheet,
  phase: Phase,
  group: Group,
  name: Namer,
  direction: Direction,
  leaves: readonly Leaf[],
): void {
  const layers = new Set(leaves.map((leaf) => layerOf(context, leaf)));
  const [layer] = layers;
  const rate = layers.size === 1 ? sum(leaves.map(leafRate)) : null;
  const records = sum(leaves.map((leaf) => leaf.records));
  sheet.put(group, name(`rate_${direction}`), rate, "bit/s", records, layers.size === 1 ? layer : undefined);
  const throughput = sum(leaves.map((leaf) => ((leaf.frameBytes - leaf.packets * ETHERNET_HEADER) * 8) / leaf.seconds));
  sheet.put(group, name(`throughput_${direction}`), throughput, "bit/s", records, "ip");
  const used = utilization(leaves, capacityOf(context, phase, group, direction));
  sheet.put(group, name(`utilization_${direction}`), used, "ratio", records);
}

function layerOf({ shares }: Context, { client, direction }: Leaf): MetricValue["layer"] {
  const framing = shares.shaper(client, direction)?.framing;
  return framing && accountedLayer(framing);
}

/** Of the busier direction: that is where the bottleneck is. */
function putUtilization(
  context: Context,
  sheet: Sheet,
  phase: Phase,
  group: Group,
  name: Namer,
  leaves: readonly Leaf[],
): void {
  const values = DIRECTIONS.map((direction) => {
    const one = leaves.filter((leaf) => leaf.direction === direction);
    return utilization(one, capacityOf(context, phase, group, direction));
  });
  const known = values.filter((value) => value !== null);
  const value = known.length > 0 ? Math.max(...known) : null;
  sheet.put(group, name("utilization"), value, "ratio", sum(leaves.map((leaf) => leaf.records)));
}

function leafRate(leaf: Leaf): number {
  return (leaf.shapedBytes * 8) / leaf.seconds;
}

/** What a site can carry, bit/s, 0 when that changes within the phase; undefined for other groups, whose plans are what they can use. */
function capacityOf(context: Context, phase: Phase, group: Group, direction: Direction): number | undefined {
  if (!group.startsWith("site/")) return undefined;
  const { blueprint } = context.during(phase);
  // Absent from recordings of older versions.
  return blueprint.dataplane.sites?.find(({ name }) => group === `site/${name}`)?.[direction].ceil;
}

/** Part of the configured rate that was used; null without a limit, or when not all plans' rates are known. */
function utilization(leaves: readonly Leaf[], capacity?: number): number | null {
  const planned = leaves.every((leaf) => leaf.rate > 0) ? sum(leaves.map((leaf) => leaf.rate)) : 0;
  const configured = capacity ?? planned;
  return configured > 0 ? sum(leaves.map(leafRate)) / configured : null;
}

/** Frame accounting is of the whole run, and stands under the default phase. */
function putAccounting(sheet: Sheet, accounting: Accounting | null): void {
  const put = (quantity: string, value: number | null): void =>
    sheet.put("total", metricName("dataplane", DEFAULT_PHASE, quantity), value, "packets", accounting?.in ?? 0);
  put("unaccounted", accounting?.unaccounted ?? null);
  put("drops_rig", accounting?.dropped.rig ?? null);
  put("drops_path", accounting?.dropped.path ?? null);
  put("duplicated", accounting?.duplicated ?? null);
}

/**
 * Place of the record that is nearest to a moment: of the two phases that meet there, it ends one and begins the other.
 * Records are due at such moments, and written some microseconds later: the one before would be a whole interval away.
 */
function nearest(rows: readonly number[], time: Float64Array, moment: number): number {
  const distance = (place: number): number => Math.abs((time[rows[place] as number] as number) - moment);
  const after = rows.findIndex((row) => (time[row] as number) > moment);
  if (after <= 0) return after === 0 ? 0 : rows.length - 1;
  return distance(after) < distance(after - 1) ? after : after - 1;
}

/** Finds the rows of each client and direction and measures them phase by phase. */
class LeafRecording {
  private readonly table: Table;
  private readonly rows: Map<number, number[]>;

  constructor(private readonly context: Context) {
    this.table = context.run.tables.dp_client;
    this.rows = rowsBy(this.table, "client", "time");
  }

  measure(phase: Phase): Leaf[] {
    const directions = column(this.table, "direction");
    const { kind, clients } = this.context.during(phase).blueprint.dataplane;
    return clients.flatMap((client) =>
      DIRECTIONS.flatMap((direction, code) => {
        const rows = (this.rows.get(client.id) ?? []).filter((row) => directions[row] === code);
        // Without a dataplane plans are not enforced: there is no rate to use a part of.
        const rate = kind === "none" ? 0 : (client.node?.[direction].ceil ?? client[direction].rate);
        const leaf = this.leaf(rows, phase, client.name, direction, rate);
        return leaf ?? [];
      }),
    );
  }

  totals(): Totals[] {
    const directions = column(this.table, "direction");
    return this.context.blueprint.dataplane.clients.flatMap((client) =>
      DIRECTIONS.flatMap((_, code) => {
        const last = (this.rows.get(client.id) ?? []).findLast((row) => directions[row] === code);
        if (last === undefined) return [];
        const drops = this.value("drop_aqm", last) + this.value("drop_overflow", last);
        return { client: client.name, drops, marks: this.value("marks", last) };
      }),
    );
  }

  /**
   * Counters are read at the records nearest to the phase's ends, and rates are over the time between just these two:
   * the records' spacing then costs no accuracy. Null when one record is the nearest to both.
   */
  private leaf(rows: number[], phase: Phase, client: string, direction: Direction, rate: number): Leaf | null {
    const time = column(this.table, "time");
    const [from, to] = [phase.start, phase.end].map((end) => nearest(rows, time, end)) as [number, number];
    const inside = rows.slice(from, to + 1);
    const first = inside[0];
    const last = inside.at(-1);
    if (first === undefined || last === undefined || first === last) return null;
    const grown = (name: string): number => this.value(name, last) - this.value(name, first);
    const counted = inside.filter((row) => row !== first);
    return {
      client,
      direction,
      rate,
      dropsAqm: grown("drop_aqm"),
      dropsOverflow: grown("drop_overflow"),
      dropsAck: grown("drop_ack"),
      marks: grown("marks"),
      packets: grown("out_packets"),
      shapedBytes: grown("out_shaped_bytes"),
      frameBytes: grown("out_bytes"),
      sojournSum: grown("sojourn_sum"),
      seconds: (this.value("time", last) - this.value("time", first)) / SECOND,
      sojourn: this.sojourn([first, ...counted]),
      backlogMax: counted.reduce((most, row) => Math.max(most, this.value("backlog_packets", row)), 0),
      records: counted.length,
    };
  }

  /** The first row only says from where the second one counts. */
  private sojourn(rows: readonly number[]): Weighted[] {
    return rows.slice(1).flatMap((row, i) => {
      const packets = this.value("out_packets", row) - this.value("out_packets", rows[i] as number);
      if (packets <= 0) return [];
      return [
        { value: this.value("sojourn_p50", row) / SECOND, weight: packets * 0.5 },
        { value: this.value("sojourn_p99", row) / SECOND, weight: packets * 0.49 },
        { value: this.value("sojourn_max", row) / SECOND, weight: packets * 0.01 },
      ];
    });
  }

  private value(name: string, row: number): number {
    return column(this.table, name)[row] as number;
  }
}
