import { readdirSync, readlinkSync, rmSync, symlinkSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { isAlive, type Owner, thisProcess } from "../../lab/journal.js";

/**
 * One builder at a time for each kernel, so that two do not compile the same twice. The lock only saves work: each
 * builder has a folder of its own and the first rename wins, so that a lock lost in a race harms nothing.
 */

/** Milliseconds between two looks at a lock that another process holds. */
const POLL_MS = 500;

/** Takes the lock or returns its holder. A symbolic link is made in one step together with what it says. */
export function tryLock(path: string): Owner | null {
  try {
    symlinkSync(ownerName(thisProcess()), path);
    return null;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  const holder = readHolder(path);
  if (holder !== null && isAlive(holder)) return holder;
  rmSync(path, { force: true });
  return tryLock(path);
}

/**
 * Waits until the lock is ours, or `done` says that there is nothing left to do. Returns true with the lock held.
 * `onWait` is called once, with the process id of the holder. Throws the reason of an abort.
 */
export async function waitForLock(
  path: string,
  done: () => boolean,
  onWait: (pid: number) => void,
  signal: AbortSignal,
): Promise<boolean> {
  for (let waited = false; ; waited = true) {
    signal.throwIfAborted();
    if (done()) return false;
    const holder = tryLock(path);
    if (holder === null) return true;
    if (!waited) onWait(holder.pid);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** Gives the lock back; another's is left alone. */
export function unlock(path: string): void {
  const holder = readHolder(path);
  if (holder?.pid === process.pid) unlinkSync(path);
}

/** The name of a builder's working folder: says who owns it, so that a killed one's can be told from a living one's. */
export function workName(): string {
  return `${WORK_PREFIX}${ownerName(thisProcess())}.${Math.random().toString(36).slice(2, 8)}`;
}

const WORK_PREFIX = ".building-";

/** Removes the working folders of builders that were killed. */
export function removeDeadWork(folder: string): void {
  for (const name of readdirSync(folder).filter((one) => one.startsWith(WORK_PREFIX))) {
    const owner = parseOwner(name.slice(WORK_PREFIX.length).split(".")[0] ?? "");
    if (owner === null || !isAlive(owner)) rmSync(join(folder, name), { recursive: true, force: true });
  }
}

function ownerName({ pid, start, boot }: Owner): string {
  return `${pid}_${start}_${boot}`;
}

function parseOwner(name: string): Owner | null {
  const match = /^(\d+)_(\d+)_([\w-]+)$/.exec(name);
  return match ? { pid: Number(match[1]), start: match[2] ?? "", boot: match[3] ?? "" } : null;
}

function readHolder(path: string): Owner | null {
  try {
    return parseOwner(readlinkSync(path));
  } catch {
    return null;
  }
}
