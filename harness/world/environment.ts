import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { cpus, release, totalmem, version } from "node:os";
import { findNative } from "../ffi/native.js";
import { packageVersion } from "../ffi/package.js";

/** What a reader needs to know of the machine and the software to compare two runs (`environment.json`). */
export interface Environment {
  date: string;
  command: string;
  mqoe: { version: string; commit: string | null };
  node: string;
  kernel: { release: string; version: string };
  cpu: { model: string; cores: number };
  memoryBytes: number;
  settings: Record<string, string>;
  native: Record<string, unknown>;
}

/** Kernel settings that change what TCP or a veth does; read where they apply to every namespace or are inherited. */
const SETTINGS = [
  "net/ipv4/tcp_available_congestion_control",
  "net/core/default_qdisc",
  "net/core/netdev_max_backlog",
  "net/core/netdev_budget",
  "net/core/netdev_budget_usecs",
  "net/core/rmem_max",
  "net/core/wmem_max",
  "net/core/bpf_jit_enable",
  "kernel/random/boot_id",
];

/**
 * `date` and `native` (what the native processes said of themselves) are given; the rest is read from the machine. Not
 * the checkout's commit in a guest: git does more or less there by what others did to the checkout, and that takes
 * virtual time. The host adds it.
 */
export function readEnvironment(
  date: Date,
  command: string,
  native: Record<string, unknown>,
  inGuest = false,
): Environment {
  const { root } = findNative();
  return {
    date: date.toISOString(),
    command,
    mqoe: { version: packageVersion(), commit: inGuest ? null : commit(root) },
    node: process.version,
    kernel: { release: release(), version: version() },
    cpu: { model: cpus()[0]?.model ?? "unknown", cores: cpus().length },
    memoryBytes: totalmem(),
    settings: Object.fromEntries(SETTINGS.map((name) => [name.replaceAll("/", "."), readSetting(name)])),
    native,
  };
}

/** Counters that traffic adds to what it says of itself (docs/control.md); at `ready` they are not yet facts. */
const COUNTERS = ["sockets", "probes_sent", "send_errors", "strays"];

/** What a native process found when it started, without the counters of what it had not done yet. */
export function staticInfo(info: Record<string, unknown> = {}): Record<string, unknown> {
  return Object.fromEntries(Object.entries(info).filter(([name]) => !COUNTERS.includes(name)));
}

function commit(root: string): string | null {
  try {
    const quiet = { cwd: root, stdio: "pipe" as const };
    return execFileSync("git", ["describe", "--always", "--dirty"], quiet).toString().trim();
  } catch {
    return null;
  }
}

function readSetting(name: string): string {
  try {
    return readFileSync(`/proc/sys/${name}`, "utf8").trim();
  } catch {
    return "";
  }
}
