import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import test, { type ExecutionContext } from "ava";
import { BULK, type Finished, home, mqoe, ROOT, type Running, scenario, startMqoe } from "../lab/helpers/mqoe.js";

const NOBODY = 65534;
/** As root, these tests give it up: the hermetic world is for those who have none. */
const unprivileged = process.getuid?.() === 0 ? { uid: NOBODY } : {};

/** A folder that anybody may write to. */
function openFolder(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), "mqoe-hermetic-"));
  execFileSync("chmod", ["777", folder]);
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** `mqoe run --world hermetic` of one case; the --out folder may be written by nobody. */
function hermetic(t: ExecutionContext, args: string[], env: NodeJS.ProcessEnv = {}): Running {
  const folder = openFolder(t);
  const all = [
    "run",
    "--world",
    "hermetic",
    ...args,
    "--out",
    join(folder, "out"),
    "--json",
    join(folder, "copy.json"),
  ];
  const child = spawn(process.execPath, [join(ROOT, "dist/harness/cli/main.js"), ...all], {
    cwd: ROOT,
    env: { ...process.env, CI: "1", NO_COLOR: "1", HOME: folder, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    ...(unprivileged.uid === undefined ? {} : { uid: NOBODY, gid: NOBODY }),
  });
  const text = { stdout: "", stderr: "" };
  child.stdout.on("data", (chunk) => (text.stdout += chunk));
  child.stderr.on("data", (chunk) => (text.stderr += chunk));
  const finished = new Promise<Finished>((resolve) => {
    child.on("close", (code) => {
      const json = join(folder, "copy.json");
      const results = existsSync(json) ? JSON.parse(readFileSync(json, "utf8")) : null;
      resolve({ code, ...text, results, out: join(folder, "out") });
    });
  });
  return { child, out: join(folder, "out"), finished };
}

/** As `hermetic`, in a working folder that anybody may write to, and without an --out unless args have one. */
async function fromFolder(t: ExecutionContext, args: string[]) {
  const cwd = openFolder(t);
  const main = join(ROOT, "dist/harness/cli/main.js");
  const child = spawn(process.execPath, [main, "run", "--world", "hermetic", ...args], {
    cwd,
    env: { ...process.env, CI: "1", NO_COLOR: "1", HOME: cwd },
    stdio: ["ignore", "pipe", "pipe"],
    ...(unprivileged.uid === undefined ? {} : { uid: NOBODY, gid: NOBODY }),
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (said += chunk));
  const code = await new Promise<number | null>((done) => child.on("close", done));
  return { code, said, cwd };
}

/** Name → hash of every sample file of a run. */
function fingerprints(out: string, run: string): Record<string, string> {
  const folder = join(out, run, "samples");
  return Object.fromEntries(
    readdirSync(folder).map((name) => [
      name,
      createHash("sha256")
        .update(readFileSync(join(folder, name)))
        .digest("hex"),
    ]),
  );
}

/** Processes whose command line names this folder, and scratch folders of launchers that are gone. */
function leftovers(folder: string): string[] {
  const named = readdirSync("/proc")
    .filter((name) => /^\d+$/u.test(name) && Number(name) !== process.pid)
    .filter((pid) => commandLine(pid).includes(folder));
  const scratch = readdirSync("/tmp").filter((name) => {
    const pid = /^mqoe-guest-(\d+)-/u.exec(name)?.[1];
    return pid !== undefined && !existsSync(`/proc/${Number(pid)}`);
  });
  return [...named.map((pid) => `${pid} ${commandLine(pid)}`), ...scratch];
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  } catch {
    return ""; // It ended meanwhile.
  }
}

/** Waits until nothing is left; fails with what is. */
async function cleanAfter(t: ExecutionContext, folder: string): Promise<void> {
  for (let i = 0; i < 50 && leftovers(folder).length > 0; i++) await sleep(100);
  t.deepEqual(leftovers(folder), []);
}

/** Resolves when the run has been loading its lab for a while: the host's clock says nothing, the spool does. */
async function untilSamples(out: string, run: string): Promise<void> {
  const folder = join(out, run, "samples");
  for (let i = 0; i < 600; i++) {
    const sizes = existsSync(folder) ? readdirSync(folder).map((name) => readFileSync(join(folder, name)).length) : [];
    if (sizes.some((size) => size > 50_000)) return;
    await sleep(50);
  }
  throw new Error(`no samples in ${folder} within 30 s`);
}

async function untilFolder(folder: string): Promise<void> {
  for (let i = 0; i < 2400 && !existsSync(folder); i++) await sleep(50);
}

/** Long enough that nobody's machine is through with it before the test acts. */
const LONG = `${home({ duration: "600s" })}${BULK}`;

const SPIN = `${home()}[dataplane]
kind = "external"
command = ["/bin/sh", "-c", "echo ready; sleep 2; while :; do :; done"]
ready = "line"
`;

test.serial("an unprivileged user gets bit-identical samples, also from a machine under load", async (t) => {
  const file = scenario(t, "same", `${home()}${BULK}`);
  const quiet = await hermetic(t, [file]).finished;
  t.is(quiet.code, 0, quiet.stdout + quiet.stderr);
  t.is(quiet.results?.cases[0]?.world, "hermetic");
  const hogs = [1, 2].map(() => spawn("/bin/sh", ["-c", "while :; do :; done"], { stdio: "ignore" }));
  t.teardown(() => hogs.map((hog) => hog.kill("SIGKILL")));
  const loud = await hermetic(t, [file]).finished;
  t.is(loud.code, 0, loud.stdout + loud.stderr);
  const prints = fingerprints(quiet.out, "same/run-1");
  t.true(Object.keys(prints).length >= 8);
  t.deepEqual(fingerprints(loud.out, "same/run-1"), prints);
  t.deepEqual(loud.results?.cases[0]?.metrics, quiet.results?.cases[0]?.metrics);
  await cleanAfter(t, loud.out);
});

test.serial("another seed is another run; --verify-determinism records each twice and says so", async (t) => {
  const file = scenario(t, "seeds", `${home({ duration: "4s" })}${BULK}`);
  const run = await hermetic(t, [file, "--repeat", "2", "--verify-determinism"]).finished;
  t.is(run.code, 0, run.stdout + run.stderr);
  t.notDeepEqual(fingerprints(run.out, "seeds/run-1"), fingerprints(run.out, "seeds/run-2"));
  t.deepEqual(
    run.results?.cases[0]?.runs.map(({ seed }) => seed),
    [1, 2],
  );
  for (const { health } of run.results?.cases[0]?.runs ?? []) {
    t.is(health.checks.find(({ name }) => name === "determinism")?.verdict, "ok");
    t.deepEqual(
      health.checks.filter(({ name }) => /cpu|steal/u.test(name)),
      [],
    );
  }
  t.regex(run.stdout, /run 2 recorded twice: identical in all \d+ sample files/u);
});

test.serial("run folders may be named relatively, or not at all", async (t) => {
  const file = scenario(t, "where", home({ duration: "4s" }));
  const relative = await fromFolder(t, [file, "--out", "some/where"]);
  t.is(relative.code, 0, relative.said);
  t.true(existsSync(join(relative.cwd, "some/where/where/run-1/samples/traffic-1.probe.seg")));
  const dated = await fromFolder(t, [file]);
  t.is(dated.code, 0, dated.said);
  t.true(existsSync(join(dated.cwd, "reports/latest/where/run-1/samples/traffic-1.probe.seg")));
});

test.serial("ten quiet minutes cost less than a tenth of them", async (t) => {
  const quiet = home({ duration: "600s" }).replace('interval = "10ms"', 'interval = "1s"');
  const { code, stdout, stderr, results } = await hermetic(t, [scenario(t, "quiet", quiet)]).finished;
  t.is(code, 0, stdout + stderr);
  t.is(results?.cases[0]?.metrics["ping.loss"]?.value, 0);
  // No timing test: the fastest live run is ten times slower, and a robbed machine is not.
  t.true((results?.cases[0]?.wall_s ?? 600) < 60);
});

test.serial(
  "without a guest kernel: exit 3, where it was looked for and what to do, and nothing is made",
  async (t) => {
    const file = scenario(t, "none", home());
    const run = await hermetic(t, [file], { MQOE_GUEST_KERNEL: "/nonexistent/linux" }).finished;
    t.is(run.code, 3);
    t.regex(run.stderr, /\/nonexistent\/linux/u);
    t.regex(run.stderr, /set MQOE_GUEST_KERNEL to a guest kernel that runs here, or unset it/u);
    t.false(existsSync(run.out));
  },
);

test.serial("a kernel that does not boot: exit 3, with what it said last, and nothing is left", async (t) => {
  const folder = openFolder(t);
  const fake = join(folder, "linux");
  writeFileSync(
    fake,
    '#!/bin/sh\n[ "$1" = --version ] && echo 6.12.0 && exit 0\necho "Kernel panic - no memory"; exit 134\n',
  );
  execFileSync("chmod", ["755", fake]);
  const run = await hermetic(t, [scenario(t, "panic", home())], { MQOE_GUEST_KERNEL: fake }).finished;
  t.is(run.code, 3, run.stdout + run.stderr);
  t.regex(run.stdout, /Kernel panic - no memory/u);
  t.is(run.results?.cases[0]?.verdict, "invalid");
  await cleanAfter(t, run.out);
});

test.serial(
  "a dataplane that spins stops the guest's clock: it is ended, named, and what came before is kept",
  async (t) => {
    const file = scenario(t, "spin", SPIN);
    const run = await hermetic(t, [file, "--allow-exec", "--guest-patience", "5"]).finished;
    t.is(run.code, 3, run.stdout + run.stderr);
    t.regex(run.stdout, /clock\s+stood\s+still/u);
    const done = readFileSync(join(run.out, "spin/run-1/events.jsonl"), "utf8").trim().split("\n").at(-1) ?? "{}";
    t.regex(JSON.parse(done).error, /; "sh" kept running/u);
    t.is(run.results?.cases[0]?.verdict, "invalid");
    await cleanAfter(t, run.out);
  },
);

test.serial("Ctrl-C: exit 130, the samples so far are kept, nothing is left", async (t) => {
  const { child, out, finished } = hermetic(t, [scenario(t, "long", LONG)]);
  await untilSamples(out, "long/run-1");
  child.kill("SIGINT");
  const { code, stdout } = await finished;
  t.is(code, 130, stdout);
  t.regex(stdout, /stopped by you/u);
  const events = readFileSync(join(out, "long/run-1/events.jsonl"), "utf8");
  t.regex(events, /"event":"done".*"reason":"interrupted"/u);
  t.true(readFileSync(join(out, "long/run-1/samples/traffic-1.probe.seg")).length > 8192);
  await cleanAfter(t, out);
});

test.serial("Ctrl-C with two guests at once: both are stopped, and what was to come is not judged", async (t) => {
  const three = `${LONG}[matrix]\n"plan.line.down" = ["10mbit", "20mbit", "30mbit"]\n`;
  const { child, out, finished } = hermetic(t, [scenario(t, "long", three), "--jobs", "2"]);
  const folders = ["10mbit", "20mbit"].map((rate) => `long_plan.line.down=${rate}_/run-1`);
  for (const folder of folders) await untilSamples(out, folder);
  child.kill("SIGINT");
  const { code, stdout, results } = await finished;
  t.is(code, 130, stdout);
  t.deepEqual(
    results?.cases.map(({ verdict, reason }) => [verdict, /^stopped by you/u.test(reason)]),
    [
      ["invalid", true],
      ["invalid", true],
      ["skipped", false],
    ],
  );
  await cleanAfter(t, out);
});

test.serial("Ctrl-C in a second recording: what is not compared is no pass, also in a later report", async (t) => {
  const file = scenario(t, "twice", `${home({ duration: "20s" })}${BULK}`);
  const { child, out, finished } = hermetic(t, [file, "--repeat", "2", "--verify-determinism"]);
  await untilFolder(join(out, "twice/run-1.twin/samples"));
  child.kill("SIGINT");
  const { code, stdout, results } = await finished;
  t.is(code, 130, stdout);
  t.is(results?.cases[0]?.verdict, "invalid");
  t.regex(results?.cases[0]?.reason ?? "", /^stopped by you/u);
  const report = await mqoe(["report", out], unprivileged);
  t.is(report.code, 3, report.stdout + report.stderr);
  await cleanAfter(t, out);
});

test.serial("kill -9 of the harness: the guest ends with it, and the samples so far make a report", async (t) => {
  const { child, out, finished } = hermetic(t, [scenario(t, "long", LONG)]);
  await untilSamples(out, "long/run-1");
  child.kill("SIGKILL");
  await finished;
  await cleanAfter(t, out);
  const report = await mqoe(["report", out], unprivileged);
  t.is(report.code, 3, report.stdout + report.stderr);
  t.regex(report.stdout, /the run has no end/u);
});

test.serial("kill -9 of the guest's kernel: invalid, and nothing is left", async (t) => {
  const { out, finished } = hermetic(t, [scenario(t, "long", LONG)]);
  await untilSamples(out, "long/run-1");
  process.kill(kernelOf(out), "SIGKILL");
  const { code, results } = await finished;
  t.is(code, 3);
  t.is(results?.cases[0]?.verdict, "invalid");
  t.regex(results?.cases[0]?.reason ?? "", /guest ended before its run did/u);
  await cleanAfter(t, out);
});

/** The launcher names the run's folder. */
function launcherOf(out: string): number {
  const named = (pid: string) => /mqoe-native guest .*--run/u.test(commandLine(pid)) && commandLine(pid).includes(out);
  return Number(readdirSync("/proc").find((pid) => /^\d+$/u.test(pid) && named(pid)));
}

/** The kernel is the launcher's one child. */
function kernelOf(out: string): number {
  const launcher = launcherOf(out);
  const children = readFileSync(`/proc/${launcher}/task/${launcher}/children`, "utf8").trim().split(" ");
  return Number(children[0]);
}

const rootTest = process.getuid?.() === 0 ? test.serial : test.skip;

rootTest(
  "a full disk: the run says so, is invalid, and nothing is left (needs root, to make a small disk)",
  async (t) => {
    const disk = openFolder(t);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=200k,mode=777", "mqoe-small", disk]);
    t.teardown(() => execFileSync("umount", [disk]));
    const file = scenario(t, "full", `${home({ duration: "20s" })}${BULK}`);
    const run = startMqoe(["run", "--world", "hermetic", file, "--json", join(openFolder(t), "x.json")], {
      outRoot: disk,
    });
    const { code, stdout, stderr } = await run.finished;
    t.is(code, 3, stdout + stderr);
    t.regex(stdout + stderr, /ENOSPC|[Nn]o space left/u);
    t.true(existsSync(join(run.out, "full")));
    await cleanAfter(t, run.out);
  },
);

test.serial("options that go together only in the hermetic world are refused in the live one", async (t) => {
  for (const option of ["--verify-determinism", "--jobs=2", "--guest-patience=5"]) {
    const { code, stderr } = await mqoe(["run", "scenarios/quickstart/rrul.toml", option]);
    t.is(code, 2);
    t.regex(stderr, /needs --world hermetic/u);
  }
});

test.serial("kill -9 of the launcher: invalid, the guest ends, and the next run removes its folder", async (t) => {
  const { out, finished } = hermetic(t, [scenario(t, "long", LONG)]);
  await untilSamples(out, "long/run-1");
  const [launcher, kernel] = [launcherOf(out), kernelOf(out)];
  process.kill(launcher, "SIGKILL");
  const { code, results } = await finished;
  t.is(code, 3);
  t.is(results?.cases[0]?.verdict, "invalid");
  for (let i = 0; i < 50 && existsSync(`/proc/${kernel}`); i++) await sleep(100);
  t.false(existsSync(`/proc/${kernel}`));
  const prefix = `mqoe-guest-${String(launcher).padStart(7, "0")}-`;
  const folders = () => readdirSync("/tmp").filter((name) => name.startsWith(prefix));
  t.is(folders().length, 1);
  const next = await hermetic(t, [scenario(t, "short", home({ duration: "3s" }))]).finished;
  t.is(next.code, 0, next.stdout + next.stderr);
  t.deepEqual(folders(), []);
  await cleanAfter(t, out);
});

/** Its /tmp must not hide mqoe itself. */
const fullTmpTest = ROOT.startsWith("/tmp/") ? test.skip : rootTest;

fullTmpTest(
  "a full /tmp is named, and not taken for a guest that stands still (needs root, and a checkout that /tmp does not hide)",
  async (t) => {
    const folder = mkdtempSync("/var/tmp/mqoe-hermetic-");
    t.teardown(() => rmSync(folder, { recursive: true, force: true }));
    const file = join(folder, "long.toml");
    // Nothing but signs of life: minutes of them cost seconds.
    writeFileSync(file, home({ duration: "600s" }).replace('interval = "10ms"', 'interval = "1s"'));
    const small = 'mount -t tmpfs -o size=16k,mode=1777 mqoe-small /tmp && exec "$@"';
    const words = [process.execPath, join(ROOT, "dist/harness/cli/main.js"), "run", "--world", "hermetic", file];
    const child = spawn("unshare", ["-m", "sh", "-c", small, "sh", ...words, "--out", join(folder, "out")], {
      cwd: ROOT,
      env: { ...process.env, CI: "1", NO_COLOR: "1" },
    });
    let text = "";
    child.stdout.on("data", (chunk) => (text += chunk));
    child.stderr.on("data", (chunk) => (text += chunk));
    const code = await new Promise((resolve) => child.on("close", resolve));
    t.is(code, 3, text);
    t.regex(text.replaceAll(/\s+/gu, " "), /No space left on device|ENOSPC/u);
    t.notRegex(text, /stood\s+still/u);
  },
);
