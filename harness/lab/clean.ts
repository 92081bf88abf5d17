import { existsSync, rmSync } from "node:fs";
import { LabEngine } from "../ffi/lab-engine.js";
import { type Created, isAlive, type JournalContent, LAB_ROOT, readJournals, removeStaleDrafts } from "./journal.js";
import { endProcesses } from "./processes.js";
import { removeNamespaces } from "./remove.js";

/** What `mqoe clean` did with one lab. */
export interface CleanResult {
  lab: string;
  /** Its owner runs: it was left alone. */
  alive: boolean;
  namespaces: number;
  processes: number;
  /** What could not be removed, and why; the journal is kept then. null when all is gone. */
  error: string | null;
}

/**
 * Removes what labs left whose owner is dead (SIGKILL, power to the harness lost): exactly the namespaces and processes
 * that their journals name. Labs with a living owner are left alone.
 */
export async function cleanLabs(root = LAB_ROOT): Promise<CleanResult[]> {
  removeStaleDrafts(root);
  const results: CleanResult[] = [];
  for (const journal of readJournals(root)) results.push(await cleanLab(journal));
  return results;
}

async function cleanLab(journal: JournalContent): Promise<CleanResult> {
  const result: CleanResult = { lab: journal.lab, alive: false, namespaces: 0, processes: 0, error: null };
  if (journal.owner && isAlive(journal.owner)) return { ...result, alive: true };
  const paths = journal.created.filter(isNamespaceOf(journal.lab)).map((entry) => entry.path);
  const existing = paths.filter((path) => existsSync(path)).length;
  try {
    result.processes = await endProcesses(journal.created.filter((entry) => entry.create === "process"));
    result.error = (await removeAll(paths))?.message ?? null;
    if (result.error === null) rmSync(journal.folder, { recursive: true, force: true });
  } catch (error) {
    result.error = (error as Error).message;
  }
  result.namespaces = existing - paths.filter((path) => existsSync(path)).length;
  return result;
}

/** A journal can only name namespaces that carry its lab's own prefix; anything else in it is not ours to touch. */
function isNamespaceOf(lab: string): (entry: Created) => entry is Extract<Created, { create: "netns" }> {
  return (entry): entry is Extract<Created, { create: "netns" }> =>
    entry.create === "netns" && entry.path.startsWith(`/run/netns/${lab}-`);
}

async function removeAll(paths: string[]): Promise<Error | null> {
  if (paths.length === 0) return null;
  const engine = await LabEngine.open();
  try {
    return await removeNamespaces(engine, paths);
  } finally {
    await engine.close();
  }
}
