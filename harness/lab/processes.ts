import { setTimeout as sleep } from "node:timers/promises";
import { type Created, processStart } from "./journal.js";

type ProcessEntry = Extract<Created, { create: "process" }>;

/**
 * Ends processes by pid, and only those that still are the ones the journal means (same start time): SIGTERM, then
 * SIGKILL after `graceMs`. Returns how many were running.
 */
export async function endProcesses(entries: ProcessEntry[], graceMs = 1000): Promise<number> {
  const running = entries.filter(isSame);
  for (const entry of running) send(entry.pid, "SIGTERM");
  const deadline = performance.now() + graceMs;
  while (running.some(isSame) && performance.now() < deadline) await sleep(20);
  for (const entry of running.filter(isSame)) send(entry.pid, "SIGKILL");
  return running.length;
}

function isSame(entry: ProcessEntry): boolean {
  return processStart(entry.pid) === entry.start;
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended by itself meanwhile.
  }
}
