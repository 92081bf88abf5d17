import { mkdirSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import type { CommandModule } from "yargs";
import { judgeHealth } from "../health/index.js";
import { readRun } from "../recording/index.js";
import { judgeCaseFolder, judgeFolder } from "../report/folder.js";
import { writeReports } from "../report/index.js";
import { createProgress, detectStyle, type Progress, renderVerdicts } from "../report/terminal.js";
import { type ConductHooks, conduct } from "../run/conductor.js";
import { abortOnSignals } from "../run/interrupt.js";
import { labNameProblem } from "../run/lab-name.js";
import { type Loaded, type LoadOptions, renderToml } from "../scenario/index.js";
import { exitCode } from "../verdict/index.js";
import { EXIT, UsageError } from "./exit.js";
import { loadOrExplain } from "./load.js";

interface RunArguments {
  files: string[];
  world: string;
  dataplane: string | undefined;
  set: string[] | undefined;
  repeat: number | undefined;
  seed: number | undefined;
  filter: string | undefined;
  out: string | undefined;
  lab: string | undefined;
  retries: number;
  json: string | undefined;
  html: string | undefined;
}

export const run: CommandModule<object, RunArguments> = {
  command: "run <files..>",
  describe: "Run scenarios: build each lab, load it, judge it",
  builder: (yargs) =>
    yargs
      .positional("files", { type: "string", array: true, demandOption: true, describe: "scenario files or folders" })
      .option("world", { choices: ["live"], default: "live", describe: "where labs are built: this kernel" })
      .option("dataplane", { type: "string", describe: "override the scenario's dataplane kind" })
      .option("set", { type: "string", array: true, describe: "override PATH=VALUE, e.g. plan.home.down=20mbit" })
      .option("repeat", { type: "number", describe: "runs per case (run n uses seed + n − 1)" })
      .option("seed", { type: "number", describe: "seed of the first run" })
      .option("filter", {
        type: "string",
        describe: "only cases for which key=regex holds (id, tag or a matrix axis; several are ANDed)",
      })
      .option("out", { type: "string", describe: "folder for everything this run leaves [reports/<date>-<name>]" })
      .option("lab", { type: "string", describe: "prefix of the lab's namespaces [a fresh one for every run]" })
      .option("retries", {
        type: "number",
        default: 0,
        describe: "make a run again that the machine spoiled (never one that failed)",
      })
      .option("json", { type: "string", describe: "also write the results here (schema: mqoe schema results)" })
      .option("html", { type: "string", describe: "also write the report page here" })
      .example("$0 run scenarios/quickstart", "every scenario of a folder")
      .example("$0 run line.toml --set plan.home.down=50mbit --repeat 3", "with another rate, three times"),
  async handler(args) {
    const loaded = loadOrExplain(args.files, overrides(args));
    if (loaded === null) return;
    if (loaded.cases.length === 0) {
      process.stderr.write("mqoe: no case matches; mqoe list shows what there is\n");
      process.exitCode = EXIT.nothingRan;
      return;
    }
    const problem = args.lab === undefined ? null : labNameProblem(args.lab);
    if (problem !== null) throw new UsageError(`--lab: ${problem}`);
    requirePrivilege();
    process.exitCode = await runAndReport(loaded, args);
  },
};

/** Only what was given: an absent option must not override the scenario. */
function overrides(args: RunArguments): LoadOptions {
  const { set, dataplane, seed, repeat, filter } = args;
  const given = Object.entries({ set, dataplane, seed, repeat, filter }).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given);
}

async function runAndReport(loaded: Loaded, args: RunArguments): Promise<number> {
  const style = detectStyle(process.stdout, process.env);
  const progress = createProgress({ stream: process.stdout, style, now: Date.now });
  const { signal, release } = abortOnSignals((name) =>
    progress.note(`${name}: already stopping; the lab is being removed`),
  );
  const out = makeOutFolder(args);
  const command = commandLine();
  try {
    const options = { out, command, lab: args.lab ?? null, retries: args.retries, unfit: unfitReason };
    const scenarioText = (id: string) => renderToml(loaded, id);
    await conduct(loaded.cases, { ...options, scenarioText }, hooksFor(progress), signal);
  } finally {
    progress.stop();
    release();
  }
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
  if (signal.aborted) {
    process.stdout.write(`interrupted by ${signal.reason}; what was measured until then is in ${shown(out)}\n`);
    return EXIT.interrupted;
  }
  const code = exitCode(input.results);
  // A verdict that could not be written where it was asked for is not a pass for whoever reads it there.
  return errors.length > 0 && code === EXIT.ok ? EXIT.rig : code;
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

/** Why a stored run says nothing about the product. */
function unfitReason(folder: string): string | null {
  const { verdict, checks } = judgeHealth(readRun(folder));
  if (verdict !== "invalid") return null;
  return checks
    .filter((check) => check.verdict === "invalid")
    .map((check) => check.reason)
    .join(" ");
}

/** As typed, so that a reader can type it again. */
export function commandLine(): string {
  const quote = (word: string) => (/^[\w@%+=:,./[\]-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);
  return ["mqoe", ...process.argv.slice(2)].map(quote).join(" ");
}

/** The chosen folder, emptied of an earlier run; or a dated one with `reports/latest` pointing at it. */
function makeOutFolder(args: RunArguments): string {
  if (args.out !== undefined) {
    refuseForeign(args.out);
    rmSync(args.out, { recursive: true, force: true });
    mkdirSync(args.out, { recursive: true });
    return args.out;
  }
  const stamp = new Date().toISOString().slice(0, 19).replace("T", "-").replaceAll(":", "");
  const out = join("reports", `${stamp}-${basename(args.files[0] ?? "run").replace(/\.toml$/, "")}`);
  mkdirSync(out, { recursive: true });
  const latest = join("reports", "latest");
  rmSync(latest, { force: true });
  symlinkSync(relative(dirname(latest), out), latest);
  return out;
}

/** --out replaces an earlier run, and nothing else: a folder with other things in it is refused. */
function refuseForeign(out: string): void {
  let entries: string[];
  try {
    entries = readdirSync(out);
  } catch {
    return;
  }
  if (entries.length > 0 && !entries.includes("results.json") && !entries.includes("run.json")) {
    throw new UsageError(`--out ${out}: not empty and not a run of mqoe; choose another folder`);
  }
}

function requirePrivilege(): void {
  if (process.getuid?.() === 0) return;
  throw new Error(
    "the live world needs root: CAP_SYS_ADMIN and CAP_NET_ADMIN for namespaces and links, CAP_BPF and CAP_NET_RAW for " +
      "XDP and AF_XDP. Run it with sudo; mqoe doctor tells what this machine lacks",
  );
}

function shown(path: string): string {
  const short = relative(process.cwd(), path);
  return short.startsWith("..") ? path : short;
}
