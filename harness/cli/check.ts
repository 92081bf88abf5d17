import type { CommandModule } from "yargs";
import type { Problem } from "../scenario/index.js";
import { EXIT } from "./exit.js";
import { explainNoCase, loadFromDisk, printProblems } from "./load.js";
import { allowExecOption, dataplaneOption, filesPositional, filterOption, given, setOption } from "./options.js";

interface CheckArguments {
  files: string[];
  set: string[] | undefined;
  dataplane: string | undefined;
  "allow-exec": boolean | undefined;
  filter: string | undefined;
}

export const check: CommandModule<object, CheckArguments> = {
  command: "check <files..>",
  describe: "Check scenarios without running them: instant, no privileges",
  builder: (yargs) =>
    yargs
      .positional("files", filesPositional)
      .option("set", setOption)
      .option("dataplane", dataplaneOption)
      .option("allow-exec", allowExecOption)
      .option("filter", filterOption)
      .example("$0 check scenarios", "every scenario below a folder")
      .example("$0 check line.toml --set plan.home.down=50mbit", "would it be valid with another rate?")
      .epilogue(
        "Every problem is shown as file:line:column with what was found and what is allowed. Exit code 2 when there is one.",
      ),
  handler({ files, set, dataplane, filter, "allow-exec": allowed }) {
    const allowExec = allowed ? true : ("tell" as const);
    const { cases, problems } = loadFromDisk(files, given({ set, dataplane, filter, allowExec }));
    printProblems(problems);
    const errors = problems.filter((problem) => problem.severity === "error");
    if (errors.length > 0) {
      process.stderr.write(`${summary(errors)}\n`);
      process.exitCode = EXIT.usage;
      return;
    }
    if (cases.length === 0) return explainNoCase();
    const sources = new Set(cases.map((each) => each.file)).size;
    process.stdout.write(`ok: ${plural(cases.length, "case")} in ${plural(sources, "file")}\n`);
  },
};

/** What the command line itself says wrongly (`--set …`) is in no file. */
function summary(errors: Problem[]): string {
  const files = new Set(errors.map((error) => error.file).filter((file) => !file.startsWith("--"))).size;
  const where = files > 0 ? ` in ${plural(files, "file")}` : "";
  return `${plural(errors.length, "problem")}${where}`;
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
