import { existsSync } from "node:fs";
import { join } from "node:path";
import type { CommandModule } from "yargs";
import { judgeFolder } from "../report/folder.js";
import { writeReports } from "../report/index.js";
import { detectStyle, renderVerdicts } from "../report/terminal.js";
import { EXIT, UsageError } from "./exit.js";

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
      .option("json", { type: "string", describe: "write the results here [RUN/results.json]" })
      .option("html", { type: "string", describe: "write the page here [RUN/report.html]" }),
  async handler(args) {
    if (!existsSync(join(args.run, "run.json"))) {
      throw new UsageError(
        `${args.run} is no run of mqoe (it has no run.json); --out of mqoe run, or reports/latest, is`,
      );
    }
    const input = judgeFolder(args.run);
    const json = args.json ?? join(args.run, "results.json");
    const html = args.html ?? join(args.run, "report.html");
    const { written, errors } = await writeReports(input, { json: [json], html: [html] });
    const pointers = written.map((path) => ({ label: path === html ? "report" : "results", path }));
    process.stdout.write(renderVerdicts(input.results, detectStyle(process.stdout, process.env), pointers));
    for (const error of errors) process.stderr.write(`mqoe: ${error.message}\n`);
    process.exitCode = errors.length > 0 ? EXIT.rig : EXIT.ok;
  },
};
