import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Blueprint } from "../blueprint/types.js";
import { findNative } from "../ffi/native.js";
import { readEnvironment } from "./environment.js";
import { GuestMemory, NoGuest } from "./guest-memory.js";
import { type GuestEnd, type GuestLimits, type GuestLine, GuestProcess } from "./guest-process.js";
import { explainMissing, type GuestKernel, memoryFolder, searchGuestKernel } from "./kernel/index.js";
import type { Rates } from "./live-rates.js";
import type { Recorded, RecordHooks, RecordRequest } from "./record.js";
import type { World } from "./world.js";

/** Where guest-init mounts the run's folder (native/guest/guest.h). */
const FOLDER_IN_GUEST = "/run/guest";
/** What the guest is asked to do, in the run's folder. */
const REQUEST = "guest.json";
/**
 * Node keeps to itself: its own randomness (hash tables, Math.random) would be OpenSSL's, which reads the host's cycle
 * counter; its background threads and its clock-driven collections would read the clock, and each reading takes time.
 */
const NODE_FLAGS = [
  "--hash-seed=1",
  "--random-seed=1",
  "--single-threaded",
  "--no-memory-reducer",
  "--predictable-gc-schedule",
  "--max-old-space-size=512",
];

const MIB = 2 ** 20;
/** Guest kernel, Node and the native processes; then per UMEM chunk and per endpoint (measured, with room). */
const MEMORY = { base: 768, client: 1 };
/** What packet sockets share with the kernel, all together (native/capture/main.c, with the least of each). */
const CAPTURE_SOCKETS = 128 * MIB;

/** Generous: a guest under heavy load on a robbed machine is slow, and that is no fault of the run. */
export const GUEST_LIMITS: GuestLimits = { boot: 120_000, still: 60_000 };

/**
 * A user-mode Linux guest on virtual time for each run (DESIGN §5). Host load changes how long it takes, not what comes
 * out. Throws NoGuest when this machine has no guest kernel.
 */
export function hermeticWorld(limits: GuestLimits): World {
  const { kernel, looked } = searchGuestKernel();
  if (kernel === null) throw new NoGuest(explainMissing(looked));
  const cpus = new CpuSlots();
  const memory = new GuestMemory(memoryFolder);
  return {
    name: "hermetic",
    cores: 1,
    concurrent: true,
    // Always the same: names are part of what must repeat.
    labName: () => "hermetic",
    async record(request, hooks, signal) {
      const bytes = memoryOf(request.blueprint) * MIB;
      const wait = () => hooks.note("a guest waits for another to end: there is no room for the memory of both");
      const folder = await memory.take(bytes, signal, wait);
      const cpu = cpus.take();
      try {
        return await new GuestRun(request, kernel, limits, hooks).record({ cpu, memoryFolder: folder }, signal);
      } finally {
        cpus.give(cpu);
        memory.give(bytes);
      }
    },
  };
}

/** Each guest stays on one CPU of those that this process may use, the one with the fewest guests. */
class CpuSlots {
  private readonly used = new Map(allowedCpus().map((cpu) => [cpu, 0]));

  take(): number {
    const [cpu = -1, count = 0] = [...this.used].sort((a, b) => a[1] - b[1] || b[0] - a[0])[0] ?? [];
    if (cpu >= 0) this.used.set(cpu, count + 1);
    return cpu;
  }

  give(cpu: number): void {
    this.used.set(cpu, (this.used.get(cpu) ?? 1) - 1);
  }
}

/** `Cpus_allowed_list: 0-3,8` */
function allowedCpus(): number[] {
  const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "";
  return list.split(",").flatMap((range) => {
    const [first = 0, last = first] = range.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, n) => first + n);
  });
}

/** One run in one guest. */
class GuestRun {
  private recorded: Recorded | null = null;
  private failed: string | null = null;

  constructor(
    private readonly request: RecordRequest,
    private readonly kernel: GuestKernel,
    private readonly limits: GuestLimits,
    private readonly hooks: RecordHooks,
  ) {}

