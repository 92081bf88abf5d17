import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Blueprint } from "../blueprint/types.js";
import { NativeProcess, type NativeProcessError } from "../ffi/native-process.js";
import { clockMonotonic, Spool } from "../ffi/spool.js";
import { processStart } from "../lab/journal.js";
import { Lab } from "../lab/lab.js";
import { endToEnd, namedCounters, readMachineCounters } from "./counters.js";
import { readEnvironment } from "./environment.js";
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
  let result: Omit<Recorded, "tearDownMs" | "setUpMs">;
  let setUpMs = 0;
  try {
    await session.start();
    setUpMs = performance.now() - started;
    log.write("lab-ready", { ms: roundAll(lab.times), total_ms: Math.round(setUpMs) });
    result = await session.run(signal);
    log.write("done", { reason: result.reason, ...(result.error ? { error: result.error } : {}) });
  } finally {
    await session.end();
    const tearDownMs = await lab.teardown();
    session.tearDownMs = tearDownMs;
    log.write("teardown", { ms: Math.round(tearDownMs) });
  }
  if (log.failure) hooks.note(`events.jsonl is incomplete: ${log.failure.message}`);
  return { ...result, setUpMs, tearDownMs: session.tearDownMs };
}

/** The two native processes of one run and the spool of their segments. */
class Session {
  private dataplane: NativeProcess | null = null;
  private traffic: NativeProcess | null = null;
  private spool: Spool | null = null;
  private rates: LiveRates | null = null;
  tearDownMs = 0;

  constructor(
    private readonly request: RecordRequest,
    private readonly lab: Lab,
    private readonly log: EventLog,
    private readonly hooks: RecordHooks,
  ) {}

  /** Starts both processes and waits until their sockets, rings and segments exist. */
  async start(): Promise<void> {
    const { folder, command } = this.request;
    const samples = join(folder, "samples");
    mkdirSync(samples, { recursive: true });
    this.dataplane = this.launch("dataplane");
    const dataplane = await this.dataplane.wait("ready", READY_MS);
    this.traffic = this.launch("traffic");
    const traffic = await this.traffic.wait("ready", READY_MS);
    this.spool = Spool.start(samples, 1000);
    this.rates = new LiveRates(this.request.blueprint);
    for (const segment of [...(dataplane.segments ?? []), ...(traffic.segments ?? [])]) {
      const number = this.spool.add(segment.path);
      this.rates.watch(segment.type, this.spool.view(number));
    }
    const native = { dataplane: dataplane.info ?? {}, traffic: traffic.info ?? {} };
    const environment = readEnvironment(new Date(), command, native);
    writeFileSync(join(folder, "environment.json"), `${JSON.stringify(environment, null, 2)}\n`);
  }

  /** From "go" to the last counter. */
  async run(signal: AbortSignal): Promise<Omit<Recorded, "tearDownMs" | "setUpMs">> {
    const [dataplane, traffic] = [this.must(this.dataplane), this.must(this.traffic)];
    this.log.write("counters", { when: "start", ...readMachineCounters() });
    const t0 = clockMonotonic() + GO_LEAD_NS;
    this.log.start(t0);
    this.log.write("go", { t0, date: new Date().toISOString() });
    const over = traffic.wait("done", this.request.blueprint.timeline.duration / 1e6 + 30_000);
    dataplane.send({ op: "go", t0 });
    traffic.send({ op: "go", t0 });
    const watch = this.watch(t0);
    try {
      const ending = await firstOf(over, dataplane, traffic, signal);
      await this.finish(dataplane, traffic, ending.reason);
      return ending;
    } finally {
      watch.stop();
    }
  }

  /** Last counters: after the senders stopped and the queues ran empty, so that nothing is under way unseen. */
  private async finish(dataplane: NativeProcess, traffic: NativeProcess, reason: DoneReason): Promise<void> {
    this.log.write("counters", { when: "traffic-end", ...readMachineCounters() });
    if (reason !== "traffic-died") await traffic.stop();
    if (reason === "dataplane-died") return;
    await drain(dataplane);
    const accounting = await dataplane.stop();
    const counters = await this.lab.counters();
    this.log.write("counters", {
      when: "end",
      ...readMachineCounters(),
      ...namedCounters(this.lab.blueprint, counters),
    });
    if (accounting) this.log.write("accounting", { ...endToEnd(counters, accounting), dataplane: accounting });
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
    const process = new NativeProcess(part, join(this.request.folder, `${part}.json`));
    const start = processStart(process.pid);
    if (start !== null) this.lab.adopt(process.pid, start, part);
    void process.exited.then((error) => error && this.log.write(part, { error: error.message }));
    return process;
  }

  /** Tells phases as they begin and rates twice a second. */
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
): Promise<{ reason: DoneReason; error: string }> {
  const ended = (reason: DoneReason, error = "") => ({ reason, error });
  const died = (reason: DoneReason) => (error: NativeProcessError | null) =>
    ended(reason, error?.message ?? "ended early");
  const interrupted = new Promise<{ reason: DoneReason; error: string }>((resolve) => {
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
