import { queues } from "../blueprint/paths.js";
import type { ChangeBlueprint, Direction, PathBlueprint } from "../blueprint/types.js";
import { longestDelay } from "../scenario/path-lines.js";

/** ns: what a change may take from its time until frames see it. */
const UNTIL_APPLIED = 1e8;

interface Version {
  /** When it is in force at the earliest and at the latest, ns from t0. */
  from: number;
  to: number;
  down: number;
  up: number;
}

/** Both lines of a path, or what recordings of older versions have of it. */
type Lines = Pick<PathBlueprint, Direction> | { downDelay: number; upDelay: number; rate: number };

/** The longest delays of the dataplane's paths, as changes leave them. */
export class PathDelays {
  /** Frames wait on a path for others, at least for a time: its delay is not all that a frame may need. */
  readonly mayQueue: boolean;
  /** By the path's index, each in the order in which they come into force. */
  readonly #versions: Version[][];

  constructor(paths: readonly PathBlueprint[], changes: readonly ChangeBlueprint[]) {
    let mayQueue = paths.some(queuesSomewhere);
    const [from, to] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
    this.#versions = paths.map((path) => [{ from, to, ...delaysOf(path) }]);
    for (const { at, set } of changes) {
      for (const setting of set) {
        if (!("path" in setting)) continue;
        mayQueue ||= queuesSomewhere(setting);
        const versions = this.#versions[setting.path];
        const before = versions?.at(-1);
        if (before) before.to = at + UNTIL_APPLIED;
        versions?.push({ from: at, to, ...delaysOf(setting) });
      }
    }
    this.mayQueue = mayQueue;
  }

  /** The most that `paths`, one after the other, may have delayed a frame that was under way from `sent` to `received`. */
  largest(paths: readonly number[], direction: Direction, sent: number, received: number): number {
    return paths.reduce((total, path) => {
      const versions = this.#versions[path] ?? [];
      let longest = 0;
      for (let n = startedBy(versions, received) - 1; n >= 0 && (versions[n] as Version).to >= sent; n--) {
        longest = Math.max(longest, (versions[n] as Version)[direction]);
      }
      return total + longest;
    }, 0);
  }
}

function queuesSomewhere(lines: Lines): boolean {
  return "downDelay" in lines ? lines.rate > 0 : queues(lines.down) || queues(lines.up);
}

function delaysOf(lines: Lines): Record<Direction, number> {
  if ("downDelay" in lines) return { down: lines.downDelay, up: lines.upDelay };
  return { down: longestDelay(lines.down), up: longestDelay(lines.up) };
}

/** How many of the versions, which are in order, have begun by `time`. */
function startedBy(versions: readonly Version[], time: number): number {
  let [low, high] = [0, versions.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((versions[middle] as Version).from <= time) low = middle + 1;
    else high = middle;
  }
  return low;
}
