import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  BULK,
  home,
  journalProcess,
  journals,
  labTest,
  mqoe,
  namespaces,
  scenario,
  startMqoe,
} from "./helpers/mqoe.js";

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

labTest("the traffic process killed mid-run: invalid with the reason, exit 3, lab removed", async (t) => {
  t.timeout(60_000);
  const run = startMqoe(["run", scenario(t, "mute", home())]);
  await sleep(3500);
  process.kill(journalProcess("traffic"), "SIGKILL");
  const finished = await run.finished;
  t.is(finished.code, 3, finished.stdout);
  t.is(finished.results?.cases[0]?.verdict, "invalid");
  t.regex(finished.stdout, /traffic: ended unexpectedly \(killed by SIGKILL\)/);
  t.deepEqual(namespaces(), []);
});

labTest("the dataplane hangs when it is told to stop: no last accounting, so no pass", async (t) => {
  t.timeout(60_000);
  const run = startMqoe(["run", scenario(t, "hung", home({ duration: "4s" }))]);
  const events = join(run.out, "hung/run-1/events.jsonl");
  const inCooldown = () => existsSync(events) && readFileSync(events, "utf8").includes('"cooldown"');
  while (!inCooldown()) await sleep(20);
  process.kill(journalProcess("dataplane"), "SIGSTOP");
  const finished = await run.finished;
  t.is(finished.code, 3, finished.stdout);
  t.is(finished.results?.cases[0]?.verdict, "invalid");
  t.regex(finished.stdout, /gave no last accounting.*SIGKILL/);
  t.regex(readFileSync(events, "utf8"), /"done".*"dataplane-died"/);
  t.deepEqual(namespaces(), []);
});

labTest("SIGTERM in the middle: as Ctrl-C, exit 130, nothing is left, no phase is told afterwards", async (t) => {
  t.timeout(60_000);
  const run = startMqoe(["run", scenario(t, "ended", home())]);
  await sleep(3000);
  run.child.kill("SIGTERM");
  const finished = await run.finished;
  t.is(finished.code, 130, finished.stdout + finished.stderr);
  t.deepEqual(namespaces(), []);
  t.deepEqual(journals(), []);
  const events = readFileSync(join(finished.out, "ended/run-1/events.jsonl"), "utf8");
  t.regex(events, /"done".*"interrupted"/);
  t.notRegex(events, /cooldown/);
});

labTest("a name in /run/netns that cannot be removed: told, the rest is gone, mqoe clean helps later", async (t) => {
  t.timeout(60_000);
  const run = startMqoe(["run", scenario(t, "stuck", home()), "--lab", "mqstuck"]);
  await sleep(3000);
  // A directory in place of the name: neither umount nor unlink can remove it.
  execFileSync("umount", ["/run/netns/mqstuck-home"]);
  rmSync("/run/netns/mqstuck-home");
  mkdirSync("/run/netns/mqstuck-home");
  t.teardown(() => rmSync("/run/netns/mqstuck-home", { recursive: true, force: true }));
  run.child.kill("SIGINT");
  const finished = await run.finished;
  t.is(finished.code, 130, finished.stdout + finished.stderr);
  t.regex(finished.stdout, /lab mqstuck could not be removed completely.*mqstuck-home.*mqoe clean/);
  t.deepEqual(namespaces("mqstuck"), ["mqstuck-home"]);
  const stuck = await mqoe(["clean"]);
  t.is(stuck.code, 3, stuck.stdout);
  t.regex(stuck.stdout, /left +mqstuck.*mqstuck-home/);
  rmSync("/run/netns/mqstuck-home", { recursive: true });
  t.is((await mqoe(["clean"])).code, 0);
  t.deepEqual(journals(), []);
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

labTest("disk full during the run: told, judged invalid, exit 3, lab removed", async (t) => {
  t.timeout(60_000);
  const disk = mkdtempSync(join(tmpdir(), "mqoe-disk-"));
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=96k", "tmpfs", disk]);
  t.teardown(() => {
    execFileSync("umount", [disk]);
    rmSync(disk, { recursive: true });
  });
  const json = join(mkdtempSync(join(tmpdir(), "mqoe-json-")), "results.json");
  t.teardown(() => rmSync(join(json, ".."), { recursive: true }));
  const finished = await mqoe(["run", scenario(t, "small", home()), "--json", json], { outRoot: disk });
  t.is(finished.code, 3, finished.stdout + finished.stderr);
  t.regex(finished.stdout, /samples could not be written.*ENOSPC|no space left/);
  t.is(JSON.parse(readFileSync(json, "utf8")).cases[0].verdict, "invalid");
  t.notRegex(finished.stderr, NO_STACK);
  t.deepEqual(namespaces(), []);
});

labTest("without root: one line says what is needed, exit 3, nothing is left", async (t) => {
  const finished = await mqoe(["run", scenario(t, "nobody", home())], { uid: 65534 });
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
