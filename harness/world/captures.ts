import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Blueprint } from "../blueprint/types.js";
import type { Launch } from "../dataplane/middle.js";
import type { CapturedFile, NativeProcess } from "../ffi/native-process.js";
import { orAborted } from "../ffi/or-aborted.js";
import type { EventLog } from "./event-log.js";

const READY_MS = 15_000;
/** A capture is written in one go when it ends, at least this fast. */
const STOP_MS = 3000;
const BYTES_PER_MS = 50_000;

/** How long a process may take to stop that writes captures of `limits` bytes then. */
export function stopWithin(limits: readonly { limit: number }[] = []): number {
  return STOP_MS + limits.reduce((sum, { limit }) => sum + limit, 0) / BYTES_PER_MS;
}

/** The folder and the file that captures need; nothing without any. */
export function writeCaptureParts({ capture, dataplane }: Blueprint, folder: string): void {
  if (capture || dataplane.captures) mkdirSync(join(folder, "captures"));
  if (capture) writeFileSync(join(folder, "capture.json"), `${JSON.stringify(capture, null, 1)}\n`);
}

/**
 * The packet captures of a run: the process with packet sockets, where one is needed, and what is told of every file.
 * They are evidence beside the run: once it goes, nothing that happens to them ends or spoils it.
 */
export class SessionCaptures {
  private process: NativeProcess | null = null;
  private told = false;

  constructor(
    private readonly blueprint: Blueprint,
    private readonly log: EventLog,
    private readonly note: (text: string) => void,
  ) {}

  /** Throws when it cannot start: what the scenario asks for would be missing. Returns what the process is called and says. */
  async start(launch: Launch, signal: AbortSignal): Promise<Record<string, unknown>> {
    if (!this.blueprint.capture) return {};
    this.process = launch("capture", "capture");
    const ready = await orAborted(this.process.wait("ready", READY_MS), signal);
    void this.process.exited.then((error) => error && this.note(`${error.message}; the run goes on without it`));
    return { capture: ready.info };
  }

  /** `t0`: CLOCK_MONOTONIC, ns. */
  go(t0: number): void {
    this.process?.send({ op: "go", t0 });
  }

  /** Stops the process, when nothing is under way any more, and tells what was captured there and by the dataplane. */
  async end(byDataplane: readonly CapturedFile[]): Promise<void> {
    await this.process?.stop(stopWithin(this.blueprint.capture?.captures));
    if (this.told) return;
    const files = [...byDataplane, ...(this.process?.captured ?? [])];
    this.told = files.length > 0;
    for (const { error, ...file } of files) {
      this.log.write("captured", { ...file, ...(error === undefined ? {} : { error }) });
      if (error !== undefined) this.note(`capture ${file.name}: ${error}`);
    }
  }
}
