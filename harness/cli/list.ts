import chalk from "chalk";
import type { CommandModule } from "yargs";
import type { Case } from "../scenario/types.js";
import { formatDuration } from "../units/index.js";
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
  describe: "List the cases of scenarios with their titles, matrix values and tags",
  builder: (yargs) =>
    yargs
      .positional("files", filesPositional)
      .option("filter", filterOption)
      .option("set", setOption)
      .option("dataplane", dataplaneOption)
      .option("json", { type: "boolean", default: false, describe: "one JSON array, for programs" })
      .example("$0 list scenarios --filter 'tag=per-pr id=home'", "what a filter would run")
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
  const rows = cases.map(({ id, file, title, tags, matrix, duration, repeat }) => {
    return { id, file, title, tags, matrix, duration_s: duration / 1e9, repeat };
  });
  return `${JSON.stringify(rows, null, 2)}\n`;
}

/** A heading per file, a line per case: ids are what one copies, so they stand first. */
function asText(cases: readonly Case[]): string {
  const lines: string[] = [];
  let seconds = 0;
  for (const [index, each] of cases.entries()) {
    if (each.file !== cases[index - 1]?.file) lines.push(`${index > 0 ? "\n" : ""}${chalk.bold(each.title)}`);
    const tags = each.tags.length > 0 ? `  ${each.tags.join(" ")}` : "";
    const runs = each.repeat > 1 ? ` × ${each.repeat}` : "";
    lines.push(`  ${each.id}  ${chalk.dim(`${formatDuration(each.duration / 1e9)}${runs}${tags}`)}`);
    seconds += (each.duration / 1e9) * each.repeat;
  }
  const count = `${cases.length} ${cases.length === 1 ? "case" : "cases"}`;
  return `${[...lines, "", `${count}, ${formatDuration(seconds)} of runs`].join("\n").trimStart()}\n`;
}
