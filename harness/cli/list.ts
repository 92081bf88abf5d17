import { dirname } from "node:path";
import chalk from "chalk";
import type { CommandModule } from "yargs";
import type { Case } from "../scenario/types.js";
import { formatDuration } from "../units/index.js";
import { expected, totalWall } from "./expected.js";
import { explainNoCase, loadOrExplain } from "./load.js";
import { dataplaneOption, filesPositional, filterOption, given, setOption } from "./options.js";

interface ListArguments {
  files: string[];
  filter: string | undefined;
  set: string[] | undefined;
  dataplane: string | undefined;
  json: boolean;
}

export const list: CommandModule<object, ListArguments> = {
  command: "list <files..>",
  describe: "List the cases of scenarios by suite: how long each takes, its tags, what it needs",
  builder: (yargs) =>
    yargs
      .positional("files", filesPositional)
      .option("filter", filterOption)
      .option("set", setOption)
      .option("dataplane", dataplaneOption)
      .option("json", { type: "boolean", default: false, describe: "one JSON array, for programs" })
      .example("$0 list scenarios --filter tag=per-pr", "what that suite has, and how long it takes")
      .epilogue("Filter keys: id, tag (any of them), and the axes of the matrix. key!=regex negates."),
  handler(args) {
    const { files, set, dataplane, filter } = args;
    const loaded = loadOrExplain(files, given({ set, dataplane, filter }));
    if (loaded === null) return;
    if (loaded.cases.length === 0) return explainNoCase();
    process.stdout.write(args.json ? asJson(loaded.cases) : asText(loaded.cases));
  },
};

function asJson(cases: readonly Case[]): string {
  const rows = cases.map((each) => {
    const { id, file, title, tags, matrix, duration, repeat } = each;
    const { wall, needs } = expected(each);
    const suite = suiteOf(each);
    return { id, file, suite, title, tags, matrix, duration_s: duration / 1e9, repeat, expected_wall_s: wall, needs };
  });
  return `${JSON.stringify(rows, null, 2)}\n`;
}

/** A suite is a folder, as the user named it: what `mqoe run` takes. */
function suiteOf({ file }: Case): string {
  return dirname(file);
}

/** A heading per suite and file, a line per case: ids are what one copies, so they stand first. */
function asText(cases: readonly Case[]): string {
  const suites = [...new Set(cases.map(suiteOf))];
  const blocks = suites.map((suite) => {
    const own = cases.filter((each) => suiteOf(each) === suite);
    const head = `${chalk.bold(suite)}  ${chalk.dim(summary(own))}`;
    return [head, ...own.flatMap((each, index) => linesOf(each, own[index - 1])), ""].join("\n");
  });
  return `${[...blocks, summary(cases)].join("\n")}\n`;
}

function linesOf(each: Case, before: Case | undefined): string[] {
  const { duration, repeat, tags } = each;
  const { wall, needs } = expected(each);
  const runs = repeat > 1 ? ` (${repeat} × ${formatDuration(duration / 1e9)})` : "";
  const wants = needs.length > 0 ? [`needs ${needs.join(", ")}`] : [];
  const words = [`${formatDuration(wall)}${runs}`, ...(tags.length > 0 ? [tags.join(" ")] : []), ...wants];
  const line = `    ${each.id}  ${chalk.dim(words.join("  "))}`;
  return each.file === before?.file ? [line] : [`  ${each.title}`, line];
}

function summary(cases: readonly Case[]): string {
  const count = `${cases.length} ${cases.length === 1 ? "case" : "cases"}`;
  return `${count}, ${formatDuration(totalWall(cases))} live`;
}