  async record(place: { cpu: number; memoryFolder: string }, signal: AbortSignal): Promise<Recorded> {
    const { blueprint, folder } = this.request;
    this.writeRequest(folder, blueprint);
    const native = findNative();
    const guest = new GuestProcess(
      {
        binary: native.binary,
        kernel: this.kernel.path,
        memory: memoryOf(blueprint),
        run: resolve(folder),
        preload: join(dirname(native.binary), "libmqoe-entropy.so"),
        seed: blueprint.seed,
        ...place,
        request: REQUEST,
        limits: this.limits,
      },
      (line) => this.receive(line),
    );
    const stop = () => guest.kill(null);
    signal.addEventListener("abort", stop, { once: true });
    const end = await guest.ended;
    signal.removeEventListener("abort", stop);
    this.completeEnvironment(folder);
    return this.conclude(end, signal);
  }

  private writeRequest(folder: string, blueprint: Blueprint): void {
    const main = join(dirname(fileURLToPath(import.meta.url)), "guest-main.js");
    const command = [process.execPath, ...NODE_FLAGS, main, FOLDER_IN_GUEST, this.request.command];
    writeFileSync(join(folder, "blueprint.json"), `${JSON.stringify(blueprint, null, 1)}\n`);
    writeFileSync(join(folder, REQUEST), `${JSON.stringify({ command, cwd: findNative().root })}\n`);
  }

  private receive(line: GuestLine): void {
    const { hooks } = this;
    if (line.event === "building") hooks.building(String(line.stage), Number(line.done), Number(line.of));
    else if (line.event === "phase") hooks.phase(String(line.name), Number(line.seconds));
    else if (line.event === "rates") hooks.rates(line.rates as Rates);
    else if (line.event === "note") hooks.note(String(line.text));
    else if (line.event === "recorded") this.recorded = line.recorded as Recorded;
    else if (line.event === "failed") this.failed = String(line.message);
  }

  private conclude(end: GuestEnd, signal: AbortSignal): Recorded {
    if (this.recorded !== null) return this.recorded;
    // The guest said what it could not start: as a throw of the live world's.
    if (this.failed !== null && !signal.aborted) throw new Error(this.failed);
    const ending = signal.aborted
      ? ({ reason: "interrupted", error: `interrupted by ${signal.reason}` } as const)
      : ({ reason: "error", error: end.problem ?? "the guest ended before its run did" } as const);
    this.closeEvents(ending);
    return { ...ending, setUpMs: 0, tearDownMs: 0 };
  }

  /** What the guest could not write any more. */
  private closeEvents(ending: { reason: string; error: string }): void {
    try {
      const line = { event: "done", time: null, ...ending };
      // A line that was cut by the end must not swallow this one.
      const file = join(this.request.folder, "events.jsonl");
      const text = existsSync(file) ? readFileSync(file, "utf8") : "";
      appendFileSync(file, `${text === "" || text.endsWith("\n") ? "" : "\n"}${JSON.stringify(line)}\n`);
    } catch (error) {
      this.hooks.note(`events.jsonl is incomplete: ${(error as Error).message}`);
    }
  }

  /** The guest knows its kernel; the date, the checkout and the machine are the host's to tell. */
  private completeEnvironment(folder: string): void {
    const file = join(folder, "environment.json");
    try {
      const host = readEnvironment(new Date(), this.request.command, {});
      const guest = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as object) : {};
      const { date, mqoe, cpu, memoryBytes } = host;
      const world = {
        name: "hermetic",
        kernel: this.kernel.version,
        hash: this.kernel.hash,
        host: host.kernel.release,
      };
      writeFileSync(file, `${JSON.stringify({ ...guest, date, mqoe, cpu, memoryBytes, world }, null, 2)}\n`);
    } catch (error) {
      this.hooks.note(`environment.json is incomplete: ${(error as Error).message}`);
    }
  }
}

/** MiB: what the programs need, every UMEM frame, and each endpoint's namespace and sockets. */
function memoryOf({ dataplane, pathStages, lab, capture }: Blueprint): number {
  const reactors = [dataplane, ...pathStages.map(({ process }) => process)].flatMap((one) => one.reactors);
  const umem = reactors.reduce((sum, { frames, frameSize }) => sum + frames * frameSize, 0);
  const captures = [...(dataplane.captures ?? []), ...(capture?.captures ?? [])];
  const rings = captures.reduce((sum, { limit }) => sum + limit, capture ? CAPTURE_SOCKETS : 0);
  return MEMORY.base + Math.ceil((umem + rings) / MIB) + MEMORY.client * lab.endpoints.length;
}
