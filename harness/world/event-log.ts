import { appendFileSync } from "node:fs";
import { join } from "node:path";

/**
 * `events.jsonl` of one run (docs/run-folder.md). A line is on disk when `write` returns, so that a crash keeps
 * everything said so far; a full disk must not end a measurement, so the first failed write is kept and told once.
 */
export class EventLog {
  private readonly file: string;
  private t0: number | null = null;
  failure: NodeJS.ErrnoException | null = null;

  constructor(
    runFolder: string,
    private readonly clock: () => number,
  ) {
    this.file = join(runFolder, "events.jsonl");
  }

  /** From now on `time` is seconds since t0 (CLOCK_MONOTONIC nanoseconds). */
  start(t0: number): void {
    this.t0 = t0;
  }

  write(event: string, fields: object = {}): void {
    const time = this.t0 === null ? null : Math.round((this.clock() - this.t0) / 1e3) / 1e6;
    try {
      appendFileSync(this.file, `${JSON.stringify({ event, time, ...fields })}\n`);
    } catch (error) {
      this.failure ??= error as NodeJS.ErrnoException;
    }
  }
}
