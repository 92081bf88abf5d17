import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { BULK, home, journals, labTest, mqoe, namespaces, scenario, startMqoe } from "./helpers/mqoe.js";

const NO_STACK = /\n\s+at .*\.js:\d+/;

labTest("a namespace name already taken: refused in one line, the foreign namespace stays", async (t) => {
  execFileSync("ip", ["netns", "add", "mqtaken-home"]);
  t.teardown(() => void execFileSync("ip", ["netns", "del", "mqtaken-home"]));
  const finished = await mqoe(["run", scenario(t, "taken", home()), "--lab", "mqtaken"]);
  t.is(finished.code, 3);
  t.regex(
    finished.stdout + finished.stderr,
    /namespace \/run\/netns\/mqtaken-home exists already and is not ours.*--lab/,
  );
  t.notRegex(finished.stderr, NO_STACK);
  t.deepEqual(namespaces("mqtaken"), ["mqtaken-home"]);
  t.deepEqual(journals(), []);
});

labTest("the dataplane killed mid-run: invalid with the reason, samples kept, lab removed", async (t) => {
  t.timeout(60_000);
  const run = startMqoe(["run", scenario(t, "killed", home() + BULK)]);
  await sleep(4000);
  const pid = journalProcess("dataplane");
  process.kill(pid, "SIGKILL");
  const finished = await run.finished;
  t.is(finished.code, 3, finished.stdout);
  t.is(finished.results?.cases[0]?.verdict, "invalid");
  t.regex(finished.stdout, /dataplane.*(killed by SIGKILL|died)/);
  const samples = join(finished.out, "killed/run-1/samples");
  const probe = readdirSync(samples).find((name) => name.includes(".probe.")) ?? "";
  t.true(statSync(join(samples, probe)).size > 8192, "probe samples are kept");
  t.deepEqual(namespaces(), []);
});

labTest("Ctrl-C in the middle: the lab is removed, samples are kept, exit 130", async (t) => {
  t.timeout(60_000);
  const run = startMqoe(["run", scenario(t, "interrupted", home() + BULK)]);
  await sleep(3500);
  run.child.kill("SIGINT");
  const finished = await run.finished;
  t.is(finished.code, 130, finished.stdout + finished.stderr);
  t.regex(finished.stdout, /interrupted/);
  t.deepEqual(namespaces(), []);
  t.deepEqual(journals(), []);
  t.true(readdirSync(join(finished.out, "interrupted/run-1/samples")).length > 0);
});

labTest("disk full at report time: named, and the other reports and the verdict are not lost", async (t) => {
  t.timeout(60_000);
  const html = join(mkdtempSync(join(tmpdir(), "mqoe-html-")), "report.html");
  t.teardown(() => rmSync(join(html, ".."), { recursive: true }));
  const finished = await mqoe([
    "run",
    scenario(t, "full", home({ duration: "4s" })),
    "--json",
    "/dev/full",
    "--html",
    html,
  ]);
  t.regex(finished.stdout + finished.stderr, /\/dev\/full.*(no space left|ENOSPC)/i);
  t.is(finished.code, 3);
  t.true(existsSync(html));
});

labTest("without root: one line says what is needed, exit 3, nothing is left", async (t) => {
  const finished = await mqoe(
    ["run", scenario(t, "nobody", home()), "--out", join(mkdtempSync(join(tmpdir(), "x-")), "o")],
    { uid: 65534 },
  );
  t.is(finished.code, 3);
  t.regex(finished.stderr + finished.stdout, /root|CAP_SYS_ADMIN|CAP_NET_ADMIN/);
  t.notRegex(finished.stderr, NO_STACK);
});

labTest("AF_XDP missing in the kernel: the message says which option is needed", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "mqoe-noxdp-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const source = join(folder, "noxdp.c");
  writeFileSync(
    source,
    `#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <sys/socket.h>
int socket(int domain, int type, int protocol) {
    if (domain == AF_XDP) { errno = EAFNOSUPPORT; return -1; }
    return ((int (*)(int, int, int))dlsym(RTLD_NEXT, "socket"))(domain, type, protocol);
}`,
  );
  const library = join(folder, "noxdp.so");
  execFileSync("gcc", ["-shared", "-fPIC", "-o", library, source, "-ldl"]);
  const finished = await mqoe(["run", scenario(t, "noxdp", home())], { env: { LD_PRELOAD: library } });
  t.is(finished.code, 3);
  t.regex(finished.stdout + finished.stderr, /AF_XDP.*EAFNOSUPPORT|CONFIG_XDP_SOCKETS/s);
  t.notRegex(finished.stderr, NO_STACK);
  t.deepEqual(namespaces(), []);
});

function journalProcess(name: string): number {
  const [lab] = journals();
  const lines = readFileSync(`/run/mqoe/${lab}/journal.jsonl`, "utf8").split("\n").filter(Boolean);
  const entry = lines
    .map((line) => JSON.parse(line))
    .find((candidate) => candidate.create === "process" && candidate.name === name);
  return entry.pid;
}
