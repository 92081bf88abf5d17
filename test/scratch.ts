import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const made: string[] = [];

process.on("exit", () => {
  for (const folder of made) rmSync(folder, { recursive: true, force: true });
});

/** A folder to write to, gone when this test file is over. `root`: where it is made, the temporary folder by default. */
export function scratchFolder(prefix: string, root = tmpdir()): string {
  const folder = mkdtempSync(join(root, prefix));
  made.push(folder);
  return folder;
}
