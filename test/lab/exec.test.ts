import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { ExecutionContext } from "ava";
import { fitRun, home, labTest, metric, mqoe, namespaces, scenario, startMqoe } from "./helpers/mqoe.js";

/** A scenario whose client runs a shell script that lies beside it. */
function scripted(t: ExecutionContext, name: string, script: string, more = "", duration = "6s"): string {
  const toml = `${home({ duration })}
[traffic.tool]
kind = "exec"
from = "home"
to = "web"
command = ["./${name}.sh", "{server}", "{port}"]
${more}
`;
  const file = scenario(t, name, toml);
  const program = join(dirname(file), `${name}.sh`);
  writeFileSync(program, `#!/bin/sh\n${script}\n`);
  chmodSync(program, 0o755);
  return file;
}

/** Does a process with that word in its command line run? */
function runs(word: string): boolean {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .some((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(word);
      } catch {
        return false; // It ended while we looked.
      }
    });
}

/** On virtual time, where the machine spoils nothing: what is judged is the same. */
function guestRun(file: string) {
  return mqoe(["run", "--world", "hermetic", "--allow-exec", file]);
}

function event(run: string, name: string): Record<string, unknown> {
  const lines = readFileSync(join(run, "events.jsonl"), "utf8").split("\n").filter(Boolean);
  const found = lines.map((line) => JSON.parse(line)).find((one) => one.event === "program" && one.name === name);
  return found ?? {};
}

labTest("without --allow-exec nothing runs: exit code 2, with the program and what to do", async (t) => {
  const { code, stderr, out } = await mqoe(["run", scripted(t, "refused", "true")]);
  t.is(code, 2);
  t.regex(stderr, /traffic.tool.command: runs the program ".*refused.sh" on this machine.*add --allow-exec/);
  t.false(existsSync(out));
});

labTest(
  "a program: an ordinary user in the client's namespace; its exit code and numbers are judged, its output kept",
  async (t) => {
    t.timeout(300_000);
    const script = `id -u; cat /proc/self/net/dev | grep -c eth0; getent ahostsv4 web | head -n 1; pwd; echo "$MQOE_CLIENT_NAME"
irtt client -q -i 50ms -d 500ms "$1:$2" || exit 9
(ulimit -n; mount -t tmpfs none /mnt) 2>&1 || echo "may not mount"
echo said >&2
exit 3`;
    const more = `expect_exit = 3
server_command = ["irtt", "server", "-b", "{server}:{port}"]
[traffic.tool.metrics]
rtt = { regex = "RTT +([0-9.]+)ms", unit = "ms" }
[[expect]]
metric = "tool.rtt"
at_least = "20ms"`;
    const finished = await fitRun(["--allow-exec", scripted(t, "judged", script, more)]);
    t.is(finished.code, 0, `${finished.stdout}\n${finished.stderr}`);
    const run = join(finished.out, "judged/run-1");
    const output = readFileSync(join(run, "programs/tool.home.out"), "utf8");
    const [uid, interfaces, web, folder, client] = output.split("\n");
    t.is(uid, "65534", "root runs it as nobody");
    t.is(interfaces, "1");
    t.regex(web ?? "", /^198\.18\.\S+ +STREAM +web$/);
    t.regex(folder ?? "", /^\/run\/mqoe\/.*\/home$/);
    t.is(client, "home");
    t.regex(output, /may not mount/);
    t.is(readFileSync(join(run, "programs/tool.home.err"), "utf8"), "said\n");
    t.like(event(run, "tool.home"), { exit: 3, signal: 0, over: false });
    t.is(metric(t, finished, 0, "tool.exit_code"), 3);
    t.true(metric(t, finished, 0, "tool.rtt") >= 0.02);
    t.is(finished.results?.cases[0]?.accounting.unaccounted, 0);
  },
);

labTest("another exit code fails the case, though nobody wrote an expectation", async (t) => {
  t.timeout(300_000);
  const { code, stdout } = await guestRun(scripted(t, "wrong", "echo told >&2; exit 4"));
  t.is(code, 1, stdout);
  t.regex(stdout, /tool\.exit_code +(= )?0 +4/);
});

labTest(
  "what a program leaves behind ends with it, and what still runs with the run; frames add up even so",
  async (t) => {
    t.timeout(300_000);
    // A sender of much more than the line takes, which ignores the wish to end: its socket is full when it is killed.
    const script = `setsid sleep 54321 &
trap '' TERM
exec bash -c 'exec 3<>/dev/tcp/$0/$1; cat /dev/zero >&3' "$1" "$2"`;
    const sink = `$s = IO::Socket::INET->new(LocalPort => shift, Listen => 1) or die; $c = $s->accept; 1 while sysread $c, $b, 65536`;
    const more = `server_command = ["perl", "-MIO::Socket::INET", "-e", '${sink}', "{port}"]\nexpect_exit = "any"`;
    const finished = await fitRun(["--allow-exec", scripted(t, "stubborn", script, more)]);
    t.is(finished.code, 0, `${finished.stdout}\n${finished.stderr}`);
    t.false(runs("54321"));
    const run = join(finished.out, "stubborn/run-1");
    t.is(finished.results?.cases[0]?.accounting.unaccounted, 0);
    t.like(event(run, "tool.web.server"), { over: true });
  },
);

labTest("a timeout ends the program; its exit code is timeout's", async (t) => {
  t.timeout(300_000);
  const file = scripted(t, "late", "exec sleep 54322", 'timeout = "1s"\nexpect_exit = 124');
  const finished = await guestRun(file);
  t.is(finished.code, 0, finished.stdout);
  const { wall, over } = event(join(finished.out, "late/run-1"), "tool.home") as { wall: number; over: boolean };
  t.true(over && wall > 0.9 && wall < 2.5, `${wall}`);
});

labTest("a program that cannot run, or a server that ends, ends the run with the reason: never a pass", async (t) => {
  t.timeout(300_000);
  const absent = scenario(
    t,
    "absent",
    `${home()}\n[traffic.tool]\nkind = "exec"\nfrom = "home"\nto = "web"\ncommand = ["no-such-tool"]\n`,
  );
  const missing = await mqoe(["run", "--allow-exec", absent]);
  t.is(missing.code, 3);
  t.regex(missing.stdout.replace(/\s+/g, " "), /program tool.home: no-such-tool: not in .*install it/);
  const server = 'server_command = ["sh", "-c", "sleep 2; echo no more >&2; exit 7"]';
  const ended = await mqoe(["run", "--allow-exec", scripted(t, "served", "sleep 1", server)]);
  t.is(ended.code, 3);
  t.regex(
    ended.stdout.replace(/\s+/g, " "),
    /tool.web.server ended with exit code 7 before the run did; it said: no more/,
  );
  t.deepEqual(namespaces(), []);
});

labTest("after a kill -9 of mqoe nothing of a program runs", async (t) => {
  t.timeout(60_000);
  const file = scripted(t, "killed", "echo up; setsid sleep 54323 & exec sleep 54323", "", "30s");
  const { child, out, finished } = startMqoe(["run", "--allow-exec", file]);
  const output = join(out, "killed/run-1/programs/tool.home.out");
  for (let i = 0; i < 400 && !(existsSync(output) && readFileSync(output, "utf8") === "up\n"); i++) await sleep(50);
  t.true(runs("54323"));
  child.kill("SIGKILL");
  await finished;
  for (let i = 0; i < 100 && runs("54323"); i++) await sleep(50);
  t.false(runs("54323"));
  await mqoe(["clean"]);
  t.deepEqual(namespaces(), []);
});
