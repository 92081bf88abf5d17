import { availableParallelism } from "node:os";
import chalk from "chalk";
import type { CommandModule } from "yargs";
import { makeBlueprint } from "../blueprint/index.js";
import type { Blueprint, EndpointBlueprint } from "../blueprint/types.js";
import { abortOnSignals } from "../run/interrupt.js";
import { randomLabName } from "../run/lab-name.js";
import { shellInLab } from "../run/shell.js";
import { UsageError } from "./exit.js";
import { pickCase } from "./pick-case.js";

interface ShellArguments {
  file: string;
  client: string;
  case: string | undefined;
  set: string[] | undefined;
}

export const shell: CommandModule<object, ShellArguments> = {
  command: "shell <file> <client>",
  describe: "Build a scenario's lab and open a shell inside one of its clients or servers",
  builder: (yargs) =>
    yargs
      .positional("file", { type: "string", demandOption: true, describe: "scenario file" })
      .positional("client", { type: "string", demandOption: true, describe: "name of a client or server" })
      .option("case", { type: "string", describe: "case id, when the scenario has a matrix" })
      .option("set", { type: "string", array: true, describe: "override PATH=VALUE" })
      .example("$0 shell scenarios/quickstart/home-fq-codel.toml home", "a prompt behind the shaped line")
      .example(
        "$0 shell scenarios/quickstart/home-fq-codel.toml home -- ping -c 3 198.18.0.1",
        "one command, its exit code",
      ),
  async handler(args) {
    const chosen = pickCase(args.file, args.case, args.set ?? []);
    const blueprint = makeBlueprint(chosen, { lab: randomLabName(), seed: chosen.seed, cores: availableParallelism() });
    const endpoint = findEndpoint(blueprint, args.client);
    const command = ((args as unknown as { "--"?: string[] })["--"] ?? []).map(String);
    if (command.length === 0) greet(blueprint, endpoint);
    const { signal, release } = abortOnSignals();
    try {
      const program = command.length > 0 ? command : [process.env.SHELL ?? "/bin/sh"];
      process.exitCode = await shellInLab(blueprint, endpoint, program, signal);
    } finally {
      release();
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
