import { setTimeout as sleep } from "node:timers/promises";
import type { Blueprint, ChangeBlueprint, ChangeSetting } from "../blueprint/types.js";
import {
  type CapturedFile,
  type DataplaneAccounting,
  type NativeEvent,
  type NativePart,
  type NativeProcess,
  NativeProcessError,
} from "../ffi/native-process.js";
import { orAborted } from "../ffi/or-aborted.js";
import { KINDS, type MiddlePart, middleParts, readyWithin } from "./kinds.js";

/** Starts one program on the file that is called after `name`; who owns the lab makes it known there. */
export type Launch = (part: NativePart, name: string) => NativeProcess;

export interface MiddleReady {
  /** Of all processes. */
  segments: NonNullable<NativeEvent["segments"]>;
  /** What each process said of itself, by its name. */
  info: Record<string, Record<string, unknown>>;
}

/** A process of the middle ended that should not have, or not as it was told. */
export interface MiddleDeath {
  reason: "dataplane-died" | "path-died";
  error: string;
}

/** The frames of the dataplane and of each path stage, by their own count. */
export interface MiddleAccounting {
  dataplane: DataplaneAccounting;
  /** By name, `path-core`. */
  stages: Record<string, DataplaneAccounting>;
}

/** What this kernel lacks of what is compared: no fault of the rig, and no result either. */
export class Unsupported extends Error {}

/** How long queues may take to run empty after the last sender stopped. */
const DRAIN_MS = 10_000;
const DRAIN_STEP_MS = 50;

const STOP_MS = 3000;

/** How long a dataplane may take to apply a change. */
const CHANGE_MS = 5000;
/** Settings in one command, whose line holds 16 MiB; and commands that a change can become. */
const PORTION = 10_000;
const PORTION_BYTES = 4e6;
const MAX_PORTIONS = 1000;

function portions(set: readonly ChangeSetting[]): (readonly ChangeSetting[])[] {
  const parts: ChangeSetting[][] = [];
  let size = 0;
  for (const setting of set) {
    const bytes = "path" in setting ? JSON.stringify(setting).length : 0; // traces; the others are small
    const part = parts.at(-1);
    if (part === undefined || part.length === PORTION || size + bytes > PORTION_BYTES) {
      parts.push([setting]);
      size = 0;
    } else part.push(setting);
    size += bytes;
  }
  return parts;
}

/**
 * What is in the middle of a lab: the dataplane, of whatever kind, and the stages of emulated distance beside it. All
 * of them speak the same protocol (docs/control.md); only the program differs.
 */
export class Middle {
  private readonly parts: MiddlePart[];
  private readonly processes: NativeProcess[] = [];

  constructor(
    blueprint: Blueprint,
    private readonly launch: Launch,
    /** How long one of the processes may take to stop. */
    private readonly stopMs = STOP_MS,
  ) {
    this.parts = middleParts(blueprint);
  }

  /**
   * Starts everything, one after the other, and waits until frames are forwarded. Throws `Unsupported`, the error of
   * the process that could not start, or the reason of the abort; what runs by then is for `end` to stop.
   */
  async start(signal: AbortSignal): Promise<MiddleReady> {
    const ready: MiddleReady = { segments: [], info: {} };
    for (const { name, blueprint } of this.parts) {
      const { part, mayLack } = KINDS[blueprint.kind];
      const process = this.launch(part, name);
      this.processes.push(process);
      const { segments = [], info = {} } = await orAborted(process.wait("ready", readyWithin(blueprint)), signal).catch(
        (error: Error) => {
          throw mayLack && lacks(error) ? new Unsupported(error.message) : error;
        },
      );
      ready.segments.push(...segments);
      ready.info[name] = info;
    }
    return ready;
  }

  /** `t0`: CLOCK_MONOTONIC, ns. */
  go(t0: number): void {
    for (const process of this.processes) process.send({ op: "go", t0 });
  }

  /**
   * Tells the processes that a change concerns, and waits until all of them have applied it. Rejects with what one of
   * them refuses. `number` tells the commands of a run apart.
   */
  async change(number: number, { set, stages = [] }: Pick<ChangeBlueprint, "set" | "stages">): Promise<void> {
    const sets = new Map([["dataplane", set], ...stages.map((stage) => [`path-${stage.side}`, stage.set] as const)]);
    const told = this.processes.flatMap((process) =>
      portions(sets.get(process.name) ?? []).map((portion, part) => {
        const id = number * MAX_PORTIONS + part;
        return process.ask({ op: "change", id, set: portion }, "changed", CHANGE_MS);
      }),
    );
    await Promise.all(told);
  }

  /** The first death of any of them; pending while all live. */
  died(): Promise<MiddleDeath> {
    return Promise.race(
      this.processes.map(async (process) => deathOf(process, (await process.exited)?.message ?? "ended early")),
    );
  }

  /** Waits until nothing is held and nothing new was seen for a while, at most 10 s. */
  async drain(): Promise<void> {
    const deadline = performance.now() + DRAIN_MS;
    let before = -1;
    while (performance.now() < deadline) {
      const answers = await Promise.all(this.processes.map((process) => process.ask({ op: "stats" }, "stats"))).catch(
        () => [],
      );
      if (answers.length === 0 || answers.some(({ accounting }) => !accounting)) return;
      const sum = (value: (one: DataplaneAccounting) => number) =>
        answers.reduce((total, { accounting }) => total + (accounting ? value(accounting) : 0), 0);
      const seen = sum((one) => one.in);
      if (sum((one) => one.held) === 0 && seen === before) return;
      before = seen;
      await sleep(DRAIN_STEP_MS);
    }
  }

  /** Stops all and counts. Without every last accounting there is none, and the death says whose is missing. */
  async stop(): Promise<{ accounting: MiddleAccounting | null; death: MiddleDeath | null }> {
    const last: (DataplaneAccounting | null)[] = [];
    for (const process of this.processes) last.push(await process.stop(this.stopMs));
    const deaths = await Promise.all(this.processes.map((process, i) => diedStopping(process, last[i] === null)));
    const [dataplane, ...others] = last;
    const stages = Object.fromEntries(others.map((one, i) => [this.processes[i + 1]?.name ?? "", one]));
    const accounting = last.every((one) => one !== null) ? ({ dataplane, stages } as MiddleAccounting) : null;
    return { accounting, death: deaths.find((death) => death !== null) ?? null };
  }

  /** The packet captures that the processes have left behind; none before they were stopped. */
  captured(): CapturedFile[] {
    return this.processes.flatMap((process) => [...process.captured]);
  }

  /** Stops what still runs, whatever became of the rest; never throws. */
  async end(): Promise<void> {
    for (const process of this.processes) await process.stop(this.stopMs);
  }
}

function lacks(error: Error): boolean {
  return error instanceof NativeProcessError && error.code === "EOPNOTSUPP";
}

function deathOf(process: NativeProcess, error: string): MiddleDeath {
  return { reason: process.name === "dataplane" ? "dataplane-died" : "path-died", error };
}

/** The death of a process that, told to stop, died or did not answer (`mute`); null when it ended in order. */
async function diedStopping(process: NativeProcess, mute: boolean): Promise<MiddleDeath | null> {
  const death = await process.exited;
  if (!death && !mute) return null;
  if (!mute) return deathOf(process, death?.message ?? "");
  const error = new NativeProcessError(process.name, `gave no last accounting${death ? `; ${death.message}` : ""}`);
  return deathOf(process, error.message);
}
