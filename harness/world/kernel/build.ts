import { chmodSync, copyFileSync, existsSync, mkdirSync, renameSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import {
  askVersion,
  cacheFolders,
  digestOf,
  entryName,
  explainMissing,
  type GuestKernel,
  type GuestRecord,
  KERNEL_VARIABLE,
  readRecord,
  searchGuestKernel,
} from "./cache.js";
import { type CommandContext, CommandFailed } from "./command.js";
import { compile, compileEnvironment, configure } from "./compile.js";
import { removeDeadWork, unlock, waitForLock, workName } from "./lock.js";
import { BUILD_BYTES, type GuestConfiguration, readConfiguration } from "./recipe.js";
import { fetchPackage, type SourceTree, sourceProblem, sourceVersion, takeSource } from "./source.js";
import { missingTools } from "./tools.js";

/** Tells a user what a build does. */
export interface BuildProgress {
  /** A step begins; seconds it is likely to take. */
  stage(name: string, seconds: number): void;
  /** How far the step is, in a unit of its own (bytes, files). */
  count(done: number, of: number): void;
  /** A line that stays. */
  note(text: string): void;
}

export interface BuildOptions {
  progress: BuildProgress;
  signal: AbortSignal;
  /** Folder or tarball of a Linux source; null = Debian's package. */
  source?: string | null;
  /** Compilers at once; as many as there are cores by default. */
  jobs?: number;
  /** Build again although there is one. */
  force?: boolean;
  /** Folder of the kernels; the user's by default (cacheFolders). */
  folder?: string;
  env?: NodeJS.ProcessEnv;
  configuration?: GuestConfiguration;
  /** Bytes that are free in a folder; asks the file system by default. */
  freeBytes?: (folder: string) => number;
}

export interface Built {
  kernel: GuestKernel;
  /** False when it was there already, or another process built it meanwhile. */
  fresh: boolean;
  record: GuestRecord | null;
}

/** Of removing 90,000 files. */
const CLEAR_SECONDS = 10;

/** What is wrong with the machine or the arguments, found before anything was downloaded or made. */
export class CannotBuild extends Error {}

/**
 * The guest kernel of this version of mqoe: found, or built and kept in the cache. However it ends, nothing half-built
 * is left: work happens in a folder of its own beside the cache's entries, and one rename makes it an entry. On failure
 * the log of the compiler is kept and named in the error. Throws `CannotBuild`, `Error`, or the reason of an abort.
 */
export async function buildGuestKernel(options: BuildOptions): Promise<Built> {
  const { env = process.env, configuration = readConfiguration(), source = null } = options;
  const problem = (source === null ? null : sourceProblem(source)) ?? missingTools(env, source !== null);
  const folder = options.folder ?? cacheFolders(env).build;
  const settled = { ...options, env, configuration, source, folder, force: options.force ?? false };
  const found = settled.force ? null : findBuilt(settled);
  if (found !== null && runsHere(found.kernel, options.progress)) return found;
  if (problem !== null) throw new CannotBuild(problem);
  prepareFolder(folder, options.freeBytes ?? freeBytesOf);
  return buildLocked({ ...settled, force: settled.force || found !== null });
}

/** What the cache has of what is asked for; a tarball's version is known only when it is unpacked. */
function findBuilt({ env, configuration, source, folder }: Settled): Built | null {
  if (source) {
    if (!existsSync(join(source, "Makefile"))) return null;
    const name = entryName(configuration.hash, sourceVersion(source));
    return readRecord(join(folder, name)) === null ? null : existing(folder, configuration.hash, sourceVersion(source));
  }
  const folders = { search: [...new Set([folder, ...cacheFolders(env).search])], build: folder };
  const { kernel, looked } = searchGuestKernel({ env, configuration, folders });
  if (kernel === null && env[KERNEL_VARIABLE]) throw new CannotBuild(explainMissing(looked, env));
  return kernel === null ? null : { kernel, fresh: false, record: readRecord(dirname(kernel.path)) };
}

/** A kernel from another machine's cache may want a newer C library than this one has: then it is built again. */
function runsHere({ path }: GuestKernel, progress: BuildProgress): boolean {
  try {
    askVersion(path);
    return true;
  } catch (error) {
    progress.note(`${path} does not run on this machine and is built again: ${(error as Error).message.trim()}`);
    return false;
  }
}

type Settled = BuildOptions & Required<Pick<BuildOptions, "env" | "configuration" | "force" | "folder">>;

async function buildLocked(options: Settled): Promise<Built> {
  const { folder, configuration, signal, progress, force } = options;
  const lock = join(folder, `.lock-${configuration.hash}`);
  // What another process finishes while we wait is what was asked for: unless a build was demanded, or the version is
  // not known yet (--source).
  const done = () => !force && !options.source && readRecord(join(folder, configuration.hash)) !== null;
  const onWait = (pid: number) => progress.note(`process ${pid} is building it already: waiting for that`);
  if (!(await waitForLock(lock, done, onWait, signal))) return existing(folder, configuration.hash, null);
  try {
    return await buildInWork(options);
  } finally {
    unlock(lock);
  }
}

async function buildInWork(options: Settled): Promise<Built> {
  const { folder, env, signal, configuration, source = null } = options;
  removeDeadWork(folder);
  const work = join(folder, workName());
  mkdirSync(work);
  const log = join(work, "build.log");
  const fetching: CommandContext = { log, env: { ...env, LC_ALL: "C" }, signal };
  try {
    const tree =
      source === null
        ? await fetchPackage(work, fetching, options.progress)
        : await takeSource(source, work, fetching, options.progress);
    return await buildTree(tree, work, { ...fetching, env: compileEnvironment(env) }, options);
  } catch (error) {
    signal.throwIfAborted();
    throw withLog(error, log, join(folder, `failed-${configuration.hash}.log`));
  } finally {
    options.progress.stage("clearing up", CLEAR_SECONDS);
    await rm(work, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function buildTree(tree: SourceTree, work: string, context: CommandContext, options: Settled): Promise<Built> {
  const { folder, configuration, progress, force } = options;
  const begin = Date.now();
  const version = sourceVersion(tree.folder);
  const name = entryName(configuration.hash, options.source ? version : null);
  if (!force && readRecord(join(folder, name)) !== null) return existing(folder, configuration.hash, version);
  const absent = await configure(tree.folder, configuration, context, progress);
  for (const symbol of absent) progress.note(`Linux ${version} has no ${symbol}: what needs it will be skipped`);
  const binary = await compile(tree.folder, options.jobs ?? availableParallelism(), context, progress);
  chmodSync(binary, 0o755);
  const record: GuestRecord = {
    schema: "mqoe-guest/1",
    version: askVersion(binary),
    hash: configuration.hash,
    source: tree.origin,
    sha256: digestOf(binary),
    built: new Date().toISOString(),
    build_s: Math.round((Date.now() - begin) / 1000),
    absent,
  };
  const draft = join(work, "entry");
  mkdirSync(draft);
  copyFileSync(binary, join(draft, "linux"));
  copyFileSync(join(tree.folder, ".config"), join(draft, "config"));
  writeFileSync(join(draft, "guest.json"), `${JSON.stringify(record, null, 2)}\n`);
  const fresh = publish(draft, join(folder, name), work, force);
  if (!fresh) return existing(folder, configuration.hash, options.source ? version : null);
  rmSync(join(folder, `failed-${configuration.hash}.log`), { force: true });
  return { kernel: { path: join(folder, name, "linux"), hash: record.hash, version: record.version }, fresh, record };
}

/** Makes a finished folder an entry of the cache, in one step. False when another builder was first (never with force). */
function publish(draft: string, entry: string, work: string, force: boolean): boolean {
  chmodSync(draft, 0o755);
  // An entry without its record is no kernel (searchGuestKernel): it must not block one.
  if (existsSync(entry) && (force || readRecord(entry) === null)) renameSync(entry, join(work, "replaced"));
  try {
    renameSync(draft, entry);
    return true;
  } catch (error) {
    if (["ENOTEMPTY", "EEXIST"].includes((error as NodeJS.ErrnoException).code ?? "")) return false;
    throw error;
  }
}

function existing(folder: string, hash: string, version: string | null): Built {
  const entry = join(folder, entryName(hash, version));
  const record = readRecord(entry);
  if (record === null) throw new Error(`${entry} was there a moment ago and is gone; run mqoe world build again`);
  return { kernel: { path: join(entry, "linux"), hash, version: record.version }, fresh: false, record };
}

function prepareFolder(folder: string, freeBytes: (folder: string) => number): void {
  try {
    // Readable for everybody: a kernel that root built is for all users.
    mkdirSync(folder, { recursive: true, mode: 0o755 });
  } catch (error) {
    throw new CannotBuild(`cannot make the cache's folder: ${(error as Error).message}; set XDG_CACHE_HOME to another`);
  }
  const free = freeBytes(folder);
  if (free >= BUILD_BYTES) return;
  const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`;
  throw new CannotBuild(
    `${folder} has ${gigabytes(free)} free; building the guest kernel needs ${gigabytes(BUILD_BYTES)} for a few minutes ` +
      "(10 MB stay). Make room, or name a folder on another disk with XDG_CACHE_HOME (not as root)",
  );
}

function freeBytesOf(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}

/** The log outlives the work's folder only when something failed. */
function withLog(error: unknown, log: string, kept: string): unknown {
  if (!(error instanceof CommandFailed) || !existsSync(log)) return error;
  renameSync(log, kept);
  return new Error(`${error.message}\nthe whole log: ${kept}`);
}
