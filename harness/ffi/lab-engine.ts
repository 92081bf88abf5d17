import { Socket } from "node:net";
import { createInterface } from "node:readline";
import type { LabOp, LabResult } from "./lab-ops.js";
import { checked, nativeCalls } from "./native.js";

/** The engine takes no longer batches; short ones keep progress and Ctrl-C alive. */
const BATCH = 64;

/** One operation failed. `opIndex` is its place in the array given to `run`; all before it were done, none after. */
export class LabError extends Error {
  constructor(
    readonly syscall: string,
    readonly object: string,
    readonly errno: number,
    readonly code: string,
    /** The kernel's or the engine's explanation, without syscall and object. */
    readonly reason: string,
    readonly opIndex: number,
  ) {
    super(`${syscall} ${object}: ${reason} (${code})`);
  }
}

/** A line of the engine (native/lab/lab.h). */
type Answer =
  | { id: number; done: number; of: number }
  | { id: number; ok: true; results: LabResult[] }
  | {
      id: number;
      ok: false;
      error: { op: number; syscall: string; object: string; errno: number; code: string; message: string };
      results: LabResult[];
    };

interface Pending {
  resolve: (results: LabResult[]) => void;
  reject: (error: Error) => void;
  onProgress: (done: number) => void;
}

/**
 * The lab engine: kernel work on a thread of libmqoe, so that neither setns nor a long operation ever touches Node's
 * own threads. One per process. While nothing is running it does not keep Node alive.
 */
export class LabEngine {
  private readonly pending = new Map<number, Pending>();
  private readonly ended: Promise<void>;
  private nextId = 1;
  private closing = false;

  private constructor(private readonly answers: Socket) {
    const lines = createInterface({ input: answers });
    lines.on("line", (line) => this.receive(JSON.parse(line) as Answer));
    this.ended = new Promise((resolve) => {
      // "close" of the socket, not of the lines: lines still buffered are delivered before.
      lines.on("close", () => {
        this.failAll(new Error("the lab engine ended"));
        resolve();
      });
    });
    answers.on("error", (error) => this.failAll(error));
    answers.unref();
  }

  /** Starts the engine's thread. Throws NativeCallError: EBUSY when this process has an engine already. */
  static async open(): Promise<LabEngine> {
    const fd = checked("mqoe_lab_open", "lab engine", nativeCalls().labOpen());
    return new LabEngine(new Socket({ fd, readable: true, writable: false }));
  }

  /**
   * Does `ops` in order and resolves with an answer for each. Rejects with LabError at the first that fails; what was
   * done stays done. `onProgress` hears how many are done, out of all of them. Calls may overlap: they queue up.
   */
  async run(ops: LabOp[], onProgress: (done: number) => void = () => {}): Promise<LabResult[]> {
    const results: LabResult[] = [];
    for (let at = 0; at < ops.length; at += BATCH) {
      try {
        results.push(...(await this.submit(ops.slice(at, at + BATCH), (done) => onProgress(at + done))));
      } catch (error) {
        throw error instanceof LabError ? shifted(error, at) : error;
      }
      onProgress(results.length);
    }
    return results;
  }

  /** Finishes what is queued and ends the thread. The engine may then be opened again. */
  async close(): Promise<void> {
    if (!this.closing) {
      this.closing = true;
      this.answers.ref();
      nativeCalls().labClose();
    }
    await this.ended;
  }

  private submit(ops: LabOp[], onProgress: (done: number) => void): Promise<LabResult[]> {
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      checked("mqoe_lab_submit", `${ops.length} operations`, nativeCalls().labSubmit(JSON.stringify({ id, ops })));
      this.pending.set(id, { resolve, reject, onProgress });
      this.answers.ref();
    });
  }

  private receive(answer: Answer): void {
    const pending = this.pending.get(answer.id);
    if (!pending) return;
    if ("done" in answer) {
      pending.onProgress(answer.done);
      return;
    }
    this.pending.delete(answer.id);
    if (this.pending.size === 0 && !this.closing) this.answers.unref();
    if (answer.ok) pending.resolve(answer.results);
    else pending.reject(labError(answer.error));
  }

  private failAll(error: Error): void {
    for (const { reject } of this.pending.values()) reject(error);
    this.pending.clear();
  }
}

function labError(e: Extract<Answer, { ok: false }>["error"]): LabError {
  return new LabError(e.syscall, e.object, e.errno, e.code, e.message, e.op);
}

/** The same error, counted from the start of all operations instead of its batch's. */
function shifted(e: LabError, by: number): LabError {
  return new LabError(e.syscall, e.object, e.errno, e.code, e.reason, e.opIndex + by);
}
