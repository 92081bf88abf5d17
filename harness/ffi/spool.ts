import koffi from "koffi";
import { checked, nativeCalls } from "./native.js";

export { clockMonotonic } from "./native.js";

/**
 * Appends the memfd segments of native processes to files, on a thread of libmqoe. One per process at a time.
 * A segment outlives the process that wrote it: what a killed writer left in its ring is still spooled.
 */
export class Spool {
  private constructor() {}

  /** Starts spooling into the folder `directory`, which must exist, every `intervalMs`. Throws NativeCallError. */
  static start(directory: string, intervalMs: number): Spool {
    checked("mqoe_spool_start", directory, nativeCalls().spoolStart(directory, intervalMs));
    return new Spool();
  }

  /** Follows the segment at `path` (`/proc/PID/fd/N`) from now on, into `<writer>.<type>.seg`. Returns its number. */
  add(path: string): number {
    return checked("mqoe_spool_add", path, nativeCalls().spoolAdd(path));
  }

  /**
   * The live mapping of an added segment: its header, then its records (native/record/segment.h). It must only be
   * read; its writer may be changing it. After `stop` it reads as zeros. null when there is no such segment.
   */
  view(segment: number): ArrayBuffer | null {
    const bytes = [0n];
    const pointer = nativeCalls().spoolView(segment, bytes);
    return pointer ? koffi.view(pointer, Number(bytes[0])) : null;
  }

  /**
   * Spools what is left, closes the files and ends the thread. Returns the records that were overwritten before they
   * could be read; throws NativeCallError when a file could not be written (ENOSPC …): the files keep what they got.
   */
  stop(): number {
    return checked("mqoe_spool_stop", "recording", Number(nativeCalls().spoolStop()));
  }
}
