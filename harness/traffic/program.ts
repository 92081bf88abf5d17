import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { execa } from "execa";
import type { ProgramBlueprint, UserBlueprint } from "../blueprint/types.js";
import { findNative } from "../ffi/native.js";
import { Capture, type Captured } from "./capture.js";

/** The same in every world and on every machine: what the user's shell happens to export decides nothing. */
export const SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Where programs of a lab find what is theirs. */
export interface ProgramPlaces {
  /** Each has a file system of its own there, home and working directory, which goes with it. */
  home: string;
  /** `hosts` and `resolv.conf` of all. */
  etc: string;
  /** For what they print: `<name>.out`, `<name>.err`. */
  outputs: string;
}

/** How a program ended. */
export interface ProgramEnd {
  /** 128 + N when signal N ended it. */
  code: number;
  signal: number;
  /** CLOCK_MONOTONIC, ns. */
  started: number;
  ended: number;
  stdout: Captured;
  stderr: Captured;
  /** The last lines of standard error, or else of standard output. */
  lastWords: string[];
}

/** A line of `mqoe-native program` (native/program/program.h). */
interface Report {
  event: "ended" | "error";
  code: number | string;
  signal?: number;
  started?: number;
  ended?: number;
  object?: string;
  syscall?: string;
  message?: string;
}

/** A program could not be started, or nobody knows how it ended. */
export class ProgramFailure extends Error {}

function launch(program: ProgramBlueprint, user: UserBlueprint, { home, etc }: ProgramPlaces) {
  const ids = ["--uid", String(user.uid), "--gid", String(user.gid)];
  const options = ["--netns", program.netns, ...ids, "--home", home, "--etc", etc, "--report", "3"];
  return execa(findNative().binary, ["program", ...options, "--", ...program.command], {
    stdio: ["ignore", "pipe", "pipe", "pipe"],
    buffer: false,
    reject: false,
    detached: true,
    cleanup: false,
    extendEnv: false,
    env: { PATH: SEARCH_PATH, HOME: home, TMPDIR: home, LANG: "C.UTF-8", ...program.environment },
  });
}

/**
 * One program of the scenario, and its keeper: when the harness dies, or the keeper, so does all that the program ever
 * started.
 */
export class Program {
  private readonly child: ReturnType<typeof launch>;
  private readonly reports: Report[] = [];
  /** Resolves when nothing of it is left; rejects with ProgramFailure. */
  readonly ended: Promise<ProgramEnd>;

  constructor(
    readonly blueprint: ProgramBlueprint,
    user: UserBlueprint,
    places: ProgramPlaces,
  ) {
    this.child = launch(blueprint, user, places);
    this.ended = this.follow(join(places.outputs, blueprint.name));
    this.ended.catch(() => {}); // Whoever waits hears of it.
  }

  /** Of the keeper, which is root's. */
  get pid(): number {
    return this.child.pid ?? -1;
  }

  /** SIGTERM to all of it, SIGKILL after 2 s. */
  end(): void {
    this.child.kill("SIGTERM");
  }

  /** Whatever state it is in; what it keeps dies with it. */
  kill(): void {
    this.child.kill("SIGKILL");
  }

  private async follow(file: string): Promise<ProgramEnd> {
    const stdout = new Capture(this.child.stdout as Readable, `${file}.out`);
    const stderr = new Capture(this.child.stderr as Readable, `${file}.err`);
    const lines = createInterface({ input: this.child.stdio[3] as Readable });
    lines.on("line", (line) => this.reports.push(JSON.parse(line) as Report));
    const told = new Promise<void>((resolve) => lines.on("close", resolve));
    const result = await this.child;
    await Promise.all([stdout.ended, stderr.ended, told]);
    const [first] = this.reports;
    if (first?.event !== "ended") throw new ProgramFailure(whyNot(this.blueprint, first, result.signal));
    const { code, signal = 0, started = 0, ended = 0 } = first;
    const words = stderr.lastWords();
    return {
      code: signal > 0 ? 128 + signal : Number(code),
      signal,
      started,
      ended,
      stdout: stdout.result,
      stderr: stderr.result,
      lastWords: words.length > 0 ? words : stdout.lastWords(),
    };
  }
}

function whyNot({ name }: ProgramBlueprint, report: Report | undefined, signal: string | undefined): string {
  if (report?.event === "error")
    return `program ${name} could not be run: ${report.syscall} ${report.object}: ${report.message} (${report.code})`;
  return `program ${name}: its keeper ended without a word${signal === undefined ? "" : ` (${signal})`}`;
}
