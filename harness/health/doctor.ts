import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import type { Blueprint } from "../blueprint/types.js";
import { findNative } from "../ffi/native.js";
import { isAlive, readJournals } from "../lab/journal.js";
import { readRun } from "../recording/run-folder.js";
import { median } from "../stats/index.js";
import { type RecordHooks, recordRun } from "../world/record.js";

/** One precondition: tried, not guessed. */
export interface Finding {
  name: string;
  verdict: "ok" | "warn" | "fail" | "skipped";
  /** What was found. */
  found: string;
  /** How to mend it; empty when there is nothing to mend. */
  advice: string;
}

const ok = (name: string, found: string): Finding => ({ name, verdict: "ok", found, advice: "" });
const warn = (name: string, found: string, advice: string): Finding => ({ name, verdict: "warn", found, advice });
const fail = (name: string, found: string, advice: string): Finding => ({ name, verdict: "fail", found, advice });

/** What can be seen without building anything. */
export function inspectMachine(): Finding[] {
  return [native(), privilege(), descriptors(), memlock(), bpf(), freeCores(), leftovers()];
}

function native(): Finding {
  try {
    return ok("native parts", findNative().binary);
  } catch (error) {
    return fail("native parts", (error as Error).message, "make build");
  }
}

/** Bits of CapEff that a lab needs (linux/capability.h). */
const NEEDED_CAPABILITIES: [string, number][] = [
  ["CAP_NET_ADMIN", 12],
  ["CAP_NET_RAW", 13],
  ["CAP_SYS_ADMIN", 21],
  ["CAP_BPF", 39],
];

/** The finding that does not concern the hermetic world. */
export const PRIVILEGE = "privilege";

function privilege(): Finding {
  const line = /^CapEff:\s*([0-9a-f]+)/m.exec(readFileSync("/proc/self/status", "utf8"));
  const effective = BigInt(`0x${line?.[1] ?? "0"}`);
  const missing = NEEDED_CAPABILITIES.filter(([, bit]) => !((effective >> BigInt(bit)) & 1n)).map(([name]) => name);
  if (missing.length === 0) return ok(PRIVILEGE, `uid ${process.getuid?.()}, all four capabilities`);
  return fail(PRIVILEGE, `missing ${missing.join(", ")}`, "run as root (sudo mqoe …)");
}

function descriptors(): Finding {
  const limit = readLimit("Max open files");
  const found = `${limit} open files`;
  return limit >= 4096
    ? ok("file descriptors", found)
    : warn("file descriptors", found, "ulimit -n 20000: every flow and probe needs two");
}

function memlock(): Finding {
  const limit = readLimit("Max locked memory");
  const found = limit === Number.POSITIVE_INFINITY ? "unlimited" : `${limit} bytes`;
  if (process.getuid?.() === 0) return ok("locked memory", `${found} (CAP_IPC_LOCK lifts it)`);
  return limit >= 64 << 20
    ? ok("locked memory", found)
    : warn("locked memory", found, "ulimit -l unlimited: UMEM is locked");
}

function readLimit(name: string): number {
  const line = readFileSync("/proc/self/limits", "utf8")
    .split("\n")
    .find((candidate) => candidate.startsWith(name));
  const soft = line?.slice(name.length).trim().split(/\s+/)[0] ?? "0";
  return soft === "unlimited" ? Number.POSITIVE_INFINITY : Number(soft);
}

function bpf(): Finding {
  const jit = readText("/proc/sys/net/core/bpf_jit_enable").trim();
  if (jit === "")
    return fail("BPF", "this kernel has no BPF", "a kernel with CONFIG_BPF_SYSCALL and CONFIG_XDP_SOCKETS");
  return jit === "0"
    ? warn("BPF", "interpreted", "sysctl -w net.core.bpf_jit_enable=1: every frame passes three XDP programs")
    : ok("BPF", "compiled (JIT)");
}

function freeCores(): Finding {
  const cores = availableParallelism();
  const load = loadavg()[0] ?? 0;
  const found = `${cores} cores, load ${load.toFixed(2)}`;
  if (cores < 2) return warn("cores", found, "two or more: dataplane and traffic disturb each other on one");
  if (load > cores * 0.5)
    return warn("cores", found, "let the machine come to rest: latency is measured in microseconds");
  return ok("cores", found);
}

function leftovers(): Finding {
  const dead = readJournals().filter((journal) => !(journal.owner && isAlive(journal.owner)));
  if (dead.length === 0) return ok("leftovers", "none");
  return warn(
    "leftovers",
    `${dead.length} labs whose mqoe is gone: ${dead.map((lab) => lab.lab).join(", ")}`,
    "mqoe clean",
  );
}

