import { availableParallelism } from "node:os";
import chalk from "chalk";
import type { CommandModule } from "yargs";
import { makeBlueprint } from "../blueprint/index.js";
import type { Blueprint, EndpointBlueprint } from "../blueprint/types.js";
import { abortOnSignals } from "../run/interrupt.js";
import { randomLabName } from "../run/lab-name.js";
import { shellInLab } from "../run/shell.js";
import { UsageError } from "./exit.js";
import { allowExecOption, caseOption, dataplaneOption, given, labOption, setOption } from "./options.js";
import { pickCase } from "./pick-case.js";
import { requirePrivilege } from "./privilege.js";

interface ShellArguments {
  file: string;
  client: string;
  case: string | undefined;
  set: string[] | undefined;
  dataplane: string | undefined;
  "allow-exec": boolean | undefined;
  lab: string | undefined;
  "--"?: string[];
}

export const shell: CommandModule<object, ShellArguments> = {
  command: "shell <file> <client>",
  describe: "Build a scenario's lab and open a shell inside one of its clients or servers",
  builder: (yargs) =>
    yargs
      // What stands behind -- is the command with its own options, none of ours.
      .parserConfiguration({ "populate--": true })
      .positional("file", { type: "string", demandOption: true, describe: "scenario file" })
      .positional("client", { type: "string", demandOption: true, describe: "name of a client or server" })
      .option("case", caseOption)
      .option("set", setOption)
      .option("dataplane", dataplaneOption)
      .option("allow-exec", allowExecOption)
      .option("lab", labOption)
      .example("$0 shell scenarios/quickstart/home-fq-codel.toml home", "a prompt behind the shaped line")
      .example(
        "$0 shell scenarios/quickstart/home-fq-codel.toml home -- ping -c 3 198.18.0.1",
        "one command, its exit code",
      ),
  async handler(args) {
    const { file, set, dataplane, "allow-exec": allowExec = false } = args;
    const chosen = pickCase(file, args.case, given({ set, dataplane, allowExec }));
    if (chosen === null) return;
    const lab = args.lab ?? randomLabName();
    const blueprint = makeBlueprint(chosen, { lab, seed: chosen.seed, cores: availableParallelism() });
    const endpoint = findEndpoint(blueprint, args.client);
    requirePrivilege();
    const words = (args["--"] ?? []).map(String);
    const interactive = words.length === 0;
    const command = interactive ? [process.env.SHELL || "/bin/sh"] : words;
    const onReady = () => interactive && greet(blueprint, endpoint);
    const interruption = abortOnSignals();
    try {
      process.exitCode = await shellInLab({ blueprint, endpoint, command, onReady }, interruption);
    } finally {
      interruption.release();
    }
  },
};

function findEndpoint(blueprint: Blueprint, name: string): EndpointBlueprint {
  const endpoints = blueprint.lab.endpoints;
  const found = endpoints.find((endpoint) => endpoint.name === name);
  if (found) return found;
  const names = endpoints.slice(0, 20).map((endpoint) => endpoint.name);
  throw new UsageError(
    `no client or server named "${name}"; there are: ${names.join(", ")}${endpoints.length > 20 ? " …" : ""}`,
  );
}

function greet(blueprint: Blueprint, endpoint: EndpointBlueprint): void {
  console.log(
    `${chalk.bold(endpoint.name)} in lab ${blueprint.lab.name}: eth0 has ${[...endpoint.ipv4, ...endpoint.ipv6].join(" and ")}`,
  );
  for (const other of blueprint.lab.endpoints.filter((candidate) => candidate.role !== endpoint.role).slice(0, 8)) {
    console.log(`  ${other.role} ${other.name}: ${[...other.ipv4, ...other.ipv6].join("  ")}`);
  }
  console.log(
    chalk.dim("The dataplane shapes as the scenario says; nothing else sends. Leave the shell to remove the lab."),
  );
}
