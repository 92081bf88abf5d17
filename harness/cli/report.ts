import { join } from "node:path";
import type { CommandModule } from "yargs";
import { judgeFolder } from "../report/folder.js";
import { writeReports } from "../report/index.js";
import { detectStyle, renderVerdicts } from "../report/terminal.js";
import { exitCode } from "../verdict/index.js";
import { EXIT, UsageError } from "./exit.js";
import { text } from "./options.js";
import { storedCases } from "./out-folder.js";

interface ReportArguments {
  run: string;
  json: string | undefined;
  html: string | undefined;
}

export const report: CommandModule<object, ReportArguments> = {
  command: "report <run>",
  describe: "Make the reports of a stored run again, from its samples",
  builder: (yargs) =>
    yargs
      .positional("run", { type: "string", demandOption: true, describe: "a run's folder, e.g. reports/latest" })
      .option("json", text("json", "write the results here [RUN/results.json]"))
      .option("html", text("html", "write the page here [RUN/report.html]"))
      .epilogue("Judges the run again and ends with the same exit code as mqoe run: 0 only when all passed."),
  async handler(args) {
    if (storedCases(args.run) === null) {
      throw new UsageError(
        `${args.run} is no run of mqoe (no run.json with schema "mqoe-run/1" in it); --out of mqoe run, or ` +
          "reports/latest, is",
      );
    }
    const input = judgeFolder(args.run);
    const json = args.json ?? join(args.run, "results.json");
    const html = args.html ?? join(args.run, "report.html");
    const { written, errors } = await writeReports(input, { json: [json], html: [html] });
    const pointers = written.map((path) => ({ label: path === html ? "report" : "results", path }));
    process.stdout.write(renderVerdicts(input.results, detectStyle(process.stdout, process.env), pointers));
    for (const error of errors) process.stderr.write(`mqoe: ${error.message}\n`);
    const code = exitCode(input.results);
    process.exitCode = errors.length > 0 && code === EXIT.ok ? EXIT.rig : code;
  },
};
