import { availableParallelism } from "node:os";
import type { CommandModule } from "yargs";
import { makeBlueprint } from "../blueprint/index.js";
import { caseOption, dataplaneOption, given, integer, labOption, SEEDS, setOption } from "./options.js";
import { pickCase } from "./pick-case.js";

interface BlueprintArguments {
  file: string;
  case: string | undefined;
  set: string[] | undefined;
  dataplane: string | undefined;
  lab: string | undefined;
  seed: number | undefined;
  cores: number | undefined;
  part: "all" | "lab" | "dataplane" | "traffic" | "timeline";
}

export const blueprint: CommandModule<object, BlueprintArguments> = {
  command: "blueprint <file>",
  describe: "Print everything that a run of a case would create, as JSON",
  builder: (yargs) =>
    yargs
      .positional("file", { type: "string", demandOption: true, describe: "scenario file" })
      .option("case", caseOption)
      .option("set", setOption)
      .option("dataplane", dataplaneOption)
      .option("lab", { ...labOption, describe: "prefix of the lab's namespaces [mq-lab]" })
      .option("seed", integer("seed", "seed [the scenario's]", SEEDS))
      .option("cores", integer("cores", "CPUs to place threads on [this machine's]", { min: 1, max: 1024 }))
      .option("part", {
        choices: ["all", "lab", "dataplane", "traffic", "timeline"] as const,
        default: "all" as const,
        describe: "only one part, e.g. for mqoe-native dataplane --blueprint",
      })
      .example("$0 blueprint line.toml --part traffic > traffic.json", "what the traffic process is given")
      .epilogue("The same scenario, seed and number of CPUs give the same blueprint, byte for byte."),
  handler(args) {
    const chosen = pickCase(args.file, args.case, given({ set: args.set, dataplane: args.dataplane }));
    if (chosen === null) return;
    const { lab = "mq-lab", seed = chosen.seed, cores = availableParallelism() } = args;
    const made = makeBlueprint(chosen, { lab, seed, cores });
    const part = args.part === "all" ? made : made[args.part];
    process.stdout.write(`${JSON.stringify(part, null, 2)}\n`);
  },
};
