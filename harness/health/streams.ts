import { column, type Run, type Table } from "../recording/index.js";
import { largest, sum } from "../stats/index.js";
import { numberAt } from "./counters.js";
import { LIMITS, type Limit } from "./limits.js";

/** A limit, the value to compare with it, and what was seen in words. */
type Finding = [limit: Limit, value: number, found: string];

/** Did the generator send the UDP streams as planned, and take what arrived? Nothing for a run without streams. */
export function streamFindings(run: Run): Finding[] {
  const { udp_sent: sent, udp_bin: arrived } = run.tables;
  if ((run.blueprint?.traffic.streams ?? []).length === 0 || sent.rows === 0) return [];
  const unsent = total(sent, "refused") + total(sent, "skipped");
  const due = Math.max(1, total(sent, "packets") + unsent);
  const late = Math.max(0, largest(column(sent, "late_max"))) / 1e9;
  const overruns = Math.max(0, largest(column(arrived, "overruns")));
  const received = Math.max(1, total(arrived, "packets"));
  return [
    [LIMITS.streamsUnsent, unsent / due, `${unsent} of ${due} packets of UDP streams were not sent`],
    [LIMITS.streamsLate, late, `the latest packet of a UDP stream left ${numberAt(late * 1e3, 3)} ms after its time`],
    [LIMITS.streamsOverrun, overruns / received, `a receiving socket of UDP streams dropped ${overruns} packets`],
  ];
}

function total(table: Table, name: string): number {
  return sum([...column(table, name)]);
}
