import { availableParallelism } from "node:os";
import type { CommandModule } from "yargs";
import { makeBlueprint } from "../blueprint/index.js";
import type { Case } from "../scenario/types.js";
import { UsageError } from "./exit.js";
import { loadOrExplain } from "./load.js";

interface BlueprintArguments {
  file: string;
  case: string | undefined;
  set: string[] | undefined;
  lab: string;
  seed: number | undefined;
  cores: number;
  part: "all" | "lab" | "dataplane" | "traffic" | "timeline";
}

export const blueprint: CommandModule<object, BlueprintArguments> = {
  command: "blueprint <file>",
  describe: "Print everything that a run of a case would create, as JSON",
  builder: (yargs) =>
    yargs
      .positional("file", { type: "string", demandOption: true, describe: "scenario file" })
      .option("case", { type: "string", describe: "case id, when the scenario has a matrix" })
      .option("set", { type: "string", array: true, describe: "override PATH=VALUE, e.g. plan.home.down=20mbit" })
      .option("lab", { type: "string", default: "mq-lab", describe: "prefix of the lab's namespaces" })
      .option("seed", { type: "number", describe: "seed [the scenario's]" })
      .option("cores", { type: "number", default: availableParallelism(), describe: "CPUs to place threads on" })
      .option("part", {
        choices: ["all", "lab", "dataplane", "traffic", "timeline"] as const,
        default: "all" as const,
        describe: "only one part, e.g. for mqoe-native dataplane --blueprint",
      })
      .example("$0 blueprint line.toml --part traffic > traffic.json", "what the traffic process is given")
      .epilogue("The same scenario, seed and number of CPUs give the same blueprint, byte for byte."),
  handler(args) {
    const loaded = loadOrExplain([args.file], args.set ? { set: args.set } : {});
    if (loaded === null) return;
    const chosen = choose(loaded.cases, args.case);
    const made = makeBlueprint(chosen, { lab: args.lab, seed: args.seed ?? chosen.seed, cores: args.cores });
    const part = args.part === "all" ? made : made[args.part];
    process.stdout.write(`${JSON.stringify(part, null, 2)}\n`);
  },
};

function choose(cases: readonly Case[], id: string | undefined): Case {
  const found = id === undefined && cases.length === 1 ? cases[0] : cases.find((each) => each.id === id);
  if (found) return found;
  const ids = cases.map((each) => each.id).join(", ");
  throw new UsageError(
    id === undefined ? `which case? add --case with one of: ${ids}` : `there is no case "${id}"; cases: ${ids}`,
  );
}
