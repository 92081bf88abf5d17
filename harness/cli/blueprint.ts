import { availableParallelism } from "node:os";
import type { CommandModule } from "yargs";
import { makeBlueprint } from "../blueprint/index.js";
import type { Blueprint } from "../blueprint/types.js";
import { invoker, userOf } from "../traffic/user.js";
import type { WorldName } from "../world/world.js";
import { UsageError } from "./exit.js";
import { caseOption, dataplaneOption, given, integer, labOption, SEEDS, setOption, worldOption } from "./options.js";
import { pickCase } from "./pick-case.js";

const PARTS = ["all", "lab", "dataplane", "path-core", "path-access", "traffic", "timeline"] as const;

interface BlueprintArguments {
  file: string;
  case: string | undefined;
  set: string[] | undefined;
  dataplane: string | undefined;
  lab: string | undefined;
  seed: number | undefined;
  cores: number | undefined;
  world: WorldName;
  part: (typeof PARTS)[number];
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
      .option("lab", { ...labOption, describe: "prefix of the lab's namespaces [mq-lab; hermetic: hermetic]" })
      .option("seed", integer("seed", "seed [the scenario's]", SEEDS))
      .option(
        "cores",
        integer("cores", "CPUs to place threads on [this machine's; hermetic: 1]", { min: 1, max: 1024 }),
      )
      .option("world", worldOption)
      .option("part", {
        choices: PARTS,
        default: "all" as const,
        describe: "only one part, e.g. for mqoe-native dataplane --blueprint",
      })
      .example("$0 blueprint line.toml --part traffic > traffic.json", "what the traffic process is given")
      .epilogue("The same scenario, seed, world and number of CPUs give the same blueprint, byte for byte."),
  handler(args) {
    const chosen = pickCase(args.file, args.case, given({ set: args.set, dataplane: args.dataplane }));
    if (chosen === null) return;
    const { world, seed = chosen.seed } = args;
    const isLive = world === "live";
    const { lab = isLive ? "mq-lab" : "hermetic", cores = isLive ? availableParallelism() : 1 } = args;
    const made = makeBlueprint(chosen, { lab, seed, cores, world, user: userOf(invoker()) });
    process.stdout.write(`${JSON.stringify(partOf(made, args.part), null, 2)}\n`);
  },
};

function partOf(made: Blueprint, part: BlueprintArguments["part"]): object {
  if (part === "all") return made;
  if (part !== "path-core" && part !== "path-access") return made[part];
  const stage = made.pathStages.find(({ side }) => `path-${side}` === part);
  if (stage) return stage.process;
  const { kind } = made.dataplane;
  const why =
    kind === "afxdp"
      ? "the afxdp dataplane does the paths itself"
      : `no ${part === "path-core" ? "server" : "client"} has a path that does something`;
  throw new UsageError(`--part ${part}: this case has no such stage; ${why}`);
}
