import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { CommandModule } from "yargs";
import type { Blueprint } from "../blueprint/types.js";
import { type QueueState, queueStates } from "../metrics/index.js";
import { readNewest, readRun } from "../recording/index.js";
import { renderQueue, renderSummary } from "../report/terminal.js";
import { didYouMean, oneOf } from "../scenario/suggest.js";
import { EXIT, UsageError } from "./exit.js";
import { caseOption, integer } from "./options.js";
import { findRun } from "./stored-run.js";

interface StatsArguments {
  run: string;
  client: string | undefined;
  case: string | undefined;
  repeat: number | undefined;
  json: boolean | undefined;
  watch: string | undefined;
}

/** Sets are a second apart, and one of a large lab takes its time to write. */
const SPAN_NS = 2.5e9;
/** A run that grows no more for so long is not going on, whatever its folder says. */
const STILL_MS = 15_000;
const CLEAR = "\u001b[H\u001b[2J";

export const stats: CommandModule<object, StatsArguments> = {
  command: "stats <run> [client]",
  describe: "What the queues count, as tc -s qdisc shows it: of a stored run, or of one that is going on",
  builder: (yargs) =>
    yargs
      .positional("run", {
        type: "string",
        demandOption: true,
        describe: "a run's folder, e.g. reports/latest, or the name of a running lab (its beginning will do)",
      })
      .positional("client", { type: "string", describe: "everything of this client; without it a line for each" })
      .option("case", { ...caseOption, describe: "case id [the newest]" })
      .option("repeat", integer("repeat", "which run of the case [the newest]", { min: 1, max: 10_000 }))
      .option("json", { type: "boolean", describe: "as JSON: seconds, bit/s, bytes, packets" })
      .option("watch", {
        type: "string",
        describe: "again every SECONDS until the run ends [1]",
        coerce: (value: unknown) => value as string | undefined,
      })
      .epilogue(
        "Counters are those of the whole run up to the last record (one every second). pkts and bytes are what was " +
          "delivered. A tin that shows - has seen no traffic.",
      ),
  async handler(args) {
    const seconds = args.watch === undefined ? null : watchSeconds(args.watch);
    const folder = findRun(args.run, args);
    if (seconds === null) {
      const text = show(folder, args);
      if (text === null) throw new Error(nothingYet(folder));
      process.stdout.write(text);
    } else process.exitCode = await watch(folder, args, seconds);
  },
};

function watchSeconds(text: string): number {
  const seconds = text === "" ? 1 : Number(text);
  if (seconds >= 0.2 && seconds <= 3600) return seconds;
  throw new UsageError(`--watch "${text}" is not a number of seconds from 0.2 to 3600`);
}

/** The text for one moment; null while no queue has seen traffic. Throws UsageError for a client that does not exist. */
function show(folder: string, args: StatsArguments): string | null {
  const { blueprint } = readRun(folder);
  if (blueprint === null) return null;
  const problems: string[] = [];
  const known = knownClient(blueprint, args.client);
  const all = queueStates(readNewest(folder, "dp_tin", SPAN_NS, problems), blueprint);
  if (problems.length > 0) throw new Error(problems.join("; "));
  const queues = known === undefined ? all : all.filter(({ client }) => client === known);
  if (args.json) return `${JSON.stringify(asJson(folder, blueprint, queues), null, 2)}\n`;
  if (queues.length === 0) return null;
  const isDetailed = known !== undefined || blueprint.dataplane.clients.length === 1;
  const head = `${blueprint.case}, seed ${blueprint.seed}, ${newest(queues)}\n\n`;
  return head + (isDetailed ? queues.map(renderQueue).join("\n") : renderSummary(queues));
}

function newest(queues: readonly QueueState[]): string {
  const time = queues.reduce((most, queue) => Math.max(most, queue.time), 0);
  return `${time.toFixed(1)} s from its start`;
}

function knownClient({ dataplane }: Blueprint, wanted: string | undefined): string | undefined {
  if (wanted === undefined) return undefined;
  const names = dataplane.clients.map(({ name }) => name);
  if (names.includes(wanted)) return wanted;
  throw new UsageError(`there is no client "${wanted}"; ${didYouMean(wanted, names)}clients: ${oneOf(names)}`);
}

/** Records as they are, but for times in seconds: machine formats have base units. */
function asJson(run: string, { case: id, seed }: Blueprint, queues: readonly QueueState[]): object {
  return {
    schema: "mqoe-stats/1",
    run,
    case: id,
    seed,
    queues: queues.map(({ client, direction, time, discipline, bandwidth, tinCount, tins }) => ({
      client,
      direction,
      time,
      discipline,
      bandwidth,
      memory_used: tins[0]?.fields.memory_used ?? null,
      memory_limit: tins[0]?.fields.memory_limit ?? null,
      drop_overlimit: tins[0]?.fields.drop_overlimit ?? null,
      tin_count: tinCount,
      tins: tins.map(({ key, fields }) => ({ name: key, ...tinJson(fields) })),
    })),
  };
}

const TIMES = ["target", "interval", "delay_peak", "delay_average", "delay_base"];
/** Said of the queue, or in its place there. */
const NOT_OF_TINS = [
  "time",
  "client",
  "direction",
  "memory_used",
  "memory_limit",
  "capacity",
  "drop_overlimit",
  "tins",
  "discipline",
];

function tinJson(fields: Readonly<Record<string, number>>): Record<string, number> {
  const own = Object.entries(fields).filter(([name]) => !NOT_OF_TINS.includes(name));
  return Object.fromEntries(own.map(([name, value]) => [name, TIMES.includes(name) ? value / 1e9 : value]));
}

function isOver(folder: string): boolean {
  return existsSync(join(folder, "run.json"));
}

/** Why there is nothing to show. */
function nothingYet(folder: string): string {
  const { blueprint } = readRun(folder);
  if (blueprint === null) return `${folder}: its lab is still being built`;
  const { kind } = blueprint.dataplane;
  if (kind === "none" || kind === "external")
    return `${folder}: a dataplane of kind "${kind}" has no queues that mqoe can read`;
  if (!isOver(folder)) return `${folder}: no queue has seen traffic yet`;
  const isRecorded = existsSync(join(folder, "samples", "dataplane-0.dp_tin.seg"));
  return isRecorded
    ? `${folder}: no queue saw traffic, or the plans have none`
    : `${folder}: has no statistics of queues; was it recorded by an older mqoe, or never begun?`;
}

/** Until the run is over, or nothing more comes. Ctrl-C ends it: it holds nothing. */
async function watch(folder: string, args: StatsArguments, seconds: number): Promise<number> {
  const started = Date.now();
  for (;;) {
    const over = isOver(folder);
    const text = show(folder, args) ?? (over ? null : `${nothingYet(folder)}\n`);
    if (text === null) throw new Error(nothingYet(folder));
    process.stdout.write(process.stdout.isTTY ? CLEAR + text : `${text}\n`);
    if (over) return EXIT.ok;
    if (Date.now() - Math.max(started, lastGrowth(folder)) > STILL_MS)
      throw new Error(`${folder}: nothing has been recorded for ${STILL_MS / 1000} s; is its mqoe run still alive?`);
    await sleep(seconds * 1000);
  }
}

/** Milliseconds since the epoch at which samples were last written. */
function lastGrowth(folder: string): number {
  const file = join(folder, "samples", "dataplane-0.dp_reactor.seg");
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
