import type { CommandModule } from "yargs";
import { EXIT } from "./exit.js";
import { loadFromDisk, printProblems } from "./load.js";

interface CheckArguments {
  files: string[];
  set: string[] | undefined;
  dataplane: string | undefined;
}

export const check: CommandModule<object, CheckArguments> = {
  command: "check <files..>",
  describe: "Check scenarios without running them: instant, no privileges",
  builder: (yargs) =>
    yargs
      .positional("files", { type: "string", array: true, demandOption: true, describe: "scenario files or folders" })
      .option("set", { type: "string", array: true, describe: "override PATH=VALUE, e.g. plan.home.down=20mbit" })
      .option("dataplane", { type: "string", describe: "override the scenario's dataplane kind" })
      .example("$0 check scenarios", "every scenario below a folder")
      .example("$0 check line.toml --set plan.home.down=50mbit", "would it be valid with another rate?")
      .epilogue(
        "Every problem is shown as file:line:column with what was found and what is allowed. Exit code 2 when there is one.",
      ),
  handler({ files, set, dataplane }) {
    const { cases, problems } = loadFromDisk(files, { ...(set && { set }), ...(dataplane && { dataplane }) });
    printProblems(problems);
    const errors = problems.filter((problem) => problem.severity === "error");
    if (errors.length > 0) {
      const places = new Set(errors.map((error) => error.file)).size;
      process.stderr.write(`${plural(errors.length, "problem")} in ${plural(places, "place")}\n`);
      process.exitCode = EXIT.usage;
      return;
    }
    const sources = new Set(cases.map((each) => each.file)).size;
    process.stdout.write(`ok: ${plural(cases.length, "case")} in ${plural(sources, "file")}\n`);
  },
};

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
