import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";

/** What a guest is started with; see `mqoe-native guest`. All paths are absolute. */
export interface GuestOptions {
  binary: string;
  kernel: string;
  /** MiB of the guest's memory, and the folder of the file that holds it. */
  memory: number;
  memoryFolder: string;
  /** The one folder that the guest may write to. */
  run: string;
  /** libmqoe-entropy.so */
  preload: string;
  seed: number;
  /** CPU to stay on; −1 = wherever the scheduler likes. */
  cpu: number;
  /** The request's file name within `run`. */
  request: string;
  /** How long the guest may boot, and how long its clock may stand still, in milliseconds of the host's time. */
  limits: GuestLimits;
}

export interface GuestLimits {
  boot: number;
  still: number;
}

/** A line from a guest or its launcher (docs/control.md, "Guests"). */
export interface GuestLine {
  event: string;
  [field: string]: unknown;
}

/** How a guest ended; `problem` is one readable line, null when it ended by itself and in order. */
export interface GuestEnd {
  problem: string | null;
}

/** As much of the guest's console as is kept: what it said last tells why it ended. */
const CONSOLE_LINES = 50;
const WORDS_IN_MESSAGE = 3;
/** How long the launcher may take to ask the guest's kernel who runs. */
const ASK_MS = 5000;
/** Within this time what lies in a pipe is read. */
const UNREAD_MS = 100;
/** A watchdog that comes this much late was kept by a stop (Ctrl-Z) or a long computation of the harness's own. */
const LATE_MS = 1000;

/**
 * One guest kernel behind `mqoe-native guest`. It is watched on the host's clock: a guest that does not boot, or whose
 * own clock stands still because something in it spins, is ended and named. When this process dies, however it dies,
 * the launcher's input ends and nothing of the guest is left.
 */
export class GuestProcess {
  private readonly child: ReturnType<typeof launch>;
  /** The guest's console, the last lines. */
  readonly console: string[] = [];
  /** Resolves when nothing of the guest is left. */
  readonly ended: Promise<GuestEnd>;
  private booted = false;
  private failure: string | null = null;
  private isOver = false;
  /** Its kernel was asked who runs: it is to be ended, and is not listened to any more. */
  private asked = false;
  private orderly = false;
  /** The guest's own clock at its last sign of life, ns. */
  private guestTime = 0;
  private watchdog: NodeJS.Timeout | null = null;
  /** Signs of life so far. */
  private signs = 0;
  private running: ((task: string) => void) | null = null;

  constructor(
    private readonly options: GuestOptions,
    private readonly onLine: (line: GuestLine) => void,
  ) {
    this.child = launch(options);
    this.child.stdin.on("error", () => {}); // what is said to a dead launcher is lost; `ended` tells the story
    const lines = Promise.all([
      eachLine(this.child.stdout, (line) => this.receive(line)),
      eachLine(this.child.stderr, (line) => this.receiveWords(line)),
    ]);
    this.ended = this.watchEnd(lines);
    this.feed();
  }

  /** Ends the guest at once; what it has written until then stays. `problem` becomes the end's, if it has none yet. */
  kill(problem: string | null): void {
    this.failure ??= problem;
    this.orderly = problem === null;
    this.child.stdin.end();
  }

  /** The next sign of life must come within the limit. */
  private feed(): void {
    this.signs++;
    if (this.watchdog) clearTimeout(this.watchdog);
    const { boot, still } = this.options.limits;
    const limit = this.booted ? still : boot;
    const due = performance.now() + limit;
    this.watchdog = setTimeout(() => {
      // Whoever wakes so late stood still itself, and the guest perhaps with it: a new chance.
      if (performance.now() > due + LATE_MS) this.feed();
      else void this.bite();
    }, limit);
  }

  /**
   * Ends the guest, unless signs of life lay unread in the pipe. They are waited for before its kernel is asked: the
   * question interrupts the guest at a moment of the host's choice, and nobody vouches that what comes after repeats.
   */
  private async bite(): Promise<void> {
    const seconds = (ms: number) => `${Math.round(ms / 1000)} s`;
    const { signs } = this;
    await sleep(UNREAD_MS);
    if (this.signs !== signs || this.isOver) return;
    if (!this.booted) {
      this.kill(`the guest did not boot within ${seconds(this.options.limits.boot)}${this.lastWords()}`);
      return;
    }
    this.asked = true;
    const task = await this.runningTask();
    const culprit =
      task === "" ? "its kernel does not say who runs" : `"${task}" kept running: it spins, or computes without end`;
    const at = (this.guestTime / 1e9).toFixed(2);
    const still = seconds(this.options.limits.still);
    this.kill(
      `the guest's clock stood still for ${still} of the host's time, ${at} s after its boot; ${culprit}. ` +
        "Code takes no time there: wait in poll, epoll, nanosleep or a timerfd",
    );
  }

