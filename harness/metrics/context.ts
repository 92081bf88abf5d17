import type { Blueprint } from "../blueprint/types.js";
import { column, type Run, type Table } from "../recording/index.js";
import { sitesFrom } from "../scenario/ancestry.js";
import { inForce } from "./in-force.js";
import { Shares } from "./shares.js";
import type { Group } from "./sheet.js";

/** A phase of the run, [start, end) in nanoseconds from t0. */
export interface Phase {
  name: string;
  start: number;
  end: number;
  /** Of a phase that a change opens: the default phase that it was part of. */
  of?: string;
}

/** What all metrics of a run are derived from: its recording, its plan, and who belongs to which group. */
export interface Context {
  run: Run;
  blueprint: Blueprint;
  phases: Phase[];
  /** Of names and flows, which stay; what clients may have, see `during`. */
  shares: Shares;
  /** The plans and shares in force during a phase. */
  during(phase: Phase): { blueprint: Blueprint; shares: Shares };
  /** Groups of a client by its name: the total, itself, the sites above it. */
  groupsOf(client: string): Group[];
}

export function makeContext(run: Run, blueprint: Blueprint): Context {
  const parentOf = (site: string) => run.case?.sites?.[site]?.parent;
  const groups = new Map(
    (run.case?.clients ?? []).map(({ name, site }): [string, Group[]] => {
      const sites = sitesFrom(site, parentOf).map((each): Group => `site/${each}`);
      return [name, ["total", `client/${name}`, ...sites]];
    }),
  );
  const groupsOf = (client: string): Group[] => groups.get(client) ?? ["total", `client/${client}`];
  const shares = new Shares(blueprint);
  const known = new Map<string, { blueprint: Blueprint; shares: Shares }>();
  const during = (phase: Phase) => {
    const plans = inForce(blueprint, phase);
    const found = known.get(phase.name) ?? {
      blueprint: plans,
      shares: plans === blueprint ? shares : new Shares(plans),
    };
    known.set(phase.name, found);
    return found;
  };
  return { run, blueprint, phases: blueprint.timeline.phases, shares, during, groupsOf };
}

/** Do [start, stop) and the phase share any time? */
export function overlaps(phase: Phase, start: number, stop: number): boolean {
  return start < phase.end && stop > phase.start;
}

/**
 * Row numbers by the value of an id column, each list ascending by `order` (then by row). Writers append in any order
 * across reactors, and nothing derived may depend on it.
 */
export function rowsBy(table: Table, id: string, order: string): Map<number, number[]> {
  const ids = column(table, id);
  const keys = column(table, order);
  const groups = new Map<number, number[]>();
  for (let row = 0; row < table.rows; row++) {
    const list = groups.get(ids[row] as number);
    if (list === undefined) groups.set(ids[row] as number, [row]);
    else list.push(row);
  }
  for (const rows of groups.values()) sortRows(rows, keys);
  return groups;
}

/** Sorts row numbers by a column, in place; already sorted lists (the common case) cost one pass. */
export function sortRows(rows: number[], keys: Float64Array): number[] {
  const inOrder = rows.every((row, i) => i === 0 || (keys[rows[i - 1] as number] as number) <= (keys[row] as number));
  if (!inOrder) rows.sort((a, b) => (keys[a] as number) - (keys[b] as number) || a - b);
  return rows;
}

/** The last moment (ns) at which the traffic process is known to have lived. */
export function lastTime({ tables }: Run): number {
  let last = Number.NEGATIVE_INFINITY;
  for (const table of [tables.tcp_bin, tables.udp_bin, tables.traffic_reactor]) {
    for (const time of column(table, "time")) if (time > last) last = time;
  }
  return last;
}
