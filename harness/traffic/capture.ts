import { closeSync, openSync, writeSync } from "node:fs";
import type { Readable } from "node:stream";

/** Bytes of each output that are kept. */
export const OUTPUT_LIMIT = 16 * 2 ** 20;
/** Lines and bytes of the end that are told when a program fails. */
const LAST_LINES = 3;
const LAST_BYTES = 2000;

/** What was said of an output: bytes printed, bytes kept in its file, and what could not be written, if anything. */
export interface Captured {
  bytes: number;
  kept: number;
  error: string | null;
}

/**
 * Writes a program's output to a file as it comes, up to a limit; the rest is read and dropped, so that the program
 * goes on. Written at once, without threads: in a guest those would read the clock (docs/hermetic.md).
 */
export class Capture {
  private readonly fd: number;
  private bytes = 0;
  private kept = 0;
  private error: string | null = null;
  private tail = Buffer.alloc(0);
  /** Resolves at the output's end. */
  readonly ended: Promise<void>;

  constructor(
    stream: Readable,
    file: string,
    private readonly limit = OUTPUT_LIMIT,
  ) {
    this.fd = openSync(file, "w");
    stream.on("data", (chunk: Buffer) => this.take(chunk));
    this.ended = new Promise((resolve) => {
      stream.on("error", () => {});
      stream.on("close", () => {
        closeSync(this.fd);
        resolve();
      });
    });
  }

  get result(): Captured {
    return { bytes: this.bytes, kept: this.kept, error: this.error };
  }

  /** The last lines, for a message. */
  lastWords(): string[] {
    const text = this.tail.toString("utf8").trimEnd();
    return text === "" ? [] : text.split("\n").slice(-LAST_LINES);
  }

  private take(chunk: Buffer): void {
    this.bytes += chunk.length;
    this.tail = Buffer.concat([this.tail, chunk]).subarray(-LAST_BYTES);
    const room = chunk.subarray(0, Math.max(0, this.limit - this.kept));
    if (room.length === 0 || this.error !== null) return;
    try {
      for (let at = 0; at < room.length; ) at += writeSync(this.fd, room, at);
      this.kept += room.length;
    } catch (error) {
      this.error = (error as Error).message; // A full disk ends no measurement.
    }
  }
}
