import { availableParallelism } from "node:os";
import { join, relative } from "node:path";
import type { CommandModule } from "yargs";
import { spoiledByMachine } from "../health/index.js";
import { readRun } from "../recording/index.js";
import { judgeCaseFolder, judgeFolder } from "../report/folder.js";
import { writeReports } from "../report/index.js";
import { createProgress, detectStyle, type Progress, renderVerdicts } from "../report/terminal.js";
import { calmMachine } from "../run/calm.js";
import { type ConductHooks, conduct } from "../run/conductor.js";
import { abortOnSignals, Interrupted } from "../run/interrupt.js";
import { randomLabName } from "../run/lab-name.js";
import { type Loaded, renderToml } from "../scenario/index.js";
import { exitCode } from "../verdict/index.js";
import { GUEST_LIMITS, hermeticWorld } from "../world/hermetic.js";
import { liveWorld } from "../world/live.js";
import type { World, WorldName } from "../world/world.js";
import { captureOverride, capturePointers, dropCaptures, pcapOption } from "./captures.js";
import { guestCongestionControls } from "./congestion.js";
import { EXIT, UsageError } from "./exit.js";
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
  worldOption,
} from "./options.js";
import { datedFolder, emptiedFolder } from "./out-folder.js";
import { requirePrivilege } from "./privilege.js";

interface RunArguments {
  files: string[];
  world: WorldName;
  jobs: number | undefined;
  "verify-determinism": boolean | undefined;
  "guest-patience": number | undefined;
  dataplane: string | undefined;
  "allow-exec": boolean | undefined;
  set: string[] | undefined;
  repeat: number | undefined;
  seed: number | undefined;
  filter: string | undefined;
  pcap: "on-fail" | "always" | undefined;
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
      .option("world", worldOption)
      .option("jobs", integer("jobs", "guests at once; hermetic world only [one for each CPU]", { min: 1, max: 256 }))
      .option(
        "guest-patience",
        integer("guest-patience", "seconds that a guest's clock may stand still before it is ended [60]", {
          min: 1,
          max: 86_400,
        }),
      )
      .option("verify-determinism", {
        type: "boolean",
        describe: "record every run twice; one that does not come out the same is invalid (hermetic world only)",
      })
      .option("dataplane", dataplaneOption)
      .option("allow-exec", allowExecOption)
      .option("set", setOption)
      .option("repeat", integer("repeat", "runs per case (run n uses seed + n − 1)", { min: 1, max: 1000 }))
      .option("seed", integer("seed", "seed of the first run", SEEDS))
      .option("filter", filterOption)
      .option("pcap", pcapOption)
      .option("out", text("out", "folder for everything this run leaves [reports/<date>-<name>]"))
      .option("lab", {
        ...labOption,
        describe: "prefix of the lab's namespaces [a fresh one for every run; hermetic: always hermetic]",
      })
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
      .example("$0 run --world hermetic scenarios/quickstart", "in guests on virtual time, without root")
      .example("$0 run line.toml --set plan.home.down=50mbit --repeat 3", "with another rate, three times"),
  async handler(args) {
    // Before the scenarios: what is missing here would be found only after they have all been shown.
    const world = openWorld(args);
    const { files, dataplane, seed, repeat, filter, "allow-exec": allowExec = false } = args;
    const set = captureOverride(args.pcap, args.set);
    const congestionControls = args.world === "hermetic" ? guestCongestionControls() : undefined;
    const loaded = loadOrExplain(
      files,
      given({ set, dataplane, allowExec, seed, repeat, filter, toRun: true, congestionControls }),
    );
    if (loaded === null) return;
    if (loaded.cases.length === 0) return explainNoCase();
    process.exitCode = await runAndReport(loaded, world, args);
  },
};

/** Throws what a user can mend: options that do not go together, a missing privilege, a missing guest kernel. */
function openWorld(args: RunArguments): World {
  if (args.world === "live") {
    const names = ["verify-determinism", "jobs", "guest-patience"] as const;
    // --no-verify-determinism asks for what is so anyway.
    const wrong = names.find((name) => args[name] !== undefined && args[name] !== false);
    if (wrong) throw new UsageError(`--${wrong} needs --world hermetic: live runs share this machine and its time`);
    requirePrivilege();
    return liveWorld(randomLabName);
  }
  const patience = args["guest-patience"];
  return hermeticWorld(patience === undefined ? GUEST_LIMITS : { ...GUEST_LIMITS, still: patience * 1000 });
}

async function runAndReport(loaded: Loaded, world: World, args: RunArguments): Promise<number> {
  const out = args.out === undefined ? datedFolder(args.files[0] ?? "run", new Date()) : emptiedFolder(args.out);
  const style = detectStyle(process.stdout, process.env);
  const progress = createProgress({ stream: process.stdout, style, now: Date.now });
  const { signal, release } = abortOnSignals((name) =>
    progress.note(`${name}: already stopping; the lab is being removed`),
  );
  const command = commandLine();
  let unrecorded: string | null;
  try {
    const jobs = world.concurrent ? (args.jobs ?? availableParallelism()) : 1;
    const verifyDeterminism = args["verify-determinism"] ?? false;
    const retries = { retries: args.retries ?? 0, unfit: spoiled, calm: calmMachine };
    const options = { world, jobs, verifyDeterminism, out, command, lab: args.lab ?? null, ...retries };
    const scenarioText = (id: string) => renderToml(loaded, id);
    unrecorded = await conduct(
      loaded.cases,
      { ...options, scenarioText },
      hooksFor(progress, world, jobs > 1 && loaded.cases.length > 1),
      signal,
    );
  } finally {
    progress.stop();
    release();
  }
  const stopped: unknown = signal.reason;
  if (signal.aborted && !(stopped instanceof Interrupted)) throw stopped;
  const input = dropCaptures(judgeFolder(out), out);
  const { errors } = await writeReports(input, {
    json: [join(out, "results.json"), ...(args.json === undefined ? [] : [args.json])],
    html: [join(out, "report.html"), ...(args.html === undefined ? [] : [args.html])],
  });
  const pointers = [
    ...capturePointers(input.results, (file) => shown(join(out, file))),
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

/** Of several runs at once only beginnings and ends are told; of guests no time left, for theirs is not ours. */
function hooksFor(progress: Progress, world: World, several: boolean): ConductHooks {
  const isVirtual = world.name === "hermetic";
  return {
    runStarted(which, repeat, { n, of }) {
      progress.caseStarted(which.repeat > 1 ? `${which.id} (run ${repeat} of ${which.repeat})` : which.id, n, of);
      if (isVirtual && !several) progress.phase("guest: booting", null);
    },
    building: (stage) => several || progress.phase(`lab: ${stage}`, null),
    phase: (name, seconds) => several || progress.phase(name, isVirtual ? null : seconds),
    rates: (rates) => several || progress.rates(rates),
    verified(which, repeat, { identical, files, differences }) {
      const what = identical ? `identical in all ${files} sample files` : `NOT identical: ${differences.join("; ")}`;
      progress.note(`${which.id}: run ${repeat} recorded twice: ${what}`);
    },
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
