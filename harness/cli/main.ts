#!/usr/bin/env node
import chalk from "chalk";
import yargs, { type CommandModule } from "yargs";
import { hideBin } from "yargs/helpers";
import { packageVersion } from "../ffi/package.js";
import { abortAll, Interrupted } from "../run/interrupt.js";
import { EXIT, UsageError } from "./exit.js";

/** In the order of --help. Each is loaded when it is asked for: `check` must not wait for what only a run needs. */
const COMMANDS: Record<string, () => Promise<object>> = {
  run: async () => (await import("./run.js")).run,
  check: async () => (await import("./check.js")).check,
  blueprint: async () => (await import("./blueprint.js")).blueprint,
  list: async () => (await import("./list.js")).list,
  doctor: async () => (await import("./doctor.js")).doctor,
  shell: async () => (await import("./shell.js")).shell,
  report: async () => (await import("./report.js")).report,
  stats: async () => (await import("./stats.js")).stats,
  clean: async () => (await import("./clean.js")).clean,
  schema: async () => (await import("./schema.js")).schema,
  init: async () => (await import("./init.js")).init,
  world: async () => (await import("./world.js")).world,
};

/** The command that the first word names; all of them when it names none (help, a misspelt one). */
async function loadCommands(word: string | undefined): Promise<CommandModule[]> {
  if (word !== undefined && Object.hasOwn(COMMANDS, word)) return [(await COMMANDS[word]?.()) as CommandModule];
  return (await Promise.all(Object.values(COMMANDS).map((load) => load()))) as CommandModule[];
}

/** Runs one command line. Whatever goes wrong ends as one readable line and an exit code, never as a stack trace. */
async function main(): Promise<void> {
  const words = hideBin(process.argv);
  const parser = yargs(words)
    .scriptName("mqoe")
    .usage(
      "$0 COMMAND …\n\nOne TOML file becomes a real network on this machine, under real load, and comes back pass or fail.",
    )
    .command(await loadCommands(words[0]))
    .demandCommand(1, "which command?  mqoe --help lists them")
    .recommendCommands()
    .strict()
    .version(packageVersion())
    .help()
    .alias("help", "h")
    .wrap(Math.min(100, process.stdout.columns ?? 100))
    .epilogue(
      "Exit codes:\n" +
        "    0  all passed (controls that must fail did fail)\n" +
        "    1  an expectation failed, or a control that must fail passed\n" +
        "    2  usage or scenario error\n" +
        "    3  the rig was at fault, or there was no data\n" +
        "    4  nothing ran\n" +
        "    5  inconclusive\n" +
        "  130  interrupted",
    )
    .exitProcess(false)
    .fail((message, error) => {
      // yargs has its own class for whatever is wrong with the words of the command line, also for what `coerce` threw.
      throw error && error.name !== "YError" ? error : new UsageError(message);
    });
  await parser.parseAsync();
}

/** The last line of a command that did not end well; returns its exit code. */
function explain(error: unknown): number {
  const { message, stack } = error instanceof Error ? error : { message: String(error), stack: "" };
  process.stderr.write(`${chalk.red("mqoe:")} ${message}\n`);
  if (process.env.MQOE_DEBUG) process.stderr.write(`${stack}\n`);
  if (error instanceof Interrupted) return EXIT.interrupted;
  return error instanceof UsageError ? EXIT.usage : EXIT.rig;
}

/**
 * The reader of a pipe left (`mqoe run … | head -1`): for a run that is a wish to stop, for a listing it is no matter.
 * Any other loss (a full disk) means that somebody does not get what he waits for: never a success.
 */
function outputLost(error: NodeJS.ErrnoException): void {
  if (error.code === "EPIPE") {
    abortAll(new Interrupted("SIGPIPE"));
    return;
  }
  const loss = new Error(`standard output is lost: ${error.message}`);
  if (abortAll(loss) || lost) return;
  lost = true;
  const code = explain(loss);
  process.once("exit", (otherwise) => {
    if (otherwise === EXIT.ok) process.exitCode = code;
  });
}

let lost = false;

/** What nobody awaited. With a lab standing it must come down first; main() then ends with this error. */
function uncaught(error: Error): void {
  if (!abortAll(error)) process.exit(explain(error));
}

process.stdout.on("error", outputLost);
// Nobody can be told: the exit code has to do.
process.stderr.on("error", () => {});
process.on("uncaughtException", uncaught);

try {
  await main();
} catch (error) {
  process.exitCode = explain(error);
}
