import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Blueprint } from "../blueprint/types.js";
import { NativeProcess, NativeProcessError } from "../ffi/native-process.js";
import { clockMonotonic, Spool } from "../ffi/spool.js";
import { processStart } from "../lab/journal.js";
import { Lab } from "../lab/lab.js";
import { endToEnd, namedCounters, readMachineCounters } from "./counters.js";
import { readEnvironment, staticInfo } from "./environment.js";
import { EventLog } from "./event-log.js";
import { LiveRates, type Rates } from "./live-rates.js";

/** What a person may watch while a run is recorded. */
export interface RecordHooks {
  building(stage: string, done: number, of: number): void;
  phase(name: string, seconds: number): void;
  rates(rates: Rates): void;
  note(text: string): void;
}

export interface RecordRequest {
  blueprint: Blueprint;
  /** The run's folder; it exists and is empty. */
  folder: string;
  /** The command line, for the environment. */
  command: string;
}

export type DoneReason = "complete" | "interrupted" | "dataplane-died" | "traffic-died" | "error";

/** How a recording ended. Whatever the reason, the lab is gone and the samples so far are in the folder. */
export interface Recorded {
  reason: DoneReason;
  /** One readable line when the reason is not `complete`. */
  error: string;
  setUpMs: number;
  tearDownMs: number;
}

/** Lead between "go" and t0: both processes have read the command by then. */
const GO_LEAD_NS = 100e6;
/** How long queues may take to run empty after the last sender stopped. */
const DRAIN_MS = 10_000;
const READY_MS = 15_000;

/**
 * Blueprint → Recording in the live world: builds the lab, runs dataplane and traffic, spools samples, and always tears
 * down. Throws only when nothing could be started (the lab could not be built, a process not become ready); from "go"
 * on every ending is a `Recorded`.
 */
export async function recordRun(request: RecordRequest, hooks: RecordHooks, signal: AbortSignal): Promise<Recorded> {
  const { blueprint, folder } = request;
  writeBlueprint(blueprint, folder);
  const log = new EventLog(folder, clockMonotonic);
  const started = performance.now();
  const lab = await Lab.build(blueprint.lab, hooks.building, signal);
  const session = new Session(request, lab, log, hooks);
  let ending: Ending;
  let setUpMs = 0;
  let tearDownMs = 0;
  try {
    await session.start(signal);
    setUpMs = performance.now() - started;
    log.write("lab-ready", { ms: roundAll(lab.times), total_ms: Math.round(setUpMs) });
    ending = await session.run(signal);
    log.write("done", { reason: ending.reason, ...(ending.error ? { error: ending.error } : {}) });
  } finally {
    await session.end();
    tearDownMs = await removeLab(lab, log, hooks);
    if (log.failure) hooks.note(`events.jsonl is incomplete: ${log.failure.message}`);
  }
  return { ...ending, setUpMs, tearDownMs };
}

/** A lab that stays behind spoils nothing that was measured; it must be told, also after a Ctrl-C. */
async function removeLab(lab: Lab, log: EventLog, hooks: RecordHooks): Promise<number> {
  try {
    const ms = await lab.teardown();
    log.write("teardown", { ms: Math.round(ms) });
    return ms;
  } catch (failure) {
    const error = (failure as Error).message;
    log.write("teardown", { error });
    hooks.note(error);
    return 0;
  }
}

type Ending = Pick<Recorded, "reason" | "error">;

/** The two native processes of one run and the spool of their segments. */
class Session {
  private dataplane: NativeProcess | null = null;
  private traffic: NativeProcess | null = null;
  private spool: Spool | null = null;
  private rates: LiveRates | null = null;

  constructor(
    private readonly request: RecordRequest,
    private readonly lab: Lab,
    private readonly log: EventLog,
    private readonly hooks: RecordHooks,
  ) {}

