import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The package's root: the nearest folder above this file that holds mqoe's package.json. */
export function findRoot(): string {
  const here = dirname(fileURLToPath(import.meta.url));
  for (let folder = here; ; folder = dirname(folder)) {
    if (readPackage(folder)?.name === "mqoe") return folder;
    if (folder === dirname(folder)) throw new Error(`no package.json of mqoe in any folder above ${here}`);
  }
}

/** mqoe's version. */
export function packageVersion(): string {
  return readPackage(findRoot())?.version ?? "unknown";
}

function readPackage(folder: string): { name?: string; version?: string } | null {
  const file = join(folder, "package.json");
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as { name?: string; version?: string }) : null;
}
