import { percentileOfSorted, sum } from "../stats/index.js";
import type { ProbeStream } from "./probe-stream.js";
import type { Group, Sheet } from "./sheet.js";

/** One client's game in a phase, and while nothing else was going on. */
interface Play {
  now: ProbeStream;
  idle: ProbeStream | null;
}

/**
 * Packets whose answer came later than the client's idle median and the deadline (s), or never: of no use to the game,
 * of those sent. A client without idle samples has none.
 */
export function putLatePackets(
  sheet: Sheet,
  group: Group,
  name: (quantity: string) => string,
  plays: readonly Play[],
  deadline: number,
): void {
  const known = plays.filter(({ idle }) => idle !== null && idle.rtt.length > 0);
  const late = known.map(({ now, idle }) => {
    const limit = (percentileOfSorted((idle as ProbeStream).rtt, 50) as number) + deadline;
    return now.lost + now.rtt.filter((rtt) => rtt > limit).length;
  });
  const sent = sum(known.map(({ now }) => now.sent));
  sheet.put(group, name("late_packets"), sent > 0 ? sum(late) / sent : null, "ratio", sent);
}
