import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { accessSync, constants, readdirSync, readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import { type GuestConfiguration, RECIPE, readConfiguration } from "./recipe.js";

/** A guest kernel that can be booted. */
export interface GuestKernel {
  /** An executable file: the kernel is an ordinary program of the host. */
  path: string;
  /** Of configuration and recipe (recipe.ts); of the file itself when `$MQOE_GUEST_KERNEL` names it. */
  hash: string;
  /** As the kernel says it, "6.12.117". */
  version: string;
}

/** `guest.json` beside a kernel in the cache. */
export interface GuestRecord {
  schema: "mqoe-guest/1";
  version: string;
  hash: string;
  /** Debian's version of the source package, or the --source that was given. */
  source: string;
  /** Of the binary, hexadecimal: two machines that show the same have the same guest. */
  sha256: string;
  /** ISO 8601. */
  built: string;
  build_s: number;
  /** Optional symbols that this source does not have. */
  absent: string[];
}

/** A place that was looked at; `problem` is null where the kernel was found. */
export interface Looked {
  path: string;
  problem: string | null;
}

export interface GuestSearch {
  kernel: GuestKernel | null;
  looked: Looked[];
}

/** Folders that hold one folder for each kernel. */
export interface CacheFolders {
  /** Where kernels are looked for, in this order. */
  search: string[];
  /** Where this user builds. */
  build: string;
}

export const KERNEL_VARIABLE = "MQOE_GUEST_KERNEL";
const SYSTEM_CACHE = "/var/cache/mqoe/guest";

/** Root builds where every user of the machine finds it; others in their own cache ($XDG_CACHE_HOME or ~/.cache). */
export function cacheFolders(env: NodeJS.ProcessEnv = process.env, uid = process.getuid?.()): CacheFolders {
  const { XDG_CACHE_HOME: xdg = "" } = env;
  // The specification of XDG_CACHE_HOME: what is not absolute is to be ignored.
  const own = join(isAbsolute(xdg) ? xdg : join(env.HOME || homedir(), ".cache"), "mqoe/guest");
  return { search: [own, SYSTEM_CACHE], build: uid === 0 ? SYSTEM_CACHE : own };
}

export interface SearchOptions {
  env?: NodeJS.ProcessEnv;
  folders?: CacheFolders;
  configuration?: GuestConfiguration;
}

/** The guest kernel for this version of mqoe, or null when there is none: `explainMissing(searchGuestKernel().looked)`. */
export function findGuestKernel(options: SearchOptions = {}): GuestKernel | null {
  return searchGuestKernel(options).kernel;
}

/**
 * Looks for the guest kernel: `$MQOE_GUEST_KERNEL` (a file; when set, nothing else counts), the user's cache, the
 * machine's. Reads only; the file in the variable is run once for its version.
 */
export function searchGuestKernel(options: SearchOptions = {}): GuestSearch {
  const { env = process.env, configuration = readConfiguration() } = options;
  const named = env[KERNEL_VARIABLE];
  if (named) return searchNamed(named);
  const { search } = options.folders ?? cacheFolders(env);
  const looked: Looked[] = [];
  for (const folder of search) {
    for (const entry of entriesFor(folder, configuration.hash)) {
      const found = readCached(join(folder, entry), configuration.hash);
      looked.push({ path: join(folder, entry, "linux"), problem: typeof found === "string" ? found : null });
      if (typeof found !== "string") return { kernel: found, looked };
    }
  }
  return { kernel: null, looked };
}

/** One message for a user who has no guest kernel: where it was looked for, and what to do. */
export function explainMissing(looked: readonly Looked[], env: NodeJS.ProcessEnv = process.env): string {
  const places = looked.map(({ path, problem }) => `${path} (${problem})`).join(", ");
  const named = env[KERNEL_VARIABLE];
  const cure = named
    ? `set ${KERNEL_VARIABLE} to a guest kernel that runs here, or unset it`
    : "build it once with: mqoe world build (about 5 minutes on two cores)";
  return `no guest kernel for the hermetic world; looked at ${places}; ${cure}`;
}

/** What a kernel in the cache says of itself; null when there is no such file, or it is not ours. */
export function readRecord(folder: string): GuestRecord | null {
  try {
    const record = JSON.parse(readFileSync(join(folder, "guest.json"), "utf8")) as GuestRecord;
    return record.schema === "mqoe-guest/1" && typeof record.version === "string" ? record : null;
  } catch {
    return null;
  }
}

/** The name of a kernel's folder: one built from another source (--source) has its version in it. */
export function entryName(hash: string, version: string | null): string {
  return version === null ? hash : `${hash}-${version}`;
}

/** The version that a kernel's binary reports. Throws with the reason when it does not run here. */
export function askVersion(path: string): string {
  const said = execFileSync(path, ["--version"], { encoding: "utf8", timeout: 10_000, stdio: "pipe" }).trim();
  if (!/^\d+\.\d+/.test(said))
    throw new Error(`"${path} --version" said "${said.slice(0, 80)}", not a kernel's version`);
  return said;
}

/** Hexadecimal SHA-256 of a file. */
export function digestOf(path: string): string {
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}

/** What a CI system should key its cache with: same key, same kernel (docs/ci). */
export function cacheKey(hash: string): string {
  return `mqoe-guest-${RECIPE.architecture}-${hash}`;
}

function searchNamed(path: string): GuestSearch {
  const problem = unusable(path);
  if (problem !== null) return { kernel: null, looked: [{ path, problem: `in ${KERNEL_VARIABLE}: ${problem}` }] };
  try {
    const kernel = { path, hash: digestOf(path).slice(0, 16), version: askVersion(path) };
    return { kernel, looked: [{ path, problem: null }] };
  } catch (error) {
    return { kernel: null, looked: [{ path, problem: `in ${KERNEL_VARIABLE}: ${(error as Error).message}` }] };
  }
}

/** The recipe's own kernel first, then those of other sources, the newest version first. */
function entriesFor(folder: string, hash: string): string[] {
  const others = listFolder(folder).filter((name) => name.startsWith(`${hash}-`));
  return [hash, ...others.sort((a, b) => b.localeCompare(a, "en", { numeric: true }))];
}

function readCached(folder: string, hash: string): GuestKernel | string {
  const path = join(folder, "linux");
  const problem = unusable(path);
  if (problem !== null) return problem;
  const record = readRecord(folder);
  return record === null ? "no guest.json beside it" : { path, hash, version: record.version };
}

function unusable(path: string): string | null {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile() ? null : "not a file";
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT" ? "no such file" : (error as Error).message;
  }
}

function listFolder(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
