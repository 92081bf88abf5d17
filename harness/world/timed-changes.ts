import { setTimeout as sleep } from "node:timers/promises";
import type { ChangeBlueprint } from "../blueprint/types.js";
import type { Middle } from "../dataplane/middle.js";
import { clockMonotonic } from "../ffi/spool.js";
import type { EventLog } from "./event-log.js";

/** More lines than these would push everything else off the screen; all changes are in the event log. */
const MAX_SHOWN = 50;

/**
 * Tells the middle of each change of the timeline when its time has come, one after the other: a change that takes long
 * makes the next one late, which its event says. On a guest's virtual time the same run tells them at the same moments.
 */
export class TimedChanges {
  private readonly over = new AbortController();

  constructor(
    private readonly changes: readonly ChangeBlueprint[],
    private readonly middle: Pick<Middle, "change">,
    private readonly log: Pick<EventLog, "write">,
    /** For whoever watches. */
    private readonly show: (text: string) => void = () => {},
  ) {}

  /** Resolves with what is wrong when a change was refused; else never. `t0`: CLOCK_MONOTONIC, ns. */
  failure(t0: number): Promise<Error> {
    return new Promise((resolve) => {
      this.tell(t0).catch((error: Error) => {
        if (!this.over.signal.aborted) resolve(error);
      });
    });
  }

  /** The run is over: what has not been told by now never is. */
  stop(): void {
    this.over.abort();
  }

  private async tell(t0: number): Promise<void> {
    for (const [number, change] of this.changes.entries()) {
      await this.reach(t0 + change.at);
      const late = clockMonotonic() - (t0 + change.at);
      const event = { set: change.text, at: change.at / 1e9, late_ms: late / 1e6 };
      await this.middle.change(number, change).catch((refusal: Error) => {
        this.log.write("change", { ...event, error: refusal.message });
        throw new Error(`the change at ${change.at / 1e9} s (${change.text}) failed: ${refusal.message}`);
      });
      if (number < MAX_SHOWN) this.show(`at ${change.at / 1e9} s: ${change.text}`);
      if (number === MAX_SHOWN) this.show(`further changes are in events.jsonl`);
      const applied = clockMonotonic() - (t0 + change.at) - late;
      this.log.write("change", { ...event, applied_ms: applied / 1e6 });
    }
  }

  /** Timers count whole milliseconds and may be early by a part of one. */
  private async reach(time: number): Promise<void> {
    for (let left = time - clockMonotonic(); left > 0; left = time - clockMonotonic())
      await sleep(Math.ceil(left / 1e6), undefined, { signal: this.over.signal });
  }
}
