import { readFileSync, statSync } from "node:fs";

/** Is a TCP port listened on, or a UDP port taken, in a network namespace that a process is about to be in? */
export function isTaken(netns: string, pid: number, port: number): boolean {
  if (!isInside(netns, pid)) return false;
  return ["tcp", "tcp6", "udp", "udp6"].some((table) => hasPort(readTable(pid, table), table, port));
}

const TCP_LISTEN = "0A";

/** `/proc/PID/net/tcp`: `sl local_address rem_address st …`, the address as `0100007F:1F90`. */
export function hasPort(text: string, table: string, port: number): boolean {
  const wanted = port.toString(16).toUpperCase().padStart(4, "0");
  return text.split("\n").some((line) => {
    const [, local = "", , state] = line.trim().split(/\s+/u);
    return local.endsWith(`:${wanted}`) && (!table.startsWith("tcp") || state === TCP_LISTEN);
  });
}

function isInside(netns: string, pid: number): boolean {
  try {
    return statSync(`/proc/${pid}/ns/net`).ino === statSync(netns).ino;
  } catch {
    return false; // It has ended.
  }
}

function readTable(pid: number, table: string): string {
  try {
    return readFileSync(`/proc/${pid}/net/${table}`, "utf8");
  } catch {
    return ""; // No IPv6, or it has just ended.
  }
}
