import { accessSync, chmodSync, constants, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Blueprint, ProgramBlueprint, ProgramsBlueprint } from "../blueprint/types.js";
import { orAborted } from "../ffi/or-aborted.js";
import { clockMonotonic } from "../ffi/spool.js";
import { isTaken } from "./listening.js";
import { Program, type ProgramEnd, ProgramFailure, type ProgramPlaces, SEARCH_PATH } from "./program.js";

/** What Programs needs of the run around it. */
export interface ProgramHost {
  /** The run's folder. */
  folder: string;
  /** A folder of the lab's own, which goes with it. */
  labFolder: string;
  /** Makes a process known, so that it is ended after a crash. */
  adopt(pid: number, name: string): void;
  /** Writes into events.jsonl. */
  log(event: string, fields: object): void;
}

const STEP_MS = 20;
/** A server must take its port within this time; one without a port is taken for ready after the other. */
const PORT_MS = 10_000;
const READY_MS = 500;
/** A keeper kills what does not end after 2 s; one that hangs itself is killed after this. */
const KEEPER_MS = 6000;

/** The programs of a scenario while its run is recorded: servers from before "go" to the end, clients at their times. */
export class Programs {
  private readonly programs: ProgramsBlueprint;
  private readonly places: ProgramPlaces;
  private readonly running = new Map<Program, Promise<void>>();
  private readonly timers: NodeJS.Timeout[] = [];
  private readonly over = new Set<Program>();
  private t0: number | null = null;
  private ending = false;
  private fail: (error: Error) => void = () => {};
  /** Resolves when a program could not be run, or a server ended that should not have. */
  readonly failure: Promise<Error>;

  constructor(
    private readonly blueprint: Blueprint & { programs: ProgramsBlueprint },
    private readonly host: ProgramHost,
  ) {
    this.programs = blueprint.programs;
    const outputs = join(host.folder, "programs");
    this.places = { outputs, home: join(host.labFolder, "home"), etc: join(host.labFolder, "etc") };
    this.failure = new Promise((resolve) => {
      this.fail = resolve;
    });
  }

  /** Starts the servers and waits until they serve. Throws what is missing, or why one does not. */
  async start(signal: AbortSignal): Promise<void> {
    for (const { name, command } of this.programs.programs) assertFound(name, command[0] ?? "");
    this.makePlaces();
    const servers = this.programs.programs.filter(({ role }) => role === "server").map((one) => this.launch(one));
    const ready = Promise.all(servers.map((server) => this.serves(server)));
    const failed = this.failure.then((error) => Promise.reject(error));
    await orAborted(Promise.race([ready, failed]), signal);
  }

  /** `t0`: CLOCK_MONOTONIC, ns. */
  go(t0: number): void {
    this.t0 = t0;
    const after = (time: number, act: () => void) =>
      this.timers.push(setTimeout(act, Math.max(0, (t0 + time - clockMonotonic()) / 1e6)));
    for (const program of this.programs.programs) {
      const { start, stop } = program;
      if (start === null || stop === null) continue;
      after(start, () => {
        if (this.ending) return;
        const launched = this.launch(program);
        if (stop < this.blueprint.timeline.duration) after(stop, () => this.endOne(launched));
      });
    }
  }

  /** Ends what still runs, clients before their servers; never throws. */
  async end(): Promise<void> {
    this.ending = true;
    for (const timer of this.timers) clearTimeout(timer);
    for (const role of ["client", "server"] as const) {
      const left = [...this.running].filter(([program]) => program.blueprint.role === role);
      for (const [program] of left) this.endOne(program);
      await Promise.all(left.map(([program, gone]) => this.gone(program, gone)));
    }
  }

  private async gone(program: Program, gone: Promise<void>): Promise<void> {
    const timer = setTimeout(() => program.kill(), KEEPER_MS);
    await gone;
    clearTimeout(timer);
  }

