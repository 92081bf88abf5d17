/**
 * The harness's part inside a guest: Blueprint → Recording, with the same code as in the live world. Reads the
 * blueprint from the run's folder, tells what happens as JSON lines on standard output (docs/control.md, "Guests").
 * Started by `mqoe-native guest-init`; nothing else imports this file.
 */
import { readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Blueprint } from "../blueprint/types.js";
import { type RecordHooks, recordRun } from "./record.js";

const [, , folder = "", command = ""] = process.argv;

/** Written at once: a line that waits for the event loop would be lost with a guest that is switched off. */
function tell(event: string, fields: object): void {
  writeSync(1, `${JSON.stringify({ event, ...fields })}\n`);
}

const hooks: RecordHooks = {
  building: (stage, done, of) => tell("building", { stage, done, of }),
  phase: (name, seconds) => tell("phase", { name, seconds }),
  rates: (rates) => tell("rates", { rates }),
  note: (text) => tell("note", { text }),
};

try {
  const blueprint = JSON.parse(readFileSync(join(folder, "blueprint.json"), "utf8")) as Blueprint;
  // Nobody interrupts a guest from inside: the host switches it off.
  const recorded = await recordRun({ blueprint, folder, command }, hooks, new AbortController().signal);
  tell("recorded", { recorded });
} catch (error) {
  tell("failed", { message: error instanceof Error ? error.message : String(error) });
}
