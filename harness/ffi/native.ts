import { existsSync } from "node:fs";
import { join } from "node:path";
import koffi from "koffi";
import { findRoot } from "./package.js";

/** Where mqoe's own files are. All paths are absolute. */
export interface NativeParts {
  /** The package's root. */
  root: string;
  /** libmqoe.so, loaded into this process. */
  library: string;
  /** mqoe-native, the multi-call binary. */
  binary: string;
}

/** The native parts are not where they should be; the message says what to do. */
export class NativeMissing extends Error {}

/**
 * Finds libmqoe.so and mqoe-native: in MQOE_NATIVE_DIR when that is set, else in build/native below the package's root.
 * Throws NativeMissing when one is absent.
 */
export function findNative(): NativeParts {
  const root = findRoot();
  const override = process.env.MQOE_NATIVE_DIR;
  const folder = override || join(root, "build", "native");
  const parts = { root, library: join(folder, "libmqoe.so"), binary: join(folder, "mqoe-native") };
  const missing = [parts.library, parts.binary].find((file) => !existsSync(file));
  if (missing === undefined) return parts;
  const advice = override ? "MQOE_NATIVE_DIR must name the folder that holds it" : `run make build in ${root}`;
  throw new NativeMissing(`${missing} does not exist; ${advice}`);
}

/** libmqoe's functions as JavaScript sees them (native/lab/lab.h, native/record/segment.h). */
export interface NativeCalls {
  labOpen(): number;
  labSubmit(batch: string): number;
  labClose(): void;
  clockMonotonic(): number | bigint;
  spoolStart(folder: string, intervalMs: number): number;
  spoolAdd(path: string): number;
  /** `bytes[0]` gets the length of the mapping. */
  spoolView(segment: number, bytes: bigint[]): unknown;
  spoolStop(): number | bigint;
  errnoName(errnum: number): string;
}

let calls: NativeCalls | null = null;

/** Loads libmqoe on first use: commands that need no lab work without it. */
export function nativeCalls(): NativeCalls {
  calls ??= declare(koffi.load(findNative().library));
  return calls;
}

function declare(library: ReturnType<typeof koffi.load>): NativeCalls {
  return {
    labOpen: library.func("int mqoe_lab_open()"),
    labSubmit: library.func("int mqoe_lab_submit(const char *batch)"),
    labClose: library.func("void mqoe_lab_close()"),
    clockMonotonic: library.func("uint64_t mqoe_clock_monotonic()"),
    spoolStart: library.func("int mqoe_spool_start(const char *dir, uint32_t interval_ms)"),
    spoolAdd: library.func("int mqoe_spool_add(const char *path)"),
    spoolView: library.func("const void *mqoe_spool_view(int number, _Out_ uint64_t *bytes)"),
    spoolStop: library.func("int64_t mqoe_spool_stop()"),
    errnoName: library.func("const char *mqoe_errno_name(int errnum)"),
  } as unknown as NativeCalls;
}

/** Throws when a native call answered −errno: `mqoe_spool_add /proc/1/fd/3: ENOENT`. Otherwise passes the answer on. */
export function checked(call: string, object: string, answer: number): number {
  if (answer >= 0) return answer;
  throw new NativeCallError(call, object, -answer);
}

/** A native call refused at once. */
export class NativeCallError extends Error {
  readonly code: string;

  constructor(
    readonly syscall: string,
    readonly object: string,
    readonly errno: number,
  ) {
    const code = nativeCalls().errnoName(errno);
    super(`${syscall} ${object}: ${code}`);
    this.code = code;
  }
}

/** CLOCK_MONOTONIC now, nanoseconds: the clock of t0 and of every `time` in a recording. */
export function clockMonotonic(): number {
  return Number(nativeCalls().clockMonotonic());
}
