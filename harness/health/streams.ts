import type { StreamBlueprint } from "../blueprint/types.js";
import { column, type Run, type Table } from "../recording/index.js";
import { largest, sum } from "../stats/index.js";
import { numberAt } from "./counters.js";
import { LIMITS, type Limit } from "./limits.js";

/** A limit, the value to compare with it, and what was seen in words. */
type Finding = [limit: Limit, value: number, found: string];

/** Did the generator send the UDP streams as planned, and take what arrived? Nothing for a run without streams. */
export function streamFindings(run: Run): Finding[] {
  const { udp_sent: sent, udp_bin: arrived } = run.tables;
  const streams = run.blueprint?.traffic.streams ?? [];
  if (streams.length === 0 || sent.rows === 0) return [];
  const [skipped, refused] = [total(sent, "skipped"), total(sent, "refused")];
  const due = Math.max(1, total(sent, "packets") + skipped + refused);
  const late = Math.max(0, largest(column(sent, "late_max"))) / 1e9;
  const overruns = overrunsOf(arrived, streams, run.blueprint?.traffic.cores.length ?? 1);
  const received = Math.max(1, total(arrived, "packets"));
  const of = (n: number, what: string) => `${n} of ${due} packets of UDP streams ${what}`;
  return [
    [LIMITS.streamsSkipped, skipped / due, of(skipped, "were left out, 20 ms and more after their time")],
    [LIMITS.streamsRefused, refused / due, of(refused, "were refused by their socket")],
    [LIMITS.streamsLate, late, `the latest packet of a UDP stream left ${numberAt(late * 1e3, 3)} ms after its time`],
    [LIMITS.streamsOverrun, overruns / received, `the receiving sockets of UDP streams dropped ${overruns} packets`],
  ];
}

/**
 * Packets that all receiving sockets dropped. Each stream tells how many its socket has dropped so far, and streams that
 * share one tell the same number: of those the largest counts, which is the latest.
 */
function overrunsOf(arrived: Table, streams: readonly StreamBlueprint[], reactors: number): number {
  const sockets = new Map(streams.map((stream, i) => [stream.id, socketOf(stream, i % reactors)]));
  const [stream, overruns] = [column(arrived, "stream"), column(arrived, "overruns")];
  const dropped = new Map<string, number>();
  for (let row = 0; row < arrived.rows; row++) {
    const id = stream[row] as number;
    const socket = sockets.get(id) ?? `stream ${id}`;
    dropped.set(socket, Math.max(dropped.get(socket) ?? 0, overruns[row] as number));
  }
  return sum([...dropped.values()]);
}

/** Down, a stream has a socket of its own. Up, each reactor has one for every port of a server (native/traffic/stream.c). */
function socketOf({ id, direction, server, family, port }: StreamBlueprint, reactor: number): string {
  return direction === "down" ? `stream ${id}` : `server ${server} ${family} ${port} reactor ${reactor}`;
}

function total(table: Table, name: string): number {
  return sum([...column(table, name)]);
}
