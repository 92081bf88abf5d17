import type { MemoryFolder } from "./kernel/memory-folder.js";

/** What a guest needs is not there; the message says what to do. */
export class NoGuest extends Error {}

/**
 * Room for the memory files of the guests that run at once. Such a file is sparse and fills as its guest goes on, so
 * that the space free at its start is promised, not taken: what is promised to guests is counted here.
 */
export class GuestMemory {
  private promised = 0;
  private waiting: (() => void)[] = [];

  /** `find` names a folder with so many bytes free, or says why there is none. */
  constructor(private readonly find: (bytes: number) => MemoryFolder) {}

  /**
   * Promises bytes to a guest and returns the folder for its file. While there is no room, and others run, waits for one
   * of them to end; `onWait` is called when it comes to that. Throws NoGuest when there is no room although none runs,
   * and the signal's reason. Whoever took gives back.
   */
  async take(bytes: number, signal: AbortSignal, onWait: () => void): Promise<string> {
    for (let waited = false; ; waited = true) {
      signal.throwIfAborted();
      const place = this.find(this.promised + bytes);
      if ("folder" in place) {
        this.promised += bytes;
        return place.folder;
      }
      if (this.promised === 0) throw new NoGuest(place.problem);
      if (!waited) onWait();
      await this.change(signal);
    }
  }

  give(bytes: number): void {
    this.promised -= bytes;
    for (const wake of this.waiting.splice(0)) wake();
  }

  /** The next guest's end, or the wish to stop. */
  private change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        signal.removeEventListener("abort", wake);
        resolve();
      };
      this.waiting.push(wake);
      signal.addEventListener("abort", wake, { once: true });
    });
  }
}
