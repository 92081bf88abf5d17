import { type FileHandle, mkdir, open, realpath, rename, rm, stat } from "node:fs/promises";
import { constants } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { getSystemErrorMap } from "node:util";
import { formatBytes } from "../units/index.js";

/** A report that could not be written. The stored run is untouched, so the report can be made again. */
export class ReportError extends Error {
  override readonly name = "ReportError";
  constructor(
    readonly file: string,
    /** `ENOSPC` … */
    readonly code: string,
    /** The positive number of `code`; 0 when the system gave none. */
    readonly errno: number,
    /** `open`, `write` … */
    readonly syscall: string,
    message: string,
  ) {
    super(message);
  }
}

const ADVICE: Record<string, string> = {
  ENOSPC: "Free some space or name another file.",
  EDQUOT: "The quota is used up: free some space or name another file.",
  EROFS: "The file system is read-only: name a file elsewhere.",
  EACCES: "Name a file in a directory you may write to.",
  EPERM: "Name a file in a directory you may write to.",
  EISDIR: "That is a directory: name a file in it.",
  EEXIST: "A part of that path is a file: name a path through directories.",
  ENOTDIR: "A part of that path is a file: name a path through directories.",
  ENAMETOOLONG: "Name a shorter file.",
};

function reportError(file: string, bytes: number, error: unknown): ReportError {
  const system = error as NodeJS.ErrnoException;
  const code = system.code ?? "UNKNOWN";
  const errno = constants.errno[code as keyof typeof constants.errno] ?? 0;
  const words = [...getSystemErrorMap().values()].find(([name]) => name === code)?.[1] ?? system.message;
  const syscall = system.syscall ?? "write";
  const advice = ADVICE[code] ?? "Mend that or name another file.";
  return new ReportError(
    file,
    code,
    errno,
    syscall,
    `cannot write the report ${file} (${formatBytes(bytes)}): ${syscall}: ${words} (${code}, errno ${errno}). ` +
      `${advice} The run itself is stored: \`mqoe report\` makes every report again.`,
  );
}

/** Devices and pipes (`/dev/stdout`) are written through: a rename would replace them by a file. */
async function isSpecial(file: string): Promise<boolean> {
  try {
    const found = await stat(file);
    return !found.isFile() && !found.isDirectory();
  } catch {
    return false;
  }
}

async function writeAndClose(handle: FileHandle, text: string, durable: boolean): Promise<void> {
  try {
    await handle.writeFile(text);
    if (durable) await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Replaces the file a symbolic link points to, not the link. */
async function target(file: string): Promise<string> {
  try {
    return await realpath(file);
  } catch {
    return resolve(file);
  }
}

async function replaceFile(file: string, text: string): Promise<void> {
  const final = await target(file);
  await mkdir(dirname(final), { recursive: true });
  const temporary = join(dirname(final), `.${basename(final)}.${process.pid}.tmp`);
  try {
    await writeAndClose(await open(temporary, "w", 0o644), text, true);
    await rename(temporary, final);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw error;
  }
}

/**
 * Writes `text` to `file` whole or not at all: to a temporary file beside it, synced, then renamed, so a full disk
 * never leaves half a report nor loses the last good one. Directories are made as needed.
 * Returns null, or the error that names file, call and errno; never throws for what the system refuses.
 */
export async function writeReport(file: string, text: string): Promise<ReportError | null> {
  try {
    if (await isSpecial(file)) await writeAndClose(await open(file, "w"), text, false);
    else await replaceFile(file, text);
    return null;
  } catch (error) {
    return reportError(file, Buffer.byteLength(text), error);
  }
}
