import { mean, sum } from "../stats/index.js";
import { meanOpinionScore, rFactor } from "./emodel.js";
import type { ProbeStream } from "./probe-stream.js";
import type { Group, Sheet } from "./sheet.js";

/**
 * The quality of calls, per direction and of the worse of the two: who is talked to badly has a bad call, however well
 * the other one hears. Of several calls it is the mean of theirs.
 */
export function putCalls(
  sheet: Sheet,
  group: Group,
  name: (quantity: string) => string,
  calls: readonly ProbeStream[],
): void {
  const ratings = calls.map((call) => {
    const [down, up] = [ratingOf(hearing(call)), ratingOf(speaking(call))];
    const known = [down, up].filter((rating) => rating !== null);
    return { down, up, worse: known.length > 0 ? Math.min(...known) : null };
  });
  for (const [suffix, direction] of DIRECTIONS) {
    const rated = ratings.map((rating) => rating[direction]).filter((r) => r !== null);
    const packets = sum(calls.map((call) => call.sent));
    sheet.put(group, name(`r${suffix}`), mean(rated), "score", packets);
    sheet.put(group, name(`mos${suffix}`), mean(rated.map(meanOpinionScore)), "score", packets);
  }
}

const DIRECTIONS = [
  ["", "worse"],
  ["_down", "down"],
  ["_up", "up"],
] as const;

interface Half {
  /** Packets that this direction was given, and how many of them it lost. */
  sent: number;
  lost: number;
  /** s */
  delays: Float64Array;
  variations: Float64Array;
}

/** Downwards only what reached the server was sent: the echo of a lost packet was never said. */
function hearing(call: ProbeStream): Half {
  return { sent: call.reachedServer, lost: call.lostDown, delays: call.owdDown, variations: call.ipdvDown };
}

function speaking(call: ProbeStream): Half {
  const lost = call.sent - call.reachedServer;
  return { sent: call.sent, lost, delays: call.owdUp, variations: call.ipdvUp };
}

/**
 * As flent rates a call: the delay that counts is the mean one-way delay and twice the mean of |IPDV|, for the buffer
 * that evens it out. Where everything was lost there is no delay, and the loss says enough.
 */
function ratingOf({ sent, lost, delays, variations }: Half): number | null {
  if (sent === 0) return null;
  return rFactor((mean(delays) ?? 0) + 2 * (mean(variations) ?? 0), lost / sent);
}