  /** Starts both processes and waits until their sockets, rings and segments exist. */
  async start(signal: AbortSignal): Promise<void> {
    const { folder, command } = this.request;
    const samples = join(folder, "samples");
    mkdirSync(samples, { recursive: true });
    this.dataplane = this.launch("dataplane");
    const dataplane = await orAborted(this.dataplane.wait("ready", READY_MS), signal);
    this.traffic = this.launch("traffic");
    const traffic = await orAborted(this.traffic.wait("ready", READY_MS), signal);
    this.spool = Spool.start(samples, 1000);
    this.rates = new LiveRates(this.request.blueprint);
    for (const segment of [...(dataplane.segments ?? []), ...(traffic.segments ?? [])]) {
      const number = this.spool.add(segment.path);
      this.rates.watch(segment.type, this.spool.view(number));
    }
    const native = { dataplane: staticInfo(dataplane.info), traffic: staticInfo(traffic.info) };
    const environment = readEnvironment(new Date(), command, native);
    writeFileSync(join(folder, "environment.json"), `${JSON.stringify(environment, null, 2)}\n`);
  }

  /** From "go" to the last counter. */
  async run(signal: AbortSignal): Promise<Ending> {
    const [dataplane, traffic] = [this.must(this.dataplane), this.must(this.traffic)];
    this.log.write("counters", { when: "start", ...readMachineCounters() });
    const t0 = clockMonotonic() + GO_LEAD_NS;
    this.log.start(t0);
    this.log.write("go", { t0, date: new Date().toISOString() });
    dataplane.send({ op: "go", t0 });
    const over = traffic.ask({ op: "go", t0 }, "done", this.request.blueprint.timeline.duration / 1e6 + 30_000);
    const ending = await this.watched(t0, firstOf(over, dataplane, traffic, signal));
    const trouble = await this.finish(dataplane, traffic, ending.reason);
    return ending.reason === "complete" ? (trouble ?? ending) : ending;
  }

  /**
   * Last counters: after the senders stopped and the queues ran empty, so that nothing is under way unseen. Returns the
   * ending of a run that broke only here: without its last accounting it is no evidence.
   */
  private async finish(dataplane: NativeProcess, traffic: NativeProcess, reason: DoneReason): Promise<Ending | null> {
    this.log.write("counters", { when: "traffic-end", ...readMachineCounters() });
    if (reason !== "traffic-died") await traffic.stop();
    if (reason === "dataplane-died") return null;
    await drain(dataplane);
    const accounting = await dataplane.stop();
    const counters = await this.lab.counters();
    this.log.write("counters", {
      when: "end",
      ...readMachineCounters(),
      ...namedCounters(this.lab.blueprint, counters),
    });
    if (accounting) this.log.write("accounting", { ...endToEnd(counters, accounting), dataplane: accounting });
    return (await diedStopping(dataplane, accounting === null)) ?? (await diedStopping(traffic, false));
  }

  /** Stops what still runs and drains the spool; never throws. */
  async end(): Promise<void> {
    await this.traffic?.stop();
    await this.dataplane?.stop();
    this.endSpool();
  }

  private endSpool(): void {
    try {
      const lost = this.spool?.stop() ?? 0;
      if (lost > 0) this.log.write("spool", { lost });
    } catch (failure) {
      const error = `samples could not be written completely: ${(failure as Error).message}`;
      this.log.write("spool", { error });
      this.hooks.note(error);
    }
  }

  private launch(part: "dataplane" | "traffic"): NativeProcess {
    const process = new NativeProcess(part, join(this.request.folder, `${part}.json`), (refusal) => {
      this.log.write(part, { error: refusal.message });
      this.hooks.note(refusal.message);
    });
    const start = processStart(process.pid);
    if (start !== null) this.lab.adopt(process.pid, start, part);
    void process.exited.then((error) => {
      const said = process.said.length > 0 ? { said: process.said.join("\n") } : {};
      if (error || process.said.length > 0)
        this.log.write(part, { ...(error ? { error: error.message } : {}), ...said });
    });
    return process;
  }

