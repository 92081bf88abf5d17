import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { execa } from "execa";
import { findNative } from "./native.js";

/** A line from a native process (docs/control.md). */
export interface NativeEvent {
  event: "ready" | "done" | "stats" | "changed" | "stopped" | "error";
  id?: number;
  fatal?: boolean;
  syscall?: string;
  object?: string;
  code?: string;
  message?: string;
  segments?: { type: string; writer: string; path: string }[];
  info?: Record<string, unknown>;
  accounting?: DataplaneAccounting;
  captures?: CapturedFile[];
}

/** A capture that has become a file, or with `error` has not. */
export interface CapturedFile {
  name: string;
  /** Below the folder of the process's blueprint. */
  file: string;
  /** In the file; bytes of the file. */
  packets: number;
  bytes: number;
  /** Packets that were to be captured; those that the kernel dropped first. */
  seen: number;
  lost: number;
  error?: string;
}

/** A line to a native process. */
export interface NativeCommand {
  op: "go" | "change" | "stats" | "stop";
  id?: number;
  [field: string]: unknown;
}

/** The dataplane's own conservation counters, frames since start. */
export interface DataplaneAccounting {
  in: number;
  /** Frames that paths made of others, and those for which there was no memory (these are in `dropped.rig`, too). */
  duplicated?: number;
  /** Frames in which a path flipped a bit. */
  corrupted?: number;
  out: number;
  dropped: { aqm: number; overflow: number; path: number; rig: number };
  held: number;
  unclassified: number;
  kernel: { rx_dropped: number; rx_invalid: number; fill_empty: number; tx_invalid: number };
}

/** The programs of `mqoe-native` that have a control channel. */
export type NativePart = "dataplane" | "kernel" | "external" | "path" | "traffic" | "capture";

/** A native process failed, refused or died; the message is one readable line. */
export class NativeProcessError extends Error {
  constructor(
    readonly process: string,
    message: string,
    /** `EOPNOTSUPP`, when the process said it. */
    readonly code: string | null = null,
  ) {
    super(`${process}: ${message}`);
  }
}

function launch(binary: string, part: string, blueprintFile: string) {
  return execa(binary, [part, "--blueprint", blueprintFile], {
    buffer: false,
    reject: false,
    detached: true,
    cleanup: false,
    stdio: "pipe",
  });
}

type Waiter = {
  name: NativeEvent["event"];
  /** The command that the event answers, when there is one: its refusal ends the wait. */
  command: NativeCommand | null;
  resolve: (event: NativeEvent) => void;
  reject: (error: Error) => void;
};

/** As many lines of standard error as are kept; the last ones tell why a process ended. */
const WORDS_KEPT = 50;

/**
 * One `mqoe-native PART --blueprint FILE` and its control channel. It runs in a process group of its own, so that a
 * Ctrl-C reaches only the harness, which then stops it in order; when the harness dies, its standard input ends and it
 * stops by itself.
 */
export class NativeProcess {
  private readonly child: ReturnType<typeof launch>;
  private readonly linesEnded: Promise<unknown>;
  private waiters: Waiter[] = [];
  private failure: NativeProcessError | null = null;
  private stopping = false;
  /** The packet captures that it has left behind, once it was stopped. */
  captured: readonly CapturedFile[] = [];
  /** What it said to people (standard error), the last lines. */
  readonly said: string[] = [];
  /** Resolves when the process is gone, whatever the reason; null = it ended as told. */
  readonly exited: Promise<NativeProcessError | null>;

  /**
   * `onRefusal` hears of errors that nobody waits for: what was refused without being asked about. `name` is what
   * people call the process: the dataplane is `dataplane` whichever program it is.
   */
  constructor(
    part: NativePart,
    blueprintFile: string,
    private readonly onRefusal: (error: NativeProcessError) => void = () => {},
    binary = findNative().binary,
    readonly name: string = part,
  ) {
    this.child = launch(binary, part, blueprintFile);
    // Commands to a process that just died are lost, not thrown: `exited` tells the story.
    this.child.stdin.on("error", () => {});
    this.linesEnded = Promise.all([
      eachLine(this.child.stdout, (line) => this.receive(line)),
      eachLine(this.child.stderr, (line) => this.keep(line)),
    ]);
    this.exited = this.watchExit();
  }

  get pid(): number {
    return this.child.pid ?? -1;
  }

  send(command: NativeCommand): void {
    this.child.stdin.write(`${JSON.stringify(command)}\n`);
  }

