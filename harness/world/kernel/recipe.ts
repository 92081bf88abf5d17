import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { findRoot } from "../../ffi/package.js";

/**
 * How the guest kernel is made from a source tree: whatever changes what comes out stands here or in the configuration,
 * because the cache goes by a hash of both.
 */
export const RECIPE = {
  /** Raise it when a step of the build changes what comes out. */
  revision: 1,
  /** Of user-mode Linux (SUBARCH). It knows no other that mqoe runs on. */
  architecture: "x86_64",
  /** Debian's source package and the series it holds. */
  package: "linux-source-6.12",
  series: "6.12",
  /** Debian's own tick rate; user-mode Linux's is 100, which coarsens delayed ACKs and RTOs, and has no menu entry. */
  hz: 250,
} as const;

/** The oldest kernel that the configuration was read against (time travel, AF_XDP on veth, cls_flower, sch_ets). */
export const OLDEST_SERIES = [6, 6] as const;

/** Symbols that a source may lack: what needs them is skipped with that reason. */
export const OPTIONAL: ReadonlySet<string> = new Set(["CONFIG_NET_SCH_DUALPI2"]);

/** About how many files are compiled (gcc and as), for progress only. */
export const EXPECTED_OBJECTS = 850;

/** Bytes needed while it is built: the unpacked source (1.5 GB), the package beside it for a moment, and the objects. */
export const BUILD_BYTES = 2.2e9;

export interface GuestConfiguration {
  /** Where it was read. */
  file: string;
  /** Its lines that count, sorted. */
  settings: string[];
  /** Of settings and recipe, 16 hexadecimal digits: names the kernel in the cache. */
  hash: string;
}

/** Reads native/guest/kernel.config. Throws when it is missing or asks for nothing. */
export function readConfiguration(file = join(findRoot(), "native/guest/kernel.config")): GuestConfiguration {
  const settings = parseSettings(readFileSync(file, "utf8"));
  if (settings.length === 0) throw new Error(`${file} holds no line "CONFIG_…=…": it is not the guest's configuration`);
  return { file, settings, hash: hashOf(settings) };
}

/** The lines that Kconfig reads; comments and order do not change a kernel and must not rebuild it. */
export function parseSettings(text: string): string[] {
  const lines = text.split("\n").map((line) => line.trim());
  return [...new Set(lines.filter((line) => /^(CONFIG_\w+=.+|# CONFIG_\w+ is not set)$/.test(line)))].sort();
}

/** The same settings and recipe give the same hash on every machine. */
export function hashOf(settings: readonly string[], recipe: object = RECIPE): string {
  const text = JSON.stringify({ recipe, settings });
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}
