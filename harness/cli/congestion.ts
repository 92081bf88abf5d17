import { readdirSync, readFileSync } from "node:fs";
import { release } from "node:os";
import { readConfiguration } from "../world/kernel/index.js";

/**
 * Congestion controls that TCP can be given here: those that are loaded, and modules, which the kernel loads by itself
 * when a privileged program asks for one. Undefined where neither can be read; then any name may be right.
 */
export function congestionControls(): string[] | undefined {
  try {
    const loaded = readFileSync("/proc/sys/net/ipv4/tcp_available_congestion_control", "utf8").trim().split(/\s+/);
    return [...new Set([...loaded, ...modules(`/lib/modules/${release()}/kernel/net/ipv4`)])];
  } catch {
    return undefined;
  }
}

/** Those of the guest kernel: what its configuration builds in, and reno, which every kernel has. */
export function guestCongestionControls(): string[] {
  const chosen = readConfiguration().settings.flatMap((line) => /^CONFIG_TCP_CONG_(\w+)=y$/.exec(line)?.[1] ?? []);
  return ["reno", ...chosen.filter((name) => name !== "ADVANCED").map((name) => name.toLowerCase())];
}

function modules(folder: string): string[] {
  try {
    return readdirSync(folder).flatMap((file) => /^tcp_(\w+)\.ko/.exec(file)?.[1] ?? []);
  } catch {
    return [];
  }
}
