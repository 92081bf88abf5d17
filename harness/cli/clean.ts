import chalk from "chalk";
import type { CommandModule } from "yargs";
import { type CleanResult, cleanLabs } from "../lab/clean.js";
import { EXIT } from "./exit.js";

export const clean: CommandModule = {
  command: "clean",
  describe: "Remove what labs left behind whose mqoe was killed (never touches anything else)",
  builder: (yargs) =>
    yargs.epilogue(
      "Reads the journals below /run/mqoe: exactly the namespaces and processes they name are removed, and only when " +
        "the process that owned the lab is gone. A lab that is running is left alone.",
    ),
  async handler() {
    const results = await cleanLabs();
    if (results.length === 0) console.log("nothing to clean: no labs on this machine");
    for (const result of results) console.log(describe(result));
    if (results.some((result) => result.error !== null)) process.exitCode = EXIT.rig;
  },
};

function describe(result: CleanResult): string {
  if (result.alive) return `${chalk.yellow("kept")}     ${result.lab}: its owner is running`;
  const parts = [plural(result.namespaces, "namespace"), plural(result.processes, "process", "processes")];
  if (result.error !== null)
    return `${chalk.red("left")}     ${result.lab}: removed ${parts.join(", ")}; ${result.error}`;
  return `${chalk.green("removed")}  ${result.lab}: ${parts.join(", ")}`;
}

function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