  /**
   * The next event of that name, as the answer to `command` if one is given. Rejects when the process refuses that
   * command, dies, reports a fatal error, or after `timeoutMs`.
   */
  wait(name: NativeEvent["event"], timeoutMs: number, command: NativeCommand | null = null): Promise<NativeEvent> {
    if (this.failure) return Promise.reject(this.failure);
    return new Promise((resolve, reject) => {
      const waiter: Waiter = { name, command, resolve, reject };
      const timer = setTimeout(() => {
        this.forget(waiter);
        reject(new NativeProcessError(this.name, `no "${name}" within ${Math.round(timeoutMs / 1000)} s`));
      }, timeoutMs);
      waiter.resolve = (event) => {
        clearTimeout(timer);
        resolve(event);
      };
      waiter.reject = (error) => {
        clearTimeout(timer);
        reject(error);
      };
      this.waiters.push(waiter);
    });
  }

  /** Sends a command and waits for its answer. */
  ask(command: NativeCommand, answer: NativeEvent["event"], timeoutMs = 2000): Promise<NativeEvent> {
    const answered = this.wait(answer, timeoutMs, command);
    this.send(command);
    return answered;
  }

  /** Stops it in order, and by force when it does not; never throws. Returns its last accounting, if it gave one. */
  async stop(timeoutMs = 3000): Promise<DataplaneAccounting | null> {
    this.stopping = true;
    const stopped = await this.ask({ op: "stop" }, "stopped", timeoutMs).catch(() => null);
    const force = setTimeout(() => this.child.kill("SIGKILL"), stopped ? timeoutMs : 0);
    await this.exited;
    clearTimeout(force);
    this.captured = stopped?.captures ?? this.captured;
    return stopped?.accounting ?? null;
  }

  private receive(line: string): void {
    const event = parseEvent(line);
    if (event === null) this.keep(line);
    else if (event.event === "error") this.receiveError(event);
    else {
      const waiter = this.waiters.find(({ name, command }) => name === event.event && command?.id === event.id);
      if (!waiter) return;
      this.forget(waiter);
      waiter.resolve(event);
    }
  }

  private receiveError(event: NativeEvent): void {
    const what = `${event.syscall} ${event.object}: ${event.message} (${event.code})`;
    const error = new NativeProcessError(this.name, what, event.code ?? null);
    const waiter = this.waiters.find(({ command }) => command !== null && refuses(event, command));
    if (event.fatal) this.fail(error);
    else if (waiter) {
      this.forget(waiter);
      waiter.reject(error);
    } else this.onRefusal(error);
  }

  private keep(line: string): void {
    this.said.push(line);
    if (this.said.length > WORDS_KEPT) this.said.shift();
  }

  private async watchExit(): Promise<NativeProcessError | null> {
    const result = await this.child;
    const started = result.exitCode !== undefined || result.signal !== undefined;
    // What it said last may still be on its way; a program that never ran has no lines to end.
    if (started) await this.linesEnded;
    const how = result.signal ? `killed by ${result.signal}` : `exit code ${result.exitCode}`;
    const words = this.said.slice(-3).join(" / ");
    const message = started
      ? `ended unexpectedly (${how})${words ? `: ${words}` : ""}`
      : `could not be started: ${(result.shortMessage ?? "unknown reason").replaceAll("\n", ": ")}`;
    this.fail(this.failure ?? new NativeProcessError(this.name, message));
    return this.stopping && result.exitCode === 0 ? null : this.failure;
  }

  private fail(error: NativeProcessError): void {
    this.failure ??= error;
    for (const waiter of this.waiters.splice(0)) waiter.reject(this.failure);
  }

  private forget(waiter: Waiter): void {
    this.waiters = this.waiters.filter((other) => other !== waiter);
  }
}

/** Resolves when the stream has given its last line. */
function eachLine(input: Readable, receive: (line: string) => void): Promise<unknown> {
  const lines = createInterface({ input });
  lines.on("line", receive);
  return once(lines, "close");
}

/** A refusal carries the command's id, or else names the command, or a field of it (`go.t0`). */
function refuses(event: NativeEvent, command: NativeCommand): boolean {
  if (event.id !== undefined || command.id !== undefined) return event.id === command.id;
  return [event.syscall, event.object?.split(".")[0]].includes(command.op);
}

function parseEvent(line: string): NativeEvent | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && "event" in value ? (value as NativeEvent) : null;
  } catch {
    return null;
  }
}