  /** While `ending` is awaited, and not a moment longer, tells phases as they begin and rates twice a second. */
  private async watched(t0: number, ending: Promise<Ending>): Promise<Ending> {
    const watch = this.watch(t0);
    try {
      return await ending;
    } finally {
      watch.stop();
    }
  }

  private watch(t0: number): { stop(): void } {
    const timers = this.request.blueprint.timeline.phases.map((phase) =>
      setTimeout(
        () => {
          this.log.write("phase", { name: phase.name });
          this.hooks.phase(phase.name, (phase.end - phase.start) / 1e9);
        },
        Math.max(0, (t0 + phase.start - clockMonotonic()) / 1e6),
      ),
    );
    const ticker = setInterval(() => this.rates && this.hooks.rates(this.rates.read()), 500);
    return {
      stop() {
        timers.forEach(clearTimeout);
        clearInterval(ticker);
      },
    };
  }

  private must(process: NativeProcess | null): NativeProcess {
    if (!process) throw new Error("run() before start()");
    return process;
  }
}

/** Whatever comes first: the end as planned, a death, or the user's wish. */
async function firstOf(
  over: Promise<unknown>,
  dataplane: NativeProcess,
  traffic: NativeProcess,
  signal: AbortSignal,
): Promise<Ending> {
  const ended = (reason: DoneReason, error = ""): Ending => ({ reason, error });
  const died = (reason: DoneReason) => (error: NativeProcessError | null) =>
    ended(reason, error?.message ?? "ended early");
  const interrupted = new Promise<Ending>((resolve) => {
    const tell = () => resolve(ended("interrupted", `interrupted by ${signal.reason}`));
    if (signal.aborted) tell();
    else signal.addEventListener("abort", tell, { once: true });
  });
  return Promise.race([
    dataplane.exited.then(died("dataplane-died")),
    traffic.exited.then(died("traffic-died")),
    interrupted,
    over.then(
      () => ended("complete"),
      // A death also rejects this; give the more exact ending above the chance to win.
      (error: Error) => sleep(100).then(() => ended("error", error.message)),
    ),
  ]);
}

/** `promise`, or the reason of the abort as an error, whichever is first. */
async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const done = new AbortController();
  const aborted = new Promise<never>((_, reject) => {
    const tell = () => reject(signal.reason as Error);
    if (signal.aborted) tell();
    else signal.addEventListener("abort", tell, { once: true, signal: done.signal });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    done.abort();
  }
}

/** The ending of a run whose process, told to stop, died or did not answer (`mute`); null when it ended in order. */
async function diedStopping(process: NativeProcess, mute: boolean): Promise<Ending | null> {
  const death = await process.exited;
  if (!death && !mute) return null;
  const reason = process.part === "dataplane" ? "dataplane-died" : "traffic-died";
  if (!mute) return { reason, error: death?.message ?? "" };
  const error = new NativeProcessError(process.part, `gave no last accounting${death ? `; ${death.message}` : ""}`);
  return { reason, error: error.message };
}

/** Waits until the dataplane holds nothing and has seen nothing new for a while. */
async function drain(dataplane: NativeProcess): Promise<void> {
  const deadline = performance.now() + DRAIN_MS;
  let before = -1;
  while (performance.now() < deadline) {
    const answer = await dataplane.ask({ op: "stats" }, "stats").catch(() => null);
    if (!answer?.accounting) return;
    const { held, in: seen } = answer.accounting;
    if (held === 0 && seen === before) return;
    before = seen;
    await sleep(50);
  }
}

function writeBlueprint(blueprint: Blueprint, folder: string): void {
  const write = (name: string, part: object) => writeFileSync(join(folder, name), `${JSON.stringify(part, null, 1)}\n`);
  write("blueprint.json", blueprint);
  write("dataplane.json", blueprint.dataplane);
  write("traffic.json", blueprint.traffic);
}

function roundAll(times: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(times).map(([name, ms]) => [name, Math.round(ms * 10) / 10]));
}
