import chalk from "chalk";
import type { CommandModule } from "yargs";
import { abortOnSignals } from "../run/interrupt.js";
import { formatBytes, formatDuration } from "../units/index.js";
import {
  type BuildProgress,
  buildGuestKernel,
  CannotBuild,
  cacheFolders,
  cacheKey,
  explainMissing,
  readConfiguration,
  readRecord,
  searchGuestKernel,
} from "../world/kernel/index.js";
import { EXIT, UsageError } from "./exit.js";
import { integer, text } from "./options.js";

interface BuildArguments {
  jobs: number | undefined;
  source: string | undefined;
  force: boolean;
}

const build: CommandModule<object, BuildArguments> = {
  command: "build",
  describe: "Build the guest kernel of the hermetic world, once, unless the cache has it",
  builder: (yargs) =>
    yargs
      .option("jobs", integer("jobs", "compilers at once [as many as there are cores]", { min: 1, max: 1024 }))
      .option("source", text("source", "a Linux source to build from, folder or tarball [Debian's package, by apt]"))
      .option("force", { type: "boolean", default: false, describe: "build it again although there is one" })
      .epilogue(
        "Needs no privileges: gcc, make, flex, bison, bc, xz, apt to download Debian's linux-source package, 2.2 GB of " +
          "disk while it goes on, and about 5 minutes on two cores. Root builds into /var/cache/mqoe/guest, for every " +
          "user of the machine; others into $XDG_CACHE_HOME/mqoe/guest or ~/.cache/mqoe/guest.",
      ),
  async handler({ jobs, source, force }) {
    // What root builds is for everybody, whatever root's umask is.
    process.umask(0o022);
    const progress = showProgress(process.stdout);
    const { signal, release } = abortOnSignals((name) => progress.note(`${name}: already stopping`));
    const begin = Date.now();
    try {
      const options = { source: source ?? null, force, ...(jobs === undefined ? {} : { jobs }) };
      const { kernel, fresh } = await buildGuestKernel({ ...options, progress, signal });
      progress.end();
      const how = fresh ? `built in ${formatDuration((Date.now() - begin) / 1000)}` : "found, nothing to build";
      console.log(`${chalk.green("✓")} guest kernel Linux ${kernel.version}: ${how}\n  ${kernel.path}`);
    } catch (error) {
      progress.end();
      throw error instanceof CannotBuild ? new UsageError(error.message) : error;
    } finally {
      release();
    }
  },
};

interface StatusArguments {
  json: boolean;
  key: boolean;
}

const status: CommandModule<object, StatusArguments> = {
  command: "status",
  describe: "Say which guest kernel a hermetic run would take, and where it was looked for",
  builder: (yargs) =>
    yargs
      .option("json", { type: "boolean", default: false, describe: "for programs" })
      .option("key", {
        type: "boolean",
        default: false,
        describe: "only the key for a CI cache: same key, same kernel",
      })
      .epilogue("Exit code 3 when there is none (never with --key)."),
  handler({ json, key }) {
    const { hash } = readConfiguration();
    if (key) return console.log(cacheKey(hash));
    const found = describeStatus(hash);
    console.log(json ? JSON.stringify(found, null, 2) : statusText(found));
    if (found.kernel === null) process.exitCode = EXIT.rig;
  },
};

function describeStatus(hash: string) {
  const { kernel, looked } = searchGuestKernel();
  const record = kernel === null ? null : readRecord(kernel.path.replace(/\/[^/]*$/, ""));
  return { hash, key: cacheKey(hash), kernel, record, looked, builds_into: cacheFolders().build };
}

function statusText({ hash, key, kernel, record, looked, builds_into }: ReturnType<typeof describeStatus>): string {
  const lines: [string, string][] = [
    ["configuration", hash],
    ["key for CI caches", key],
    ["folder to cache", builds_into],
  ];
  if (kernel !== null) lines.push(["kernel", `Linux ${kernel.version}`], ["file", kernel.path]);
  if (record !== null) {
    lines.push(["source", record.source], ["built", `${record.built} in ${formatDuration(record.build_s)}`]);
    lines.push(["sha256", record.sha256]);
    if (record.absent.length > 0) lines.push(["lacks", record.absent.join(", ")]);
  }
  const table = lines.map(([name, value]) => `${name.padEnd(18)} ${value}`).join("\n");
  return kernel === null ? `${table}\n\n${explainMissing(looked)}` : table;
}

export const world: CommandModule = {
  command: "world",
  describe: "The guest kernel of the hermetic world: build it, or say which there is",
  builder: (yargs) =>
    yargs.command(build).command(status).demandCommand(1, "which one? mqoe world build, or mqoe world status"),
  handler() {},
};

/** On a terminal one line for the current step, rewritten; elsewhere a line for each step and each tenth of it. */
function showProgress(stream: NodeJS.WriteStream): BuildProgress & { end(): void } {
  const live = stream.isTTY === true && !process.env.CI;
  let name = "";
  let begin = 0;
  let tenth = 0;
  const finish = () => {
    if (live && name !== "") stream.write("\n");
    name = "";
  };
  const share = (done: number, of: number) => {
    const amount = of > 1e6 ? `${formatBytes(done)} of ${formatBytes(of)}` : `${done} of about ${of} files`;
    const left = (((Date.now() - begin) / done) * (of - done)) / 1000;
    return `${amount}${done * 20 > of && done < of ? `, ${formatDuration(left)} left` : ""}`;
  };
  return {
    stage(next, seconds) {
      finish();
      [name, begin, tenth] = [next, Date.now(), 0];
      stream.write(`${name} (about ${formatDuration(seconds)})${live ? "" : "\n"}`);
    },
    count(done, of) {
      if (name === "" || done === 0) return;
      if (live) return void stream.write(`\r\x1b[K${name}: ${share(done, of)}`);
      const now = Math.floor((done / of) * 10);
      if (now > tenth && now < 10) stream.write(`  ${share(done, of)}\n`);
      tenth = Math.max(tenth, now);
    },
    note(line) {
      finish();
      stream.write(`${line}\n`);
    },
    end: finish,
  };
}