  private runningTask(): Promise<string> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(""), ASK_MS);
      this.running = (task) => {
        clearTimeout(timer);
        resolve(task);
      };
      this.child.stdin.write('{"op":"running"}\n');
    });
  }

  /** Standard error: what programs say there is kept; only how the launcher or guest-init failed is an event. */
  private receiveWords(text: string): void {
    const line = parseLine(text);
    if (line?.event === "error" && line.fatal === true) this.refused(line);
    else this.keep(text);
  }

  private receive(text: string): void {
    const line = parseLine(text);
    if (line === null) {
      this.keep(text);
      return;
    }
    if (line.event === "running") {
      this.running?.(String(line.task));
      return;
    }
    if (this.asked) return;
    this.feed();
    if (line.event === "booted") this.booted = true;
    else if (line.event === "tick") this.guestTime = Number(line.now);
    else if (line.event === "command-ended") this.commandEnded(line);
    else if (line.event === "error") this.refused(line);
    else if (line.event !== "ended") this.onLine(line);
  }

  private commandEnded({ code, signal }: GuestLine): void {
    if (code === 0) this.orderly = true;
    else this.failure ??= `mqoe's part in the guest ended with ${exitWords(code, signal)}${this.lastWords()}`;
  }

  private refused({ fatal, syscall, object, code, message }: GuestLine): void {
    if (fatal !== true) this.running?.("");
    else this.failure ??= `${syscall} ${object}: ${message} (${code})`;
  }

  private keep(line: string): void {
    this.console.push(line);
    if (this.console.length > CONSOLE_LINES) this.console.shift();
  }

  private lastWords(): string {
    const words = this.console.filter((line) => line.trim() !== "").slice(-WORDS_IN_MESSAGE);
    return words.length > 0 ? `; its console said last: ${words.join(" / ")}` : "";
  }

  private async watchEnd(lines: Promise<unknown>): Promise<GuestEnd> {
    const result = await this.child;
    this.isOver = true;
    if (result.exitCode !== undefined || result.signal !== undefined) await lines;
    if (this.watchdog) clearTimeout(this.watchdog);
    this.running?.("");
    if (this.failure !== null) return { problem: this.failure };
    if (this.orderly) return { problem: null };
    if (result.exitCode === undefined && result.signal === undefined) {
      return { problem: `the guest could not be started: ${(result.shortMessage ?? "").replaceAll("\n", ": ")}` };
    }
    return { problem: `the guest ended before its run did${this.panic() || this.lastWords()}` };
  }

  /** A kernel that gives up says why in one line, long before its last ones. */
  private panic(): string {
    const line = this.console.find((one) => /Kernel panic|Bus error|out of memory/i.test(one));
    return line ? `: ${line.trim()}` : "";
  }
}

function launch(options: GuestOptions) {
  const { binary, kernel, memory, memoryFolder, run, preload, seed, cpu, request } = options;
  const values = { kernel, memory, "memory-folder": memoryFolder, run, preload, seed, cpu, request };
  const words = Object.entries(values).flatMap(([name, value]) => [`--${name}`, String(value)]);
  // A process group of its own: a Ctrl-C reaches only the harness, which then decides.
  return execa(binary, ["guest", ...words], {
    buffer: false,
    reject: false,
    detached: true,
    cleanup: false,
    stdio: "pipe",
  });
}

function eachLine(input: Readable, receive: (line: string) => void): Promise<void> {
  return new Promise((resolve) => {
    const lines = createInterface({ input });
    lines.on("line", receive);
    lines.on("close", resolve);
  });
}

function parseLine(text: string): GuestLine | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && "event" in value ? (value as GuestLine) : null;
  } catch {
    return null;
  }
}

function exitWords(code: unknown, signal: unknown): string {
  return Number(signal) > 0 ? `signal ${signal}` : `exit code ${code}`;
}
