import type { CommandModule } from "yargs";
import { resultsJsonSchema } from "../report/results-schema.js";
import { scenarioJsonSchema } from "../scenario/json-schema.js";

interface SchemaArguments {
  what: "scenario" | "results";
}

export const schema: CommandModule<object, SchemaArguments> = {
  command: "schema [what]",
  describe: "Print the JSON Schema of scenario files or of results",
  builder: (yargs) =>
    yargs
      .positional("what", { choices: ["scenario", "results"] as const, default: "scenario" as const })
      .example("$0 schema > scenario.schema.json", "for an editor: #:schema ./scenario.schema.json")
      .example("$0 schema results", "what --json writes"),
  handler({ what }) {
    const made = what === "results" ? resultsJsonSchema() : scenarioJsonSchema();
    process.stdout.write(`${JSON.stringify(made, null, 2)}\n`);
  },
};
