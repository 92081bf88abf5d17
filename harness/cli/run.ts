import { join, relative } from "node:path";
import type { CommandModule } from "yargs";
import { spoiledByMachine } from "../health/index.js";
import { readRun } from "../recording/index.js";
import { judgeCaseFolder, judgeFolder } from "../report/folder.js";
import { writeReports } from "../report/index.js";
import { createProgress, detectStyle, type Progress, renderVerdicts } from "../report/terminal.js";
import { type ConductHooks, conduct } from "../run/conductor.js";
import { abortOnSignals, Interrupted } from "../run/interrupt.js";
import { type Loaded, renderToml } from "../scenario/index.js";
import { exitCode } from "../verdict/index.js";
import { EXIT } from "./exit.js";
import { explainNoCase, loadOrExplain } from "./load.js";
import {
  allowExecOption,
  dataplaneOption,
  filesPositional,
  filterOption,
  given,
  integer,
  labOption,
  SEEDS,
  setOption,
  text,
} from "./options.js";
import { datedFolder, emptiedFolder } from "./out-folder.js";
import { requirePrivilege } from "./privilege.js";

interface RunArguments {
  files: string[];
  world: string;
  dataplane: string | undefined;
  "allow-exec": boolean | undefined;
  set: string[] | undefined;
  repeat: number | undefined;
  seed: number | undefined;
  filter: string | undefined;
  out: string | undefined;
  lab: string | undefined;
  retries: number | undefined;
  json: string | undefined;
  html: string | undefined;
}

export const run: CommandModule<object, RunArguments> = {
  command: "run <files..>",
  describe: "Run scenarios: build each lab, load it, judge it",
  builder: (yargs) =>
    yargs
      .positional("files", filesPositional)
      .option("world", {
        choices: ["live"],
        default: "live",
        requiresArg: true,
        describe: "where labs are built: this kernel",
      })
      .option("dataplane", dataplaneOption)
      .option("allow-exec", allowExecOption)
      .option("set", setOption)
      .option("repeat", integer("repeat", "runs per case (run n uses seed + n − 1)", { min: 1, max: 1000 }))
      .option("seed", integer("seed", "seed of the first run", SEEDS))
      .option("filter", filterOption)
      .option("out", text("out", "folder for everything this run leaves [reports/<date>-<name>]"))
      .option("lab", labOption)
      .option(
        "retries",
        integer("retries", "make a run again that the machine spoiled, never one that failed [0]", {
          min: 0,
          max: 100,
        }),
      )
      .option("json", text("json", "also write the results here (schema: mqoe schema results)"))
      .option("html", text("html", "also write the report page here"))
      .example("$0 run scenarios/quickstart", "every scenario of a folder")
      .example("$0 run line.toml --set plan.home.down=50mbit --repeat 3", "with another rate, three times"),
  async handler(args) {
    const { files, set, dataplane, seed, repeat, filter, "allow-exec": allowExec = false } = args;
    const loaded = loadOrExplain(files, given({ set, dataplane, allowExec, seed, repeat, filter, toRun: true }));
    if (loaded === null) return;
    if (loaded.cases.length === 0) return explainNoCase();
    requirePrivilege();
    process.exitCode = await runAndReport(loaded, args);
  },
};

async function runAndReport(loaded: Loaded, args: RunArguments): Promise<number> {
  const out = args.out === undefined ? datedFolder(args.files[0] ?? "run", new Date()) : emptiedFolder(args.out);
  const style = detectStyle(process.stdout, process.env);
  const progress = createProgress({ stream: process.stdout, style, now: Date.now });
  const { signal, release } = abortOnSignals((name) =>
    progress.note(`${name}: already stopping; the lab is being removed`),
  );
  const command = commandLine();
  let unrecorded: string | null;
  try {
    const options = { out, command, lab: args.lab ?? null, retries: args.retries ?? 0, unfit: spoiled };
    const scenarioText = (id: string) => renderToml(loaded, id);
    unrecorded = await conduct(loaded.cases, { ...options, scenarioText }, hooksFor(progress), signal);
  } finally {
    progress.stop();
    release();
  }
  const stopped: unknown = signal.reason;
  if (signal.aborted && !(stopped instanceof Interrupted)) throw stopped;
  const input = judgeFolder(out);
  const { errors } = await writeReports(input, {
    json: [join(out, "results.json"), ...(args.json === undefined ? [] : [args.json])],
    html: [join(out, "report.html"), ...(args.html === undefined ? [] : [args.html])],
  });
  const pointers = [
    { label: "report", path: args.html ?? shown(join(out, "report.html")) },
    { label: "results", path: args.json ?? shown(join(out, "results.json")) },
  ].filter(({ path }) => !errors.some((error) => error.file === path));
  process.stdout.write(`\n${renderVerdicts(input.results, style, pointers)}`);
  for (const error of errors) process.stderr.write(`mqoe: ${error.message}\n`);
  if (stopped instanceof Interrupted) {
    process.stdout.write(`${stopped.message}; what was measured until then is in ${shown(out)}\n`);
    return EXIT.interrupted;
  }
  const code = exitCode(input.results);
  // A verdict that could not be written where it was asked for, or on half of what was asked for, is not a pass for whoever reads it there.
  return (errors.length > 0 || unrecorded !== null) && code === EXIT.ok ? EXIT.rig : code;
}

function hooksFor(progress: Progress): ConductHooks {
  return {
    runStarted(which, repeat, { n, of }) {
      progress.caseStarted(which.repeat > 1 ? `${which.id} (run ${repeat} of ${which.repeat})` : which.id, n, of);
    },
    building: (stage) => progress.phase(`lab: ${stage}`, null),
    phase: (name, seconds) => progress.phase(name, seconds),
    rates: (rates) => progress.rates(rates),
    note: (text) => progress.note(text),
    runEnded(_which, _repeat, recorded) {
      if (recorded.error) progress.note(recorded.error);
    },
    caseEnded: (folder) => progress.caseFinished(judgeCaseFolder(folder)),
  };
}

const spoiled = (folder: string): string | null => spoiledByMachine(readRun(folder));

/** As typed, so that a reader can type it again. */
export function commandLine(): string {
  const quote = (word: string) => (/^[\w@%+=:,./[\]-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);
  return ["mqoe", ...process.argv.slice(2)].map(quote).join(" ");
}

function shown(path: string): string {
  const short = relative(process.cwd(), path);
  return short.startsWith("..") ? path : short;
}
