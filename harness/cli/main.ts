#!/usr/bin/env node
import chalk from "chalk";
import yargs, { type CommandModule } from "yargs";
import { hideBin } from "yargs/helpers";
import { findRoot } from "../ffi/native.js";
import { packageVersion } from "../run/environment.js";
import { blueprint } from "./blueprint.js";
import { check } from "./check.js";
import { clean } from "./clean.js";
import { doctor } from "./doctor.js";
import { EXIT, UsageError } from "./exit.js";
import { init } from "./init.js";
import { list } from "./list.js";
import { report } from "./report.js";
import { run } from "./run.js";
import { schema } from "./schema.js";
import { shell } from "./shell.js";

const commands = [run, check, blueprint, list, doctor, shell, report, clean, schema, init] as CommandModule[];

/** Runs one command line. Whatever goes wrong ends as one readable line and an exit code, never as a stack trace. */
async function main(): Promise<void> {
  const parser = yargs(hideBin(process.argv))
    .scriptName("mqoe")
    .usage(
      "$0 COMMAND …\n\nOne TOML file becomes a real network on this machine, under real load, and comes back pass or fail.",
    )
    .command(commands)
    .demandCommand(1, "which command?  mqoe --help lists them")
    .recommendCommands()
    .strict()
    .version(packageVersion(findRoot()))
    .help()
    .alias("help", "h")
    .wrap(Math.min(100, process.stdout.columns ?? 100))
    .epilogue(
      "Exit codes: 0 all passed · 1 an expectation failed, or an expected-fail passed · 2 usage or scenario error ·\n" +
        "3 rig error, no data, or a control that passed · 4 nothing ran · 5 inconclusive · 130 interrupted",
    )
    .exitProcess(false)
    .fail((message, error) => {
      throw error ?? new UsageError(message);
    });
  await parser.parseAsync();
}

try {
  await main();
} catch (error) {
  const usage = error instanceof UsageError;
  process.stderr.write(`${chalk.red("mqoe:")} ${(error as Error).message}\n`);
  if (process.env.MQOE_DEBUG) process.stderr.write(`${(error as Error).stack}\n`);
  process.exitCode = usage ? EXIT.usage : EXIT.rig;
}
