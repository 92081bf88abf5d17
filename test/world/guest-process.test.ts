import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { type GuestLimits, GuestProcess } from "../../harness/world/guest-process.js";

/** A launcher without a guest, which behaves as the "kernel" it is given says. */
const LAUNCHER = `#!${process.execPath}
const [, , ...words] = process.argv;
const say = (line) => process.stdout.write(JSON.stringify(line) + "\\n");
const kernel = words[words.indexOf("--kernel") + 1];
process.stdin.on("data", (text) => {
  if (!String(text).includes("running")) return;
  if (kernel === "wakes") setInterval(() => say({ event: "tick", now: 500e6 }), 50);
  setTimeout(() => say({ event: "running", task: "sh" }), 200);
});
process.stdin.on("end", () => process.exit(0));
const booted = () => (say({ event: "booted" }), say({ event: "tick", now: 250e6 }));
({
  ticks: () => (booted(), setInterval(() => say({ event: "note", text: "alive" }), 50)),
  stands: booted,
  wakes: booted,
  silent: () => {},
  ends: () => (booted(), say({ event: "command-ended", code: 0, signal: 0 }), process.exit(0)),
  fails: () => {
    const error = { event: "error", fatal: true, syscall: "mount", object: "hostfs on /run/guest", code: "ENOENT" };
    process.stderr.write("Linux version 6.12\\n" + JSON.stringify({ ...error, message: "No such file" }) + "\\n");
    process.exitCode = 1;
    process.stdin.destroy();
  },
})[kernel]();
`;

function guest(t: ExecutionContext, kernel: string, limits: GuestLimits, onLine: () => void = () => {}): GuestProcess {
  const folder = mkdtempSync(join(tmpdir(), "mqoe-launcher-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const binary = join(folder, "launcher");
  writeFileSync(binary, LAUNCHER);
  chmodSync(binary, 0o755);
  const rest = { memory: 1, memoryFolder: folder, run: folder, preload: "", seed: 1, cpu: -1, request: "x" };
  return new GuestProcess({ binary, kernel, ...rest, limits }, onLine);
}

/** As a Ctrl-Z and fg would: nothing of this process runs meanwhile. */
function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

test.serial("a harness that stood still reads the signs of life that came meanwhile before it judges", async (t) => {
  for (const pause of [1500, 3500]) {
    let seen = 0;
    let [first, later] = [() => {}, () => {}];
    const alive = new Promise<void>((resolve) => (first = resolve));
    const aliveAfter = new Promise<void>((resolve) => (later = resolve));
    let paused = false;
    const process = guest(t, "ticks", { boot: 20_000, still: 1000 }, () => {
      first();
      if (paused && ++seen > 40) later(); // More than two seconds after: nobody asks any more.
    });
    await alive;
    standStill(pause);
    paused = true;
    await Promise.race([aliveAfter, process.ended]);
    process.kill(null);
    t.deepEqual(await process.ended, { problem: null });
  }
});

test.serial("a clock that stands still ends the guest, and who runs is named", async (t) => {
  const { problem } = await guest(t, "stands", { boot: 20_000, still: 1000 }).ended;
  t.regex(problem ?? "", /stood still for 1 s of the host's time, 0\.25 s after its boot; "sh" kept running/u);
});

test.serial("a guest that was asked who runs is ended, whatever it says then", async (t) => {
  const { problem } = await guest(t, "wakes", { boot: 20_000, still: 1000 }).ended;
  t.regex(problem ?? "", /stood still for 1 s of the host's time/u);
});

test.serial("a guest that does not boot within its limit is ended", async (t) => {
  const { problem } = await guest(t, "silent", { boot: 1000, still: 1000 }).ended;
  t.regex(problem ?? "", /did not boot within 1 s/u);
});

test.serial("what guest-init says on the console, before its output is open, is a message and no JSON", async (t) => {
  const { problem } = await guest(t, "fails", { boot: 20_000, still: 1000 }).ended;
  t.is(problem, "mount hostfs on /run/guest: No such file (ENOENT)");
});

test.serial("an orderly end has no problem", async (t) => {
  t.deepEqual(await guest(t, "ends", { boot: 20_000, still: 1000 }).ended, { problem: null });
});
