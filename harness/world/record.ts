import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Blueprint } from "../blueprint/types.js";
import { middleParts } from "../dataplane/kinds.js";
import { Middle, Unsupported } from "../dataplane/middle.js";
import { type NativePart, NativeProcess, type NativeProcessError } from "../ffi/native-process.js";
import { orAborted } from "../ffi/or-aborted.js";
import { clockMonotonic, Spool } from "../ffi/spool.js";
import { processStart } from "../lab/journal.js";
import { Lab } from "../lab/lab.js";
import { Programs } from "../traffic/programs.js";
import { SessionCaptures, stopWithin, writeCaptureParts } from "./captures.js";
import { endToEnd, namedCounters, readMachineCounters } from "./counters.js";
import { readEnvironment, staticInfo } from "./environment.js";
import { EventLog } from "./event-log.js";
import { LiveRates, type Rates } from "./live-rates.js";
import { TimedChanges } from "./timed-changes.js";

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

export type DoneReason =
  | "complete"
  | "interrupted"
  | "dataplane-died"
  | "path-died"
  | "traffic-died"
  /** This kernel lacks what the dataplane was to run: nothing was measured, and nothing is wrong. */
  | "unsupported"
  | "error";

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
/**
 * In a guest, t0 is a whole multiple of this: what the set-up did a microsecond sooner or later, because the host's files
 * were read differently, must not move the run against the kernel's tick. Waiting costs nothing there.
 */
