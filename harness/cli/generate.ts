import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { findRoot } from "../ffi/package.js";
import { resultsJsonSchema } from "../report/results-schema.js";
import { scenarioJsonSchema } from "../scenario/json-schema.js";
import { scenarioReference } from "../scenario/reference.js";

/**
 * The files of the repository that are made from code, by their paths. `scripts/generate` writes them; they are
 * committed, and a test fails when one is stale.
 */
export function generatedFiles(): Record<string, string> {
  return {
    "schema/scenario.json": json(scenarioJsonSchema()),
    "schema/results.json": json(resultsJsonSchema()),
    "docs/scenario.md": scenarioReference(),
  };
}

function json(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

function writeAll(): void {
  for (const [path, text] of Object.entries(generatedFiles())) {
    const file = join(findRoot(), path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    process.stdout.write(`wrote ${path}\n`);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) writeAll();
