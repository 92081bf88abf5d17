import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import type { BuildProgress } from "./build.js";
import { type CommandContext, CommandFailed, runCommand } from "./command.js";
import { OLDEST_SERIES, RECIPE } from "./recipe.js";
import { noPackageHint } from "./tools.js";

/** A source tree that the build may change. */
export interface SourceTree {
  folder: string;
  /** Debian's version of the package, or the --source given. */
  origin: string;
}

/** Milliseconds between two looks at how far a download is. */
const POLL_MS = 500;

/** Seconds on the reference machine (two cores at 2.5 GHz), for what a user is told. */
const SECONDS = { refresh: 10, download: 20, unpack: 40, copy: 60 };

/** Downloads Debian's source package into `work` and unpacks it; needs 1.7 GB there for a moment. */
export async function fetchPackage(
  work: string,
  context: CommandContext,
  progress: BuildProgress,
): Promise<SourceTree> {
  const { file, version } = await download(work, context, progress).catch(async (error: unknown) => {
    // No lists at all (a fresh container), or old ones that name a version which is gone: root can mend both.
    context.signal.throwIfAborted();
    if (process.getuid?.() !== 0) throw error;
    progress.stage("refreshing apt's lists", SECONDS.refresh);
    await runCommand(["apt-get", "update", "-q"], work, context).catch(onlyAbort);
    return download(work, context, progress);
  });
  progress.stage("unpacking it", SECONDS.unpack);
  await runCommand(["dpkg-deb", "--extract", file, "package"], work, context);
  rmSync(join(work, file));
  await unpackTarball(join(work, "package/usr/src", `${RECIPE.package}.tar.xz`), work, context);
  rmSync(join(work, "package"), { recursive: true });
  return { folder: join(work, "source"), origin: `${RECIPE.package} ${version}` };
}

/** Copies a tree, or unpacks a tarball, into `work`: what the user gave is never written to. */
export async function takeSource(
  given: string,
  work: string,
  context: CommandContext,
  progress: BuildProgress,
): Promise<SourceTree> {
  const folder = join(work, "source");
  const path = resolve(given);
  if (statSync(path).isDirectory()) {
    progress.stage(`copying ${path}`, SECONDS.copy);
    mkdirSync(folder);
    // Not its history, which may be larger than the tree.
    const entries = readdirSync(path).filter((name) => name !== ".git");
    await runCommand(["cp", "-a", "--", ...entries.map((name) => join(path, name)), folder], work, context);
    // A tree that was built for another machine carries its objects along.
    await runCommand(["make", "ARCH=um", "mrproper"], folder, context);
  } else {
    progress.stage(`unpacking ${path}`, SECONDS.unpack);
    await unpackTarball(path, work, context);
  }
  return { folder, origin: path };
}

/** Why a --source cannot be one, before anything is copied; null when it looks like one. */
export function sourceProblem(given: string): string | null {
  const allowed = "--source takes the folder of a Linux source tree, or a tarball of one (linux-*.tar.xz)";
  if (!existsSync(given)) return `there is no ${given}; ${allowed}`;
  if (statSync(given).isFile())
    return /\.tar(\.\w+)?$|\.t[gx]z$/.test(given) ? null : `${given} is no tarball; ${allowed}`;
  const wanted = ["Makefile", "Kconfig", "arch/um/Kconfig"];
  const absent = wanted.filter((name) => !existsSync(join(given, name)));
  return absent.length === 0 ? null : `${given} has no ${absent.join(", ")}; ${allowed}`;
}

/** The version of a source tree as its Makefile has it, "6.12.117"; refuses what is older than OLDEST_SERIES. */
export function sourceVersion(folder: string): string {
  const makefile = readFileSync(join(folder, "Makefile"), "utf8");
  const part = (name: string) => new RegExp(`^${name} *=[ \\t]*(.*)$`, "m").exec(makefile)?.[1]?.trim() ?? "";
  const [version, patchlevel, sublevel] = ["VERSION", "PATCHLEVEL", "SUBLEVEL"].map((name) => Number(part(name)));
  if (!version || patchlevel === undefined || Number.isNaN(patchlevel)) {
    throw new Error(
      `${join(folder, "Makefile")} names no kernel version (VERSION, PATCHLEVEL): this is no Linux source`,
    );
  }
  const text = `${version}.${patchlevel}.${sublevel ?? 0}${part("EXTRAVERSION")}`;
  const [oldest, oldestMinor] = OLDEST_SERIES;
  if (version < oldest || (version === oldest && patchlevel < oldestMinor)) {
    throw new Error(`the source is Linux ${text}; the guest needs ${oldest}.${oldestMinor} or newer`);
  }
  return text;
}

/** The folder in front of every name in a tarball (linux-6.12.5/) is not kept. */
async function unpackTarball(tarball: string, work: string, context: CommandContext): Promise<void> {
  mkdirSync(join(work, "source"));
  await runCommand(["tar", "-xf", tarball, "-C", "source", "--strip-components=1", "--no-same-owner"], work, context);
}

interface Package {
  file: string;
  bytes: number;
  version: string;
}

async function download(work: string, context: CommandContext, progress: BuildProgress): Promise<Package> {
  const found = await findPackage(work, context);
  const { file, bytes, version } = found;
  progress.stage(`downloading ${RECIPE.package} ${version} (${Math.round(bytes / 1e6)} MB) with apt`, SECONDS.download);
  const watch = setInterval(() => progress.count(downloaded(work, file), bytes), POLL_MS);
  try {
    await runCommand(["apt-get", "download", "-q", RECIPE.package], work, context);
    return found;
  } finally {
    clearInterval(watch);
  }
}

/** What apt would download, by the lists that it has. */
async function findPackage(work: string, context: CommandContext): Promise<Package> {
  const lines = await runCommand(["apt-get", "download", "--print-uris", RECIPE.package], work, context).catch(
    onlyAbort,
  );
  for (const line of lines) {
    // 'URI' name bytes HASH:…
    const [, file, bytes] = /^'[^']*' (\S+\.deb) (\d+)/.exec(line) ?? [];
    if (file !== undefined)
      return { file, bytes: Number(bytes), version: file.split("_")[1]?.replace("%3a", ":") ?? "" };
  }
  throw new Error(noPackageHint(RECIPE.package));
}

/** Here a program that failed is told by what it did not say; an abort goes on. */
function onlyAbort(error: unknown): string[] {
  if (error instanceof CommandFailed) return [];
  throw error;
}

/** Bytes of the package so far; apt writes it under its name, with or without an ending for what is partial. */
function downloaded(work: string, file: string): number {
  const names = readdirSync(work).filter((name) => name.startsWith(file.slice(0, file.lastIndexOf("_"))));
  return names.reduce((sum, name) => sum + (statSync(join(work, name), { throwIfNoEntry: false })?.size ?? 0), 0);
}