  private endOne(program: Program): void {
    if (!this.running.has(program)) return;
    this.over.add(program);
    program.end();
  }

  private launch(blueprint: ProgramBlueprint): Program {
    const program = new Program(blueprint, this.programs.user, this.places);
    this.host.adopt(program.pid, blueprint.name);
    const gone = program.ended
      .then(
        (end) => this.ended(program, end),
        (error: Error) => this.failed(program, error),
      )
      .finally(() => this.running.delete(program));
    this.running.set(program, gone);
    return program;
  }

  private ended(program: Program, end: ProgramEnd): void {
    const { name, traffic, role, endpoint } = program.blueprint;
    const { code, signal, started, ended, stdout, stderr, lastWords } = end;
    const isOver = this.over.has(program);
    const times = { started: this.seconds(started), ended: this.seconds(ended), wall: (ended - started) / 1e9 };
    const words = code !== 0 && !isOver && lastWords.length > 0 ? { said: lastWords.join("\n") } : {};
    const result = { exit: code, signal, over: isOver, ...times, stdout, stderr, ...words };
    this.host.log("program", { name, traffic, role, endpoint, ...result });
    if (role === "client" || isOver || code === 0) return;
    const saying = lastWords.length > 0 ? `; it said: ${lastWords.join(" / ")}` : "";
    this.fail(new ProgramFailure(`program ${name} ended with exit code ${code} before the run did${saying}`));
  }

  private failed(program: Program, error: Error): void {
    const { name, traffic, role, endpoint } = program.blueprint;
    this.host.log("program", { name, traffic, role, endpoint, error: error.message });
    this.fail(error);
  }

  /** From t0; null before it. */
  private seconds(time: number): number | null {
    return this.t0 === null ? null : Math.round((time - this.t0) / 1e3) / 1e6;
  }

  private async serves(server: Program): Promise<void> {
    const { name, netns, port } = server.blueprint;
    if (port === null) return sleep(READY_MS);
    const deadline = performance.now() + PORT_MS;
    while (!isTaken(netns, server.pid, port)) {
      if (!this.running.has(server))
        throw new ProgramFailure(`program ${name} ended before it served; it must stay in the foreground`);
      if (performance.now() > deadline)
        throw new ProgramFailure(
          `program ${name} has not taken port ${port} within ${PORT_MS / 1000} s; {port} in its command must be the port that it serves`,
        );
      await sleep(STEP_MS);
    }
  }

  private makePlaces(): void {
    const { home, etc, outputs } = this.places;
    // The programs' user must be able to go there, whatever the umask.
    for (const folder of [this.host.labFolder, home, etc, outputs]) {
      mkdirSync(folder, { recursive: true });
      chmodSync(folder, 0o755);
    }
    writeFileSync(join(etc, "hosts"), hostsFile(this.blueprint), { mode: 0o644 });
    // Nobody answers for names that are not in it; a resolver that waits for that would only lose time.
    writeFileSync(join(etc, "resolv.conf"), "", { mode: 0o644 });
  }
}

/** Names of all clients and servers, so that `http://web/` works. */
export function hostsFile({ lab }: Pick<Blueprint, "lab">): string {
  const lines = lab.endpoints.flatMap(({ name, ipv4, ipv6 }) =>
    [...ipv4, ...ipv6].map((address) => `${address} ${name}`),
  );
  return ["127.0.0.1 localhost", "::1 localhost", ...lines, ""].join("\n");
}

/** Before a lab is loaded for nothing. Whether its user may run it, only the start tells. */
function assertFound(name: string, program: string): void {
  const candidates = program.includes("/") ? [program] : SEARCH_PATH.split(":").map((folder) => join(folder, program));
  if (candidates.some(isExecutable)) return;
  const where = program.includes("/") ? "there is no such program, or it is not executable" : `not in ${SEARCH_PATH}`;
  throw new ProgramFailure(`program ${name}: ${program}: ${where}; install it, or name it by its path`);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
