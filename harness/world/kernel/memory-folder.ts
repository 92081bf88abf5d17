import { accessSync, constants, readFileSync, realpathSync, statfsSync } from "node:fs";

/**
 * The guest's memory is a file of the host that it maps, executable, and fills as it needs: in the wrong folder it
 * panics at boot (no PROT_EXEC) or, worse, in the middle of a run (folder full: a container's /dev/shm has 64 MB).
 */
export type MemoryFolder = { folder: string } | { problem: string };

/** What of the machine the choice depends on; tests bring their own. */
export interface MemoryFolderOptions {
  env?: NodeJS.ProcessEnv;
  /** The text of /proc/self/mountinfo. */
  mounts?: string;
  freeBytes?: (folder: string) => number;
}

/**
 * The folder for a guest's memory file of so many bytes: the first of /dev/shm, $TMPDIR, /tmp and /var/tmp that is
 * writable, lets its files be mapped executable, and has the space free now. For the guest it is TMPDIR. `problem` says
 * of each folder why not.
 */
export function memoryFolder(bytes: number, options: MemoryFolderOptions = {}): MemoryFolder {
  const { env = process.env, freeBytes = freeBytesOf } = options;
  const mounts = parseMounts(options.mounts ?? readFileSync("/proc/self/mountinfo", "utf8"));
  const folders = ["/dev/shm", env.TMPDIR ?? "", "/tmp", "/var/tmp"].filter((folder) => folder.startsWith("/"));
  const reasons: string[] = [];
  for (const folder of new Set(folders)) {
    const reason = refuse(folder, bytes, mounts, freeBytes);
    if (reason === null) return { folder };
    reasons.push(`${folder} ${reason}`);
  }
  const wanted = `a guest needs ${megabytes(bytes)} for its memory file, in a writable folder that is not mounted noexec`;
  const cure = "set TMPDIR to a folder with room (in a container: docker run --shm-size=2g …)";
  return { problem: `${wanted}; ${reasons.join(", ")}; ${cure}` };
}

interface Mount {
  point: string;
  noexec: boolean;
}

/** Why a folder cannot hold the file, as the end of a sentence; null when it can. */
function refuse(folder: string, bytes: number, mounts: Mount[], freeBytes: (folder: string) => number): string | null {
  try {
    const real = realpathSync(folder);
    accessSync(real, constants.W_OK | constants.X_OK);
    if (mountOf(real, mounts)?.noexec) return "is mounted noexec";
    const free = freeBytes(real);
    return free >= bytes ? null : `has ${megabytes(free)} free`;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === "ENOENT" ? "does not exist" : `is not writable (${code})`;
  }
}

/** One line a mount: id, parent, device, root, mount point, options, … (proc_pid_mountinfo(5)). */
function parseMounts(text: string): Mount[] {
  return text.split("\n").flatMap((line) => {
    const [, , , , point, options] = line.split(" ");
    if (point === undefined || options === undefined) return [];
    return [{ point: unescapeOctal(point), noexec: options.split(",").includes("noexec") }];
  });
}

/** The deepest mount point above the folder; of several at one point the last covers the others. */
function mountOf(folder: string, mounts: Mount[]): Mount | null {
  let found: Mount | null = null;
  for (const mount of mounts) {
    const prefix = mount.point.endsWith("/") ? mount.point : `${mount.point}/`;
    if (!`${folder}/`.startsWith(prefix)) continue;
    if (found === null || mount.point.length >= found.point.length) found = mount;
  }
  return found;
}

/** Blanks and the like in paths are written \040. */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

function freeBytesOf(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}

function megabytes(bytes: number): string {
  return `${Math.floor(bytes / 1e6)} MB`;
}
