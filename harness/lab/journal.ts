import { appendFileSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";

/** Where labs keep their journals: one folder a lab, named as the lab. */
export const LAB_ROOT = "/run/mqoe";

/** Something outside our own process that exists from now on, written down before it is created. */
export type Created =
  | { create: "netns"; path: string }
  | { create: "process"; pid: number; start: string; name: string };

/** Who owns a lab: the process is named by pid and start time, so that a reused pid is not mistaken for it. */
export interface Owner {
  pid: number;
  /** Field 22 of /proc/PID/stat, in clock ticks since boot. */
  start: string;
  /** /proc/sys/kernel/random/boot_id: a journal of an earlier boot describes nothing that still exists. */
  boot: string;
}

export interface JournalContent {
  lab: string;
  folder: string;
  owner: Owner | null;
  /** Folder of the run that is recorded in the lab, absolute; null when none is (mqoe shell), or not yet. */
  run: string | null;
  created: Created[];
}

/**
 * The journal of one lab (DESIGN §2): a line is on disk before the thing it names is made, so that whatever a SIGKILL
 * interrupts, `mqoe clean` knows all that may exist and nothing foreign. Two labs can never share a name.
 */
export class Journal {
  private constructor(
    readonly lab: string,
    readonly folder: string,
  ) {}

  /**
   * Throws `LabNameTaken` when a lab of that name exists. The folder appears with its owner inside, in one step: without
   * an owner, a `mqoe clean` at the same time would take it for that of a dead lab.
   */
  static create(lab: string, root = LAB_ROOT): Journal {
    mkdirSync(root, { recursive: true });
    const folder = join(root, lab);
    const draft = join(root, `.${lab}.${process.pid}`);
    rmSync(draft, { recursive: true, force: true });
    try {
      mkdirSync(draft);
      appendFileSync(journalFile(draft), `${JSON.stringify({ owner: thisProcess() })}\n`);
      renameSync(draft, folder);
    } catch (error) {
      rmSync(draft, { recursive: true, force: true });
      const taken = ["ENOTEMPTY", "EEXIST"].includes((error as NodeJS.ErrnoException).code ?? "");
      throw taken ? new LabNameTaken(lab, folder) : error;
    }
    return new Journal(lab, folder);
  }

  willCreate(...things: Created[]): void {
    appendFileSync(this.file, things.map((thing) => `${JSON.stringify(thing)}\n`).join(""));
  }

  /** Tells where what happens in the lab is recorded (`mqoe stats LAB`). */
  recordsInto(run: string): void {
    appendFileSync(this.file, `${JSON.stringify({ run: resolve(run) })}\n`);
  }

  /** After everything in it is gone. */
  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  private get file(): string {
    return journalFile(this.folder);
  }
}

export class LabNameTaken extends Error {
  constructor(lab: string, folder: string) {
    super(
      `a lab named "${lab}" exists already (${folder}); choose another with --lab, or run "mqoe clean" if its owner is dead`,
    );
  }
}

/** All journals on this machine, also broken ones (a SIGKILL may leave half a last line: it is ignored). */
export function readJournals(root = LAB_ROOT): JournalContent[] {
  return listFolders(root)
    .filter((name) => !name.startsWith("."))
    .map((lab) => readJournal(lab, join(root, lab)));
}

/** Removes folders of labs whose mqoe was killed before they had their name: `.<lab>.<pid>`, nothing was made yet. */
export function removeStaleDrafts(root = LAB_ROOT): void {
  for (const name of listFolders(root)) {
    const pid = /^\..*\.(\d+)$/.exec(name)?.[1];
    if (pid !== undefined && processStart(Number(pid)) === null) {
      rmSync(join(root, name), { recursive: true, force: true });
    }
  }
}

function readJournal(lab: string, folder: string): JournalContent {
  const content: JournalContent = { lab, folder, owner: null, run: null, created: [] };
  for (const line of readLines(journalFile(folder))) {
    const entry = parseLine(line);
    if (entry && "owner" in entry) content.owner = entry.owner;
    else if (entry && "run" in entry) content.run = entry.run;
    else if (entry) content.created.push(entry);
  }
  return content;
}

function parseLine(line: string): Created | { owner: Owner } | { run: string } | null {
  try {
    const entry = JSON.parse(line);
    const isKnown =
      typeof entry === "object" && entry !== null && ["owner", "create", "run"].some((key) => key in entry);
    return isKnown ? entry : null;
  } catch {
    return null;
  }
}

/** Whether the process still runs: same pid, same start time, same boot. */
export function isAlive(owner: Owner): boolean {
  return owner.boot === bootId() && owner.start !== "" && processStart(owner.pid) === owner.start;
}

export function thisProcess(): Owner {
  return { pid: process.pid, start: processStart(process.pid) ?? "", boot: bootId() };
}

/** Start time of a process in clock ticks since boot, or null when there is none with that pid (or it is a zombie). */
export function processStart(pid: number): string | null {
  const [stat] = readLines(`/proc/${pid}/stat`);
  if (stat === undefined) return null;
  // The command name stands in parentheses and may hold anything; fields are counted after the last one.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields[0] === "Z" ? null : (fields[19] ?? null);
}

function bootId(): string {
  return readLines("/proc/sys/kernel/random/boot_id")[0] ?? "";
}

function journalFile(folder: string): string {
  return join(folder, "journal.jsonl");
}

function readLines(file: string): string[] {
  try {
    return readFileSync(file, "utf8").split("\n").filter(Boolean);
  } catch {
    return [];
  }
}

function listFolders(root: string): string[] {
  try {
    return readdirSync(root).sort();
  } catch {
    return [];
  }
}
