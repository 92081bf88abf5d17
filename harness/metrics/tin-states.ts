import type { Blueprint, Direction, SqmBlueprint } from "../blueprint/types.js";
import { column, type Table } from "../recording/index.js";
import { disciplineName, tinKey, tinTitle } from "./tin-names.js";

const SECOND = 1e9;
const DIRECTIONS: readonly Direction[] = ["down", "up"];

/** One record of dp_tin by field name (native/record/records.def); rates in bit/s, times in ns, sizes in bytes. */
export type TinFields = Readonly<Record<string, number>>;

export interface TinState {
  index: number;
  /** As tc heads its column: `Best Effort`. */
  title: string;
  /** As metrics call it: `besteffort`. */
  key: string;
  fields: TinFields;
}

/** What one direction of a client's queue counted up to some moment. */
export interface QueueState {
  client: string;
  direction: Direction;
  /** Seconds from t0. */
  time: number;
  /** `cake`, or the kind of a qdisc of Linux's that is none of ours. */
  discipline: string;
  /** Its settings at that moment; null when the blueprint has another discipline there. */
  sqm: SqmBlueprint | null;
  /** Bytes that its framing adds, in tc's words; empty without. */
  framing: string;
  /** bit/s; 0 = unlimited. */
  bandwidth: number;
  /** How many tins it has; those that never saw traffic are not in `tins`. */
  tinCount: number;
  tins: TinState[];
}

/**
 * The newest state of every queue that has seen traffic, in the order of the blueprint's clients, down before up. All
 * tins of a queue are recorded together: those of an older time belong to a discipline that was replaced since.
 */
export function queueStates(table: Table, blueprint: Blueprint): QueueState[] {
  const newest = newestRows(table);
  const settings = settingsOf(blueprint);
  return blueprint.dataplane.clients.flatMap((client) =>
    DIRECTIONS.flatMap((direction, code) => {
      const rows = newest.get(`${client.id}/${code}`);
      const since = settings.get(`${client.id}/${code}`) ?? [];
      return rows === undefined ? [] : [stateOf(rows, client.name, direction, since)];
    }),
  );
}

function newestRows(table: Table): Map<string, TinFields[]> {
  const [client, direction, times] = ["client", "direction", "time"].map((name) => column(table, name)) as [
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  const newest = new Map<string, { time: number; rows: number[] }>();
  for (let row = 0; row < table.rows; row++) {
    const key = `${client[row]}/${direction[row]}`;
    const time = times[row] as number;
    const known = newest.get(key);
    if (known === undefined || time > known.time) newest.set(key, { time, rows: [row] });
    else if (time === known.time) known.rows.push(row);
  }
  return new Map([...newest].map(([key, { rows }]) => [key, rows.map((row) => fieldsOf(table, row))]));
}

function fieldsOf(table: Table, row: number): TinFields {
  return Object.fromEntries(Object.entries(table.columns).map(([name, values]) => [name, values[row] as number]));
}

function stateOf(
  rows: TinFields[],
  client: string,
  direction: Direction,
  since: readonly { at: number; shaper: Shaper }[],
): QueueState {
  const { time = 0, discipline = 0, tins = 1, capacity = 0 } = rows[0] ?? {};
  const shaper = since.findLast(({ at }) => at <= time)?.shaper;
  const words = shaper?.sqm.discipline === "tc" ? shaper.sqm.args.split(" ")[0] : undefined;
  const kind = disciplineName(discipline) ?? words ?? "qdisc";
  const title = (index: number) => tinTitle(kind, tins, index);
  return {
    client,
    direction,
    time: time / SECOND,
    discipline: kind,
    sqm: shaper !== undefined && [shaper.sqm.discipline, words].includes(kind) ? shaper.sqm : null,
    framing: shaper === undefined ? "" : framingText(shaper.framing),
    bandwidth: capacity,
    tinCount: tins,
    tins: rows
      .map((fields) => ({ fields, index: fields.tin ?? 0 }))
      .sort((a, b) => a.index - b.index)
      .map(({ fields, index }) => ({ index, title: title(index), key: tinKey(kind, tins, index), fields })),
  };
}

type Shaper = Blueprint["dataplane"]["clients"][number]["down"];

/** What each queue was set to, and since when (ns), in order. */
type Settings = Map<string, { at: number; shaper: Shaper }[]>;

function settingsOf({ dataplane, timeline }: Blueprint): Settings {
  const settings: Settings = new Map();
  for (const client of dataplane.clients) {
    for (const [code, direction] of DIRECTIONS.entries())
      settings.set(`${client.id}/${code}`, [{ at: Number.NEGATIVE_INFINITY, shaper: client[direction] }]);
  }
  // Recordings of older versions have no changes.
  for (const { at, set } of timeline.changes ?? []) {
    for (const one of set) {
      if ("shaper" in one)
        settings.get(`${one.client}/${DIRECTIONS.indexOf(one.direction)}`)?.push({ at, shaper: one.shaper });
    }
  }
  return settings;
}

function framingText({ base, overhead, mpu, cell }: Shaper["framing"]): string {
  const words = [base === "frame" && overhead === 0 ? "raw" : "", cell === "none" ? "noatm" : cell];
  if (words[0] === "") words.push(`overhead ${overhead}`);
  if (mpu > 0) words.push(`mpu ${mpu}`);
  return words.filter(Boolean).join(" ");
}
