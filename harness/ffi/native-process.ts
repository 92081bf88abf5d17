import { createInterface } from "node:readline";
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
}

/** The dataplane's own conservation counters, frames since start. */
export interface DataplaneAccounting {
  in: number;
  out: number;
  dropped: { aqm: number; overflow: number; path: number; rig: number };
  held: number;
  unclassified: number;
  kernel: { rx_dropped: number; rx_invalid: number; fill_empty: number; tx_invalid: number };
}

/** A native process failed or died; the message is one readable line. */
export class NativeProcessError extends Error {
  constructor(
    readonly part: string,
    message: string,
  ) {
    super(`${part}: ${message}`);
  }
}

function launch(part: string, blueprintFile: string) {
  return execa(findNative().binary, [part, "--blueprint", blueprintFile], {
    buffer: false,
    reject: false,
    detached: true,
    cleanup: false,
    stdio: "pipe",
  });
}

type Waiter = {
  wants: (event: NativeEvent) => boolean;
  resolve: (event: NativeEvent) => void;
  reject: (error: Error) => void;
};

/**
 * One `mqoe-native PART --blueprint FILE` and its control channel. It runs in a process group of its own, so that a
 * Ctrl-C reaches only the harness, which then stops it in order; when the harness dies, its standard input ends and it
 * stops by itself.
 */
export class NativeProcess {
  private readonly child: ReturnType<typeof launch>;
  private waiters: Waiter[] = [];
  private lastWords: string[] = [];
  private failure: NativeProcessError | null = null;
  /** Resolves when the process is gone, whatever the reason; null = it ended as told. */
  readonly exited: Promise<NativeProcessError | null>;
  private stopping = false;

  constructor(
    readonly part: "dataplane" | "traffic",
    blueprintFile: string,
  ) {
    this.child = launch(part, blueprintFile);
    // Commands to a process that just died are lost, not thrown: `exited` tells the story.
    this.child.stdin.on("error", () => {});
    createInterface({ input: this.child.stdout }).on("line", (line) => this.receive(line));
    createInterface({ input: this.child.stderr }).on("line", (line) => this.lastWords.push(line));
    this.exited = this.watchExit();
  }

  get pid(): number {
    return this.child.pid ?? -1;
  }

  send(command: object): void {
    this.child.stdin.write(`${JSON.stringify(command)}\n`);
  }

  /** The next event of that name; rejects when the process dies, reports a fatal error, or after `timeoutMs`. */
  wait(name: NativeEvent["event"], timeoutMs: number): Promise<NativeEvent> {
    if (this.failure) return Promise.reject(this.failure);
    return new Promise((resolve, reject) => {
      const waiter: Waiter = { wants: (event) => event.event === name, resolve, reject };
      const timer = setTimeout(() => {
        this.forget(waiter);
        reject(new NativeProcessError(this.part, `no "${name}" within ${Math.round(timeoutMs / 1000)} s`));
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
  ask(command: object, answer: NativeEvent["event"], timeoutMs = 2000): Promise<NativeEvent> {
    const answered = this.wait(answer, timeoutMs);
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
    return stopped?.accounting ?? null;
  }

  private receive(line: string): void {
    let event: NativeEvent;
    try {
      event = JSON.parse(line);
    } catch {
      this.lastWords.push(line);
      return;
    }
    if (event.event === "error" && event.fatal) {
      const what = `${event.syscall} ${event.object}: ${event.message} (${event.code})`;
      this.fail(new NativeProcessError(this.part, what));
      return;
    }
    const waiter = this.waiters.find((candidate) => candidate.wants(event));
    if (!waiter) return;
    this.forget(waiter);
    waiter.resolve(event);
  }

  private async watchExit(): Promise<NativeProcessError | null> {
    const result = await this.child;
    const how = result.signal ? `killed by ${result.signal}` : `exit code ${result.exitCode}`;
    const words = this.lastWords.slice(-3).join(" / ");
    const error = new NativeProcessError(this.part, `ended unexpectedly (${how})${words ? `: ${words}` : ""}`);
    const expected = this.stopping && result.exitCode === 0;
    this.fail(this.failure ?? error);
    return expected ? null : (this.failure ?? error);
  }

  private fail(error: NativeProcessError): void {
    this.failure ??= error;
    for (const waiter of this.waiters.splice(0)) waiter.reject(this.failure);
  }

  private forget(waiter: Waiter): void {
    this.waiters = this.waiters.filter((other) => other !== waiter);
  }
}
