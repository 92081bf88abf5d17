import { column, type Run, type RunEvent } from "../recording/index.js";
import { rowsBy } from "./context.js";
import type { Accounting } from "./types.js";

/**
 * The run's frame accounting from endpoint to endpoint, as counted after the run (the last `accounting` event). A run
 * that did not get that far has what the dataplane's last records say, with `unaccounted` null: frames between an
 * endpoint and the dataplane were never counted. Null when nothing was recorded at all.
 */
export function accountingOf(run: Run): Accounting | null {
  const event = run.events.findLast((e) => e.event === "accounting");
  return (event && fromEvent(event)) ?? fromDataplane(run);
}

/** Null when a number is missing: half an accounting is none. */
function fromEvent(event: RunEvent): Accounting | null {
  // Older versions had no paths that duplicate.
  const { in: entered, duplicated = 0, out, dropped, held, unaccounted } = event as unknown as Accounting;
  const { aqm, overflow, path, rig } = dropped ?? {};
  const all: unknown[] = [entered, duplicated, out, aqm, overflow, path, rig, held, unaccounted];
  if (!all.every((value) => Number.isFinite(value))) return null;
  return { in: entered, duplicated, out, dropped: { aqm, overflow, path, rig }, held, unaccounted };
}

function fromDataplane(run: Run): Accounting | null {
  const table = run.tables.dp_reactor;
  const last = [...rowsBy(table, "reactor", "time").values()].map((rows) => rows.at(-1) as number);
  if (last.length === 0) return null;
  const total = (...names: string[]): number =>
    names.flatMap((name) => last.map((row) => column(table, name)[row] as number)).reduce((a, b) => a + b, 0);
  return {
    in: total("rx_access", "rx_core"),
    duplicated: table.columns.duplicated ? total("duplicated") : 0,
    out: total("tx_access", "tx_core"),
    dropped: {
      aqm: total("drop_aqm"),
      overflow: total("drop_overflow"),
      path: total("drop_path"),
      rig: total("drop_rig", "drop_unclassified"),
    },
    held: total("held"),
    unaccounted: null,
  };
}
