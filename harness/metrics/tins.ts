import type { Direction } from "../blueprint/types.js";
import { column, type Table } from "../recording/index.js";
import { largest, mean, sum } from "../stats/index.js";
import { type Context, type Phase, sortRows } from "./context.js";
import { ETHERNET_HEADER } from "./layers.js";
import { metricName } from "./names.js";
import { type Group, groupBy, type Sheet } from "./sheet.js";
import { disciplineName, tinKey } from "./tin-names.js";

const SECOND = 1e9;
/** Half of the time between two sets of records: the one nearest to a moment is no further away. */
const NEAR = SECOND / 2;
const DIRECTIONS: readonly Direction[] = ["down", "up"];

/** One tin of one direction of a client in one phase: growth between the records nearest to the phase's ends. */
interface Tin {
  client: string;
  direction: Direction;
  /** `voice`, `tin0`. */
  key: string;
  drops: number;
  marks: number;
  ackDrops: number;
  packets: number;
  bytes: number;
  seconds: number;
  /** cake's own averages, seconds: mean of the first over the phase, largest of the second. */
  delayAverage: number;
  delayPeak: number;
  records: number;
}

/**
 * `dataplane.tin.<tin>.…`: what cake's priority classes did, from the statistics that `tc -s qdisc` shows, ours and Linux's
 * alike. Of tins that have seen traffic only, and only where there are some to tell apart or delays that nothing else
 * tells: a discipline without tins has its numbers in `dataplane.…` already.
 */
export function tinMetrics(context: Context, sheet: Sheet): void {
  const recording = new TinRecording(context);
  for (const phase of context.phases) {
    const tins = recording.measure(phase);
    for (const [group, members] of groupBy(tins, (tin) => context.groupsOf(tin.client))) {
      for (const [key, ofKey] of groupBy(members, (tin) => [tin.key])) {
        const name = (quantity: string): string => metricName("dataplane", phase.name, `tin.${key}.${quantity}`);
        putCounters(sheet, group, name, "", ofKey);
        for (const direction of DIRECTIONS) {
          const one = ofKey.filter((tin) => tin.direction === direction);
          if (one.length === 0) continue;
          putCounters(sheet, group, name, `_${direction}`, one);
          putFlow(sheet, group, name, direction, one, members);
        }
      }
    }
  }
}

type Namer = (quantity: string) => string;

function putCounters(sheet: Sheet, group: Group, name: Namer, suffix: string, tins: readonly Tin[]): void {
  const records = sum(tins.map((tin) => tin.records));
  const put = (quantity: string, pick: (tin: Tin) => number): void =>
    sheet.put(group, name(`${quantity}${suffix}`), sum(tins.map(pick)), "packets", records);
  put("drops", (tin) => tin.drops);
  put("marks", (tin) => tin.marks);
  put("ack_drops", (tin) => tin.ackDrops);
}

/** What has no meaning for both directions together. `all`: every tin of the group. */
function putFlow(
  sheet: Sheet,
  group: Group,
  name: Namer,
  direction: Direction,
  tins: readonly Tin[],
  all: readonly Tin[],
): void {
  const records = sum(tins.map((tin) => tin.records));
  const bytes = (some: readonly Tin[]): number => sum(some.map((tin) => tin.bytes));
  const whole = bytes(all.filter((tin) => tin.direction === direction));
  sheet.put(group, name(`share_${direction}`), whole > 0 ? bytes(tins) / whole : null, "ratio", records);
  const rate = sum(tins.map((tin) => ((tin.bytes - tin.packets * ETHERNET_HEADER) * 8) / tin.seconds));
  sheet.put(group, name(`throughput_${direction}`), rate, "bit/s", records, "ip");
  const average = mean(tins.map((tin) => tin.delayAverage));
  sheet.put(group, name(`delay_average_${direction}`), average, "s", records);
  const peak = largest(tins.map((tin) => tin.delayPeak));
  sheet.put(group, name(`delay_peak_${direction}`), peak, "s", records);
}

/** Finds the rows of each tin and measures them phase by phase. */
class TinRecording {
  private readonly table: Table;
  /** `client/direction/tin` → rows in order of time. */
  private readonly rows = new Map<string, number[]>();
  private readonly clients: Map<number, string>;

  constructor(context: Context) {
    this.table = context.run.tables.dp_tin;
    this.clients = new Map(context.blueprint.dataplane.clients.map(({ id, name }) => [id, name]));
    const [client, direction, tin] = ["client", "direction", "tin"].map((name) => column(this.table, name));
    for (let row = 0; row < this.table.rows; row++) {
      const key = `${client?.[row]}/${direction?.[row]}/${tin?.[row]}`;
      const list = this.rows.get(key);
      if (list === undefined) this.rows.set(key, [row]);
      else list.push(row);
    }
    const time = column(this.table, "time");
    for (const rows of this.rows.values()) sortRows(rows, time);
  }

  measure(phase: Phase): Tin[] {
    return [...this.rows.values()].flatMap((rows) => this.tin(rows, phase) ?? []);
  }

  /** Null when the tin saw no traffic by the phase's end, or no record falls into the phase. */
  private tin(rows: readonly number[], phase: Phase): Tin | null {
    const time = column(this.table, "time");
    const upTo = (end: number): number => rows.findLastIndex((row) => (time[row] as number) <= end + NEAR);
    const [before, end] = [upTo(phase.start), upTo(phase.end)];
    const last = rows[end];
    const inside = rows.slice(before + 1, end + 1);
    if (last === undefined || inside.length === 0) return null;
    const [kind, tins, index] = [this.value("discipline", last), this.value("tins", last), this.value("tin", last)];
    const name = this.clients.get(this.value("client", last));
    const discipline = disciplineName(kind);
    if (name === undefined || (tins < 2 && discipline !== "cake")) return null;
    // A tin that was unused until then has no record before the phase: it counts from 0.
    const first = rows[before];
    const grown = (field: string): number =>
      growth(first === undefined ? 0 : this.value(field, first), this.value(field, last));
    const began = first === undefined ? phase.start : (time[first] as number);
    return {
      client: name,
      direction: DIRECTIONS[this.value("direction", last)] ?? "down",
      key: tinKey(discipline, tins, index),
      drops: grown("drops"),
      marks: grown("marks"),
      ackDrops: grown("ack_drops"),
      packets: grown("out_packets"),
      bytes: grown("out_bytes"),
      seconds: ((time[last] as number) - began) / SECOND,
      delayAverage: (mean(inside.map((row) => this.value("delay_average", row))) ?? 0) / SECOND,
      delayPeak: largest(inside.map((row) => this.value("delay_peak", row))) / SECOND,
      records: inside.length,
    };
  }

  private value(name: string, row: number): number {
    return column(this.table, name)[row] as number;
  }
}

/** Another discipline, by a change while the run goes on, begins to count anew. */
function growth(from: number, to: number): number {
  return to >= from ? to - from : to;
}