/** What each stage of a trial proves, and what to look at when it fails. */
const STAGE_ADVICE: { pattern: RegExp; name: string; advice: string }[] = [
  {
    pattern: /unshare|setns|mount|\/run\/netns/,
    name: "namespaces",
    advice: "CONFIG_NET_NS, root, and a writable /run/netns",
  },
  { pattern: /veth|RTM_NEWLINK/, name: "veth", advice: "modprobe veth (CONFIG_VETH)" },
  { pattern: /ETHTOOL/, name: "offloads", advice: "a veth driver that can switch checksum offload off" },
  {
    pattern: /BPF|XDP prog|redirect|xdp_/i,
    name: "XDP redirect",
    advice: "kernel ≥ 5.10 with CONFIG_BPF_SYSCALL; see dmesg",
  },
  { pattern: /AF_XDP|xsk|bind|UMEM/i, name: "AF_XDP", advice: "CONFIG_XDP_SOCKETS and enough locked memory" },
];

/**
 * Builds the smallest lab there is and sends probes and TCP through it for a second and a half: whatever a real run
 * needs is tried by doing it.
 */
export async function tryLab(blueprint: Blueprint, signal: AbortSignal): Promise<Finding[]> {
  const folder = mkdtempSync(join(tmpdir(), "mqoe-doctor-"));
  try {
    const recorded = await recordRun({ blueprint, folder, command: "mqoe doctor" }, SILENT, signal);
    if (recorded.reason !== "complete") return [explain(recorded.error)];
    return [
      ok(
        "namespaces, veth, XDP redirect",
        `a lab stood after ${Math.round(recorded.setUpMs)} ms, gone after ${Math.round(recorded.tearDownMs)} ms`,
      ),
      ...readTrial(folder, blueprint),
    ];
  } catch (error) {
    return [explain((error as Error).message)];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const SILENT: RecordHooks = { building() {}, phase() {}, rates() {}, note() {} };

function explain(message: string): Finding {
  const known = STAGE_ADVICE.find((candidate) => candidate.pattern.test(message));
  return fail(known?.name ?? "trial run", message, known?.advice ?? "see the message; dmesg may say more");
}

function readTrial(folder: string, blueprint: Blueprint): Finding[] {
  const run = readRun(folder);
  const native = (run.environment?.native ?? {}) as { dataplane?: Record<string, unknown> };
  return [
    xdpMode(native.dataplane ?? {}),
    ...blueprint.traffic.probes.map((probe) => {
      const { probe: ids, client_received: received } = run.tables.probe.columns as Record<string, Float64Array>;
      const mine = [...(ids ?? [])].map((id, row) => [id, received?.[row]]).filter(([id]) => id === probe.id);
      const back = mine.filter(([, at]) => at !== 0).length;
      return back > mine.length * 0.9 && back > 0
        ? ok(`redirect into veth, ${probe.family}`, `${back} of ${mine.length} probes came back`)
        : fail(
            `redirect into veth, ${probe.family}`,
            `${back} of ${mine.length} probes came back`,
            "a redirect into a veth needs NAPI on its peer (kernel ≥ 5.13)",
          );
    }),
    tcpWorks(run.tables.tcp_bin.columns as Record<string, Float64Array>),
    timers(run.tables.dp_reactor.columns as Record<string, Float64Array>),
  ];
}

/** From what each reactor of the dataplane said of its two trunks (docs/control.md, `info`). */
export function xdpMode(info: Record<string, unknown>): Finding {
  const name = "AF_XDP on veth";
  const reactors = (Array.isArray(info.reactors) ? info.reactors : []) as { xdp?: Record<string, string> }[];
  const modes = reactors.flatMap(({ xdp }) => [xdp?.access, xdp?.core]);
  if (modes.length > 0 && modes.every((mode) => mode === "native")) return ok(name, "native mode");
  if (modes.length > 0 && modes.every((mode) => mode === "native" || mode === "generic")) {
    return warn(name, "generic mode", "native mode: a kernel whose veth supports XDP (≥ 4.19)");
  }
  return fail(name, "the dataplane attached to no trunk", "a kernel with CONFIG_XDP_SOCKETS; dmesg may say more");
}

function tcpWorks(bins: Record<string, Float64Array>): Finding {
  const bytes = (bins.bytes ?? new Float64Array()).reduce((sum, value) => sum + value, 0);
  return bytes > 10_000
    ? ok("TCP through the dataplane", `${Math.round(bytes / 1000)} kB, so checksums are finished in software`)
    : fail("TCP through the dataplane", "no payload arrived", "checksum offload could not be switched off on veth");
}

function timers(reactor: Record<string, Float64Array>): Finding {
  const late = median([...(reactor.timer_late_max ?? [])]);
  if (late === null || !Number.isFinite(late)) return warn("timers", "not measured", "");
  const found = `worst wake-up per 100 ms is late by ${Math.round(late / 1000)} µs (median)`;
  return late < 1e6 ? ok("timers", found) : warn("timers", found, "CONFIG_HIGH_RES_TIMERS, and an idle machine");
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