const GUEST_GRID_NS = 1e9;
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
  lab.recordsInto(folder);
  const session = new Session(request, lab, log, hooks);
  let ending: Ending;
  let setUpMs = 0;
  let tearDownMs = 0;
  try {
    const unsupported = await session.start(signal);
    setUpMs = performance.now() - started;
    if (unsupported === null) log.write("lab-ready", { ms: roundAll(lab.times), total_ms: Math.round(setUpMs) });
    ending = unsupported ?? (await session.run(signal));
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

/** The native processes of one run and the spool of their segments. */
class Session {
  private readonly middle: Middle;
  private traffic: NativeProcess | null = null;
  private spool: Spool | null = null;
  private rates: LiveRates | null = null;
  private readonly captures: SessionCaptures;
  private readonly programs: Programs | null;

  constructor(
    private readonly request: RecordRequest,
    private readonly lab: Lab,
    private readonly log: EventLog,
    private readonly hooks: RecordHooks,
  ) {
    this.middle = new Middle(
      request.blueprint,
      (part, name) => this.launch(part, name),
      stopWithin(request.blueprint.dataplane.captures),
    );
    this.captures = new SessionCaptures(request.blueprint, log, hooks.note);
    this.programs = this.programsOf(request);
  }

  /**
   * Starts the dataplane, the path stages and traffic, and waits until their sockets, rings and segments exist. Returns
   * the ending of a run whose dataplane this kernel cannot run; null when all is ready.
   */
  async start(signal: AbortSignal): Promise<Ending | null> {
    const { folder, command } = this.request;
    const samples = join(folder, "samples");
    mkdirSync(samples, { recursive: true });
    const middle = await this.middle.start(signal).catch((error: Error) => {
      if (error instanceof Unsupported) return error.message;
      throw error;
    });
    if (typeof middle === "string") return { reason: "unsupported", error: middle };
    const capturing = await this.captures.start((part, name) => this.launch(part, name), signal);
    this.traffic = this.launch("traffic", "traffic");
    const traffic = await orAborted(this.traffic.wait("ready", READY_MS), signal);
    await this.programs?.start(signal);
    this.spool = Spool.start(samples, 1000);
    this.rates = new LiveRates(this.request.blueprint);
    for (const segment of [...middle.segments, ...(traffic.segments ?? [])]) {
      const number = this.spool.add(segment.path);
      this.rates.watch(segment.type, this.spool.view(number));
    }
    const info = Object.entries({ ...middle.info, ...capturing, traffic: traffic.info });
    const native = Object.fromEntries(info.map(([name, said]) => [name, staticInfo(said)]));
    const inGuest = this.request.blueprint.world === "hermetic";
    const environment = readEnvironment(new Date(), command, native, inGuest);
    writeFileSync(join(folder, "environment.json"), `${JSON.stringify(environment, null, 2)}\n`);
    return null;
  }

  /** From "go" to the last counter. */
  async run(signal: AbortSignal): Promise<Ending> {
    const traffic = this.traffic;
    if (!traffic) throw new Error("run() before start()");
    this.log.write("counters", { when: "start", ...readMachineCounters() });
    const soonest = clockMonotonic() + GO_LEAD_NS;
    const isGuest = this.request.blueprint.world === "hermetic";
    const t0 = isGuest ? Math.ceil(soonest / GUEST_GRID_NS) * GUEST_GRID_NS : soonest;
    this.log.start(t0);
    this.log.write("go", { t0, date: new Date().toISOString() });
    this.captures.go(t0);
    this.middle.go(t0);
    this.programs?.go(t0);
    const over = traffic.ask({ op: "go", t0 }, "done", this.request.blueprint.timeline.duration / 1e6 + 30_000);
    const { changes: planned } = this.request.blueprint.timeline;
    const changes = new TimedChanges(planned, this.middle, this.log, (text) => this.hooks.note(text));
    const troubles = [changes.failure(t0), ...(this.programs ? [this.programs.failure] : [])];
    const ending = await this.watched(t0, firstOf(over, this.middle, traffic, troubles, signal));
    changes.stop();
    const trouble = await this.finish(traffic, ending.reason);
    return ending.reason === "complete" ? (trouble ?? ending) : ending;
  }

  /**
   * Last counters: after the senders stopped and the queues ran empty, so that nothing is under way unseen. Returns the
   * ending of a run that broke only here: without its last accounting it is no evidence.
   */
  private async finish(traffic: NativeProcess, reason: DoneReason): Promise<Ending | null> {
    await this.programs?.end();
    this.log.write("counters", { when: "traffic-end", ...readMachineCounters() });
    if (reason !== "traffic-died") await traffic.stop();
    if (reason === "dataplane-died" || reason === "path-died") return null;
    await this.silencePrograms();
    await this.middle.drain();
    const { accounting, death } = await this.middle.stop();
    await this.captures.end(this.middle.captured());
    const counters = await this.lab.counters();
    this.log.write("counters", {
      when: "end",
      ...readMachineCounters(),
      ...namedCounters(this.lab.blueprint, counters),
    });
    if (accounting) this.log.write("accounting", { ...endToEnd(counters, accounting), ...accounting });
    if (death) return death;
    const error = await traffic.exited;
    return error && { reason: "traffic-died", error: error.message };
  }

  /** Stops what still runs and drains the spool; never throws. */
  async end(): Promise<void> {
    await this.programs?.end();
    await this.traffic?.stop();
    await this.middle.end();
    await this.captures.end(this.middle.captured());
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

  private programsOf({ blueprint, folder }: RecordRequest): Programs | null {
    const { programs } = blueprint;
    if (programs === undefined) return null;
    const { lab } = this;
    const adopt = (pid: number, name: string) => lab.adopt(pid, processStart(pid) ?? "", name);
    const log = (event: string, fields: object) => this.log.write(event, fields);
    return new Programs({ ...blueprint, programs }, { folder, labFolder: lab.folder, adopt, log });
  }

  /** What programs left in their sockets is not sent while frames are counted. */
  private async silencePrograms(): Promise<void> {
    const { programs = [] } = this.request.blueprint.programs ?? {};
    if (programs.length > 0) await this.lab.silence([...new Set(programs.map(({ endpoint }) => endpoint))]);
  }

  private launch(part: NativePart, name: string): NativeProcess {
    const tell = (refusal: NativeProcessError) => {
      this.log.write(name, { error: refusal.message });
      this.hooks.note(refusal.message);
    };
    const process = new NativeProcess(part, join(this.request.folder, `${name}.json`), tell, undefined, name);
    const start = processStart(process.pid);
    if (start !== null) this.lab.adopt(process.pid, start, name);
    void process.exited.then((error) => {
      const said = process.said.length > 0 ? { said: process.said.join("\n") } : {};
      if (error || process.said.length > 0)
        this.log.write(name, { ...(error ? { error: error.message } : {}), ...said });
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
}

/** Whatever comes first: the end as planned, a death, or the user's wish. */
async function firstOf(
  over: Promise<unknown>,
  middle: Middle,
  traffic: NativeProcess,
  troubles: readonly Promise<Error>[],
  signal: AbortSignal,
): Promise<Ending> {
  const ended = (reason: DoneReason, error = ""): Ending => ({ reason, error });
  const itself = Promise.race([
    middle.died(),
    traffic.exited.then((error) => ended("traffic-died", error?.message ?? "ended early")),
    over.then(
      () => ended("complete"),
      // A death also rejects this; give the more exact ending above the chance to win.
      (error: Error) => sleep(100).then(() => ended("error", error.message)),
    ),
    // A change that was refused, a program that could not be run.
    Promise.race(troubles).then((error) => sleep(100).then(() => ended("error", error.message))),
  ]);
  return orAborted(itself, signal).catch((error: unknown) => {
    if (!signal.aborted) throw error;
    return ended("interrupted", `interrupted by ${signal.reason}`);
  });
}

function writeBlueprint(blueprint: Blueprint, folder: string): void {
  const write = (name: string, part: object) => writeFileSync(join(folder, name), `${JSON.stringify(part, null, 1)}\n`);
  write("blueprint.json", blueprint);
  for (const part of middleParts(blueprint)) write(`${part.name}.json`, part.blueprint);
  write("traffic.json", blueprint.traffic);
  writeCaptureParts(blueprint, folder);
}

function roundAll(times: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(times).map(([name, ms]) => [name, Math.round(ms * 10) / 10]));
}
