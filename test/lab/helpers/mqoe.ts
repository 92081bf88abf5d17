import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import anyTest, { type ExecutionContext, type Implementation } from "ava";
import type { Results } from "../../../harness/verdict/types.js";
import { scratchFolder } from "../../scratch.js";

/** The package's root, from dist/test/lab/helpers. */
export const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../../../..");
const MAIN = join(ROOT, "dist/harness/cli/main.js");

export interface Finished {
  code: number | null;
  stdout: string;
  stderr: string;
  /** What --json wrote; null when it wrote nothing. */
  results: Results | null;
  /** The --out folder, kept until the test ends. */
  out: string;
}

export interface Running {
  child: ChildProcess;
  out: string;
  finished: Promise<Finished>;
}

interface StartOptions {
  env?: NodeJS.ProcessEnv;
  uid?: number;
  /** Where the --out folder is made; the system's temporary folder by default. */
  outRoot?: string;
}

/** Starts `mqoe …` as a user would; `run` gets an --out folder and --json of its own. */
export function startMqoe(args: string[], options: StartOptions = {}): Running {
  const out = scratchFolder("mqoe-test-", options.outRoot);
  const json = join(out, "results-copy.json");
  const own =
    args[0] === "run" ? ["--out", join(out, "run"), ...(args.includes("--json") ? [] : ["--json", json])] : [];
  const child = spawn(process.execPath, [MAIN, ...args, ...own], {
    cwd: ROOT,
    env: { ...process.env, CI: "1", NO_COLOR: "1", FORCE_COLOR: "0", ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
  });
  const text = { stdout: "", stderr: "" };
  child.stdout?.on("data", (chunk) => (text.stdout += chunk));
  child.stderr?.on("data", (chunk) => (text.stderr += chunk));
  const finished = new Promise<Finished>((resolve) => {
    child.on("close", (code) => {
      const results = existsSync(json) ? (JSON.parse(readFileSync(json, "utf8")) as Results) : null;
      resolve({ code, ...text, results, out: join(out, "run") });
    });
  });
  return { child, out: join(out, "run"), finished };
}

export function mqoe(args: string[], options: StartOptions = {}): Promise<Finished> {
  return startMqoe(args, options).finished;
}

/**
 * `mqoe run` on a machine with neighbours: what they made invalid (and only that) is run again, at most four times. What
 * a fit rig measured is asserted as it is.
 */
export function fitRun(args: string[]): Promise<Finished> {
  return mqoe(["run", ...args, "--retries", "4"]);
}

/** Writes a scenario into a folder of its own; returns the file. */
export function scenario(t: ExecutionContext, name: string, toml: string): string {
  const folder = mkdtempSync(join(tmpdir(), "mqoe-scenario-"));
  chmodSync(folder, 0o755); // mkdtemp lets in only us; some tests run mqoe as somebody else.
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, `${name}.toml`);
  writeFileSync(file, toml);
  return file;
}

/** A home line; what a test does not care about is filled in. */
export function home(
  options: { down?: string; up?: string; sqm?: string; rtt?: string; count?: number; duration?: string } = {},
): string {
  const {
    down = "20mbit",
    up = "10mbit",
    sqm = 'discipline = "fq_codel"',
    rtt = "20ms",
    count,
    duration = "6s",
  } = options;
  return `title = "test"
duration = "${duration}"
phases = { idle = "1s", ramp = "1s", cooldown = "500ms" }
[plan.line]
down = "${down}"
up = "${up}"
sqm = { ${sqm} }
[path.metro]
rtt = "${rtt}"
[server.web]
path = "metro"
[client.home]
plan = "line"
${count === undefined ? "" : `count = ${count}`}
[traffic.ping]
kind = "probe"
from = "home"
to = "web"
interval = "10ms"
`;
}

export const BULK = `[traffic.bulk]
kind = "tcp"
from = "home"
to = "web"
direction = "down"
flows = 4
`;

/** Namespaces of labs on this machine (ours begin with mq-, or with the given prefix). */
export function namespaces(prefix = "mq-"): string[] {
  return existsSync("/run/netns") ? readdirSync("/run/netns").filter((name) => name.startsWith(prefix)) : [];
}

/** Lab journals on this machine. */
export function journals(): string[] {
  return existsSync("/run/mqoe") ? readdirSync("/run/mqoe") : [];
}

/** Pid of a native process of the only lab there is, by its journal. */
export function journalProcess(name: string): number {
  const [lab] = journals();
  const lines = readFileSync(`/run/mqoe/${lab}/journal.jsonl`, "utf8").split("\n").filter(Boolean);
  const entry = lines
    .map((line) => JSON.parse(line))
    .find((candidate) => candidate.create === "process" && candidate.name === name);
  return entry.pid;
}

/** Registers a test that needs root: as anyone else it is counted as skipped, with the reason in its title. */
export function labTest(title: string, implementation: Implementation<[]>): void {
  if (process.getuid?.() === 0) anyTest.serial(title, implementation);
  else anyTest.skip(`${title} (skipped: needs root for namespaces and AF_XDP)`, implementation);
}

/** The value of a case's metric; fails the test when there is none. */
export function metric(t: ExecutionContext, finished: Finished, caseIndex: number, name: string): number {
  const value = finished.results?.cases[caseIndex]?.metrics[name]?.value;
  if (value === null || value === undefined) {
    t.log(finished.stdout, finished.stderr);
    throw new Error(`no metric ${name} in case ${caseIndex}`);
  }
  return value;
}
