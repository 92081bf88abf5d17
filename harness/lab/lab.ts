import { existsSync } from "node:fs";
import type { EndpointBlueprint, LabBlueprint } from "../blueprint/types.js";
import { LabEngine } from "../ffi/lab-engine.js";
import { type Created, Journal } from "./journal.js";
import { buildStages, namespacesOf } from "./plan.js";
import { removeNamespaces } from "./remove.js";

/** Set-up time of each stage, milliseconds. */
export type LabTimes = Record<string, number>;

/** What the caller may watch: how far the build is. */
export type LabProgress = (stage: string, done: number, of: number) => void;

/**
 * A lab that exists in this kernel: namespaces, links, addresses, XDP programs. Built from a blueprint, torn down by
 * `teardown()`, which removes exactly what the journal names and may be called at any time, also half-way through a
 * failed build.
 */
export class Lab {
  readonly times: LabTimes = {};

  private constructor(
    readonly blueprint: LabBlueprint,
    private readonly engine: LabEngine,
    private readonly journal: Journal,
  ) {}

  /**
   * Builds the lab. On failure or abort everything already made is removed before the error is thrown: a name that is
   * taken, a missing privilege and a full table leave nothing behind.
   */
  static async build(blueprint: LabBlueprint, onProgress: LabProgress = () => {}, signal?: AbortSignal): Promise<Lab> {
    // Before the journal names them: what a journal names, `mqoe clean` may remove.
    assertFree(namespacesOf(blueprint));
    const journal = Journal.create(blueprint.name);
    let engine: LabEngine;
    try {
      engine = await LabEngine.open();
    } catch (error) {
      journal.remove();
      throw error;
    }
    const lab = new Lab(blueprint, engine, journal);
    try {
      await lab.create(onProgress, signal);
      return lab;
    } catch (error) {
      await lab.teardown().catch((left: Error) => {
        throw new Error(`${(error as Error).message ?? error}; and then: ${left.message}`);
      });
      throw error;
    }
  }

  private created: string[] = [];

  private async create(onProgress: LabProgress, signal?: AbortSignal): Promise<void> {
    for (const stage of buildStages(this.blueprint)) {
      const started = performance.now();
      if (stage.name === "namespaces") await this.createNamespaces(onProgress, signal);
      const ops = stage.ops.filter((op) => op.op !== "netns_add");
      for (let at = 0; at < ops.length; at += 64) {
        signal?.throwIfAborted();
        await this.engine.run(ops.slice(at, at + 64), (done) => onProgress(stage.name, at + done, ops.length));
      }
      this.times[stage.name] = performance.now() - started;
    }
  }

  /** One journal write a batch, before it: teardown removes only namespaces that this lab made (see `created`). */
  private async createNamespaces(onProgress: LabProgress, signal?: AbortSignal): Promise<void> {
    const paths = namespacesOf(this.blueprint);
    for (let at = 0; at < paths.length; at += 64) {
      signal?.throwIfAborted();
      const batch = paths.slice(at, at + 64);
      await this.createBatch(batch);
      onProgress("namespaces", at + batch.length, paths.length);
    }
  }

  private async createBatch(paths: string[]): Promise<void> {
    this.journal.willCreate(...paths.map((path): Created => ({ create: "netns", path })));
    try {
      await this.engine.run(paths.map((path) => ({ op: "netns_add", path })));
      this.created.push(...paths);
    } catch (error) {
      const failedAt = (error as { opIndex?: number }).opIndex ?? paths.length;
      this.created.push(...paths.slice(0, failedAt));
      throw error;
    }
  }

  /** Kernel counters of the whole lab (see native/lab). */
  async counters(): Promise<LabCounters> {
    const [result] = await this.engine.run([{ op: "counters", namespaces: namespacesOf(this.blueprint) }]);
    return result as unknown as LabCounters;
  }

  /** Of this lab alone; goes with it. */
  get folder(): string {
    return this.journal.folder;
  }

  /** From now on nothing leaves these endpoints: what programs left in sockets would be sent, and sent again. */
  async silence(names: readonly string[]): Promise<void> {
    const chosen = this.blueprint.endpoints.filter(({ name }) => names.includes(name));
    const families = (endpoint: EndpointBlueprint) =>
      (["ipv4", "ipv6"] as const).filter((family) => endpoint[family].length > 0);
    await this.engine.run(chosen.map((one) => ({ op: "silence", netns: one.netns, families: families(one) })));
  }

  /** Writes a process of this lab into the journal, so that `mqoe clean` can end it after a SIGKILL. */
  adopt(pid: number, start: string, name: string): void {
    this.journal.willCreate({ create: "process", pid, start, name });
  }

  /** Writes the folder of the run that is recorded here into the journal. */
  recordsInto(run: string): void {
    this.journal.recordsInto(run);
  }

  /**
   * Removes everything it can, and does not mind what is already gone. Throws at the end when something could not be
   * removed: the journal then stays for `mqoe clean`. Returns milliseconds.
   */
  async teardown(): Promise<number> {
    const started = performance.now();
    try {
      const failure = await removeNamespaces(this.engine, this.created);
      if (failure) throw new LabLeft(this.blueprint.name, failure);
      this.created = [];
      this.journal.remove();
    } finally {
      await this.engine.close();
    }
    return performance.now() - started;
  }
}

/** A lab that is not gone. */
export class LabLeft extends Error {
  constructor(lab: string, cause: Error) {
    super(`the lab ${lab} could not be removed completely: ${cause.message}; run mqoe clean`);
  }
}

function assertFree(paths: string[]): void {
  const taken = paths.find((path) => existsSync(path));
  if (taken === undefined) return;
  throw new NamespaceTaken(taken);
}

export class NamespaceTaken extends Error {
  constructor(path: string) {
    super(`namespace ${path} exists already and is not ours; choose another lab name with --lab, or remove it`);
  }
}

/** Answer of the engine's `counters` operation. */
export interface LabCounters {
  access: SideCounters;
  core: SideCounters;
  /** Frames that reached the stub in front of an endpoint's stack. */
  delivered: number;
  /** `<netns path>/<ifname>` → counters of the link. */
  links: Record<string, Record<string, number>>;
}

export interface SideCounters {
  in: number;
  redirected_to_ports: number;
  control: number;
  unmatched: number;
}
