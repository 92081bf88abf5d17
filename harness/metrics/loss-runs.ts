/** How losses lie together, of packets in the order in which they were sent. */
export interface LossRuns {
  /** Most packets lost one after another. */
  longest: number;
  /** Bursts of RFC 3611: losses with fewer than Gmin packets received between each other. */
  bursts: number;
  /** Packets of the longest burst, from its first loss to its last, the received ones between them included. */
  longestBurst: number;
  /** Losses inside bursts; all others are single ones in gaps. */
  lostInBursts: number;
}

/** Packets received one after another that end a burst (RFC 3611 §4.7.2). */
const GMIN = 16;

/**
 * Bursts and gaps of RFC 3611 §4.7.2 with the recommended Gmin of 16: a burst is the longest stretch that begins and
 * ends with a loss and holds no 16 packets received in a row. A loss that stands alone – 16 received on both sides of
 * it, or the end of the stream – belongs to a gap, whose loss rate so is 1/17 at most. `lost`: packet by packet.
 */
export function lossRuns(lost: readonly boolean[]): LossRuns {
  const at = lost.flatMap((isLost, index) => (isLost ? [index] : []));
  const runs = divide(at, (distance) => distance > 1);
  const bursts = divide(at, (distance) => distance > GMIN).filter((burst) => burst.length > 1);
  const most = (values: readonly number[]): number => values.reduce((a, b) => Math.max(a, b), 0);
  return {
    longest: most(runs.map((run) => run.length)),
    bursts: bursts.length,
    longestBurst: most(bursts.map((burst) => (burst.at(-1) as number) - (burst[0] as number) + 1)),
    lostInBursts: bursts.reduce((n, burst) => n + burst.length, 0),
  };
}

/** Ascending numbers in groups; a new one begins where the distance to the one before is `far`. */
function divide(numbers: readonly number[], far: (distance: number) => boolean): number[][] {
  const groups: number[][] = [];
  for (const [i, number] of numbers.entries()) {
    if (i === 0 || far(number - (numbers[i - 1] as number))) groups.push([number]);
    else groups.at(-1)?.push(number);
  }
  return groups;
}
