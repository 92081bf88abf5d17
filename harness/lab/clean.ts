import { existsSync, rmSync } from "node:fs";
import { LabEngine } from "../ffi/lab-engine.js";
import { type Created, isAlive, type JournalContent, LAB_ROOT, readJournals } from "./journal.js";
import { teardownOps } from "./plan.js";
import { endProcesses } from "./processes.js";

/** What `mqoe clean` did with one lab. */
export interface CleanResult {
  lab: string;
  /** Its owner runs: it was left alone. */
  alive: boolean;
  namespaces: number;
  processes: number;
}

/**
 * Removes what labs left whose owner is dead (SIGKILL, power to the harness lost): exactly the namespaces and processes
 * that their journals name. Labs with a living owner are left alone.
 */
export async function cleanLabs(root = LAB_ROOT): Promise<CleanResult[]> {
  const results: CleanResult[] = [];
  for (const journal of readJournals(root)) results.push(await cleanLab(journal));
  return results;
}

async function cleanLab(journal: JournalContent): Promise<CleanResult> {
  const result: CleanResult = { lab: journal.lab, alive: false, namespaces: 0, processes: 0 };
  if (journal.owner && isAlive(journal.owner)) return { ...result, alive: true };
  result.processes = await endProcesses(journal.created.filter((entry) => entry.create === "process"));
  const paths = journal.created.filter(isNamespaceOf(journal.lab)).map((entry) => entry.path);
  result.namespaces = paths.filter((path) => existsSync(path)).length;
  await removeNamespaces(paths);
  rmSync(journal.folder, { recursive: true, force: true });
  return result;
}

/** A journal can only name namespaces that carry its lab's own prefix; anything else in it is not ours to touch. */
function isNamespaceOf(lab: string): (entry: Created) => entry is Extract<Created, { create: "netns" }> {
  return (entry): entry is Extract<Created, { create: "netns" }> =>
    entry.create === "netns" && entry.path.startsWith(`/run/netns/${lab}-`);
}

async function removeNamespaces(paths: string[]): Promise<void> {
  if (paths.length === 0) return;
  const engine = await LabEngine.open();
  try {
    for (let at = 0; at < paths.length; at += 64) await engine.run(teardownOps(paths.slice(at, at + 64)));
  } finally {
    await engine.close();
  }
}
