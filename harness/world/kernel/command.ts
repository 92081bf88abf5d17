import { spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { createInterface } from "node:readline";

/** How programs of the build are run: where their output goes, with what environment, and until when. */
export interface CommandContext {
  /** Everything they print is appended here. */
  log: string;
  env: NodeJS.ProcessEnv;
  signal: AbortSignal;
}

/** A program that ended badly; its last lines are part of the message. */
export class CommandFailed extends Error {
  constructor(
    readonly command: string,
    readonly how: string,
    readonly lastLines: readonly string[],
  ) {
    super(`${command} ${how}${lastLines.length > 0 ? `:\n  ${lastLines.join("\n  ")}` : ""}`);
  }
}

const KEPT_LINES = 15;
/** Characters of a command in an error: that of cp names every entry of a source tree. */
const COMMAND_LENGTH = 100;
/** Milliseconds between asking a program's group to end and killing it. */
const GRACE_MS = 3000;

/**
 * Runs a program to its end; returns its standard output's lines. `onLine` sees them as they come. It gets a process
 * group of its own, which an abort ends as a whole: a compiler that outlives its make would write into a folder that is
 * being removed. Throws `CommandFailed`, or the reason of the abort.
 */
export async function runCommand(
  words: readonly [string, ...string[]],
  cwd: string,
  context: CommandContext,
  onLine: (line: string) => void = () => {},
): Promise<string[]> {
  context.signal.throwIfAborted();
  const [program, ...args] = words;
  const child = spawn(program, args, { cwd, env: context.env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  const log = createWriteStream(context.log, { flags: "a" });
  // A full disk ends the program itself, which says so better.
  log.on("error", () => {});
  log.write(`\n$ ${words.join(" ")}\n`);
  const output: string[] = [];
  const all: string[] = [];
  const take = (line: string) => {
    log.write(`${line}\n`);
    all.push(line);
    if (all.length > KEPT_LINES) all.shift();
  };
  createInterface({ input: child.stdout }).on("line", (line) => {
    take(line);
    output.push(line);
    onLine(line);
  });
  createInterface({ input: child.stderr }).on("line", take);
  const stopWatching = endGroupOnAbort(child.pid, context.signal);
  try {
    const how = await new Promise<string | null>((resolve, reject) => {
      child.on("error", (error) => reject(new CommandFailed(program, `could not be started: ${error.message}`, [])));
      child.on("close", (code, signal) => resolve(describeEnd(code, signal)));
    });
    context.signal.throwIfAborted();
    if (how !== null) throw new CommandFailed(words.join(" ").slice(0, COMMAND_LENGTH), how, all);
    return output;
  } finally {
    stopWatching();
    await new Promise<void>((resolve) => log.end(() => resolve()));
  }
}

function describeEnd(code: number | null, signal: string | null): string | null {
  if (signal !== null) return `was killed by ${signal}`;
  return code === 0 ? null : `ended with exit code ${code}`;
}

/** Returns what takes the watch off again. */
function endGroupOnAbort(pid: number | undefined, signal: AbortSignal): () => void {
  if (pid === undefined) return () => {};
  let timer: NodeJS.Timeout | undefined;
  const end = () => {
    killGroup(pid, "SIGTERM");
    timer = setTimeout(() => killGroup(pid, "SIGKILL"), GRACE_MS);
  };
  signal.addEventListener("abort", end, { once: true });
  return () => {
    clearTimeout(timer);
    signal.removeEventListener("abort", end);
  };
}

function killGroup(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(-pid, name);
  } catch {
    // Gone already.
  }
}
