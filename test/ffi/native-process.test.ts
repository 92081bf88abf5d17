import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { NativeProcess, type NativeProcessError } from "../../harness/ffi/native-process.js";

/** A program that answers each command by `answers[op]`, a shell fragment; without one it says nothing. */
function program(t: ExecutionContext, answers: Record<string, string>, before = "", mode = 0o755): string {
  const folder = mkdtempSync(join(tmpdir(), "mqoe-native-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const cases = Object.entries(answers).map(([op, body]) => `*'"op":"${op}"'*) ${body} ;;`);
  const file = join(folder, "program");
  writeFileSync(
    file,
    `#!/bin/sh\n${before}\nwhile read -r line; do case "$line" in\n${cases.join("\n")}\nesac; done\n`,
  );
  chmodSync(file, mode);
  return file;
}

function start(t: ExecutionContext, file: string): { child: NativeProcess; refusals: string[] } {
  const refusals: string[] = [];
  const tell = (error: NativeProcessError) => refusals.push(error.message);
  const child = new NativeProcess("dataplane", "blueprint.json", tell, file);
  t.teardown(() => child.stop(100));
  return { child, refusals };
}

const refusal = (fields: string) =>
  `echo '{"event":"error","fatal":false,${fields},"message":"no","code":"EINVAL","errno":22}'`;
const STOP = `echo '{"event":"stopped"}'; exit 0`;

test("a refusal ends the wait of the command that it names, by id or by name, and no other", async (t) => {
  const file = program(t, {
    change: refusal('"id":7,"syscall":"change","object":"set"'),
    go: refusal('"syscall":"control","object":"go.t0"'),
    stop: STOP,
  });
  const { child, refusals } = start(t, file);
  const other = child.wait("ready", 300);
  await t.throwsAsync(child.ask({ op: "change", id: 7 }, "changed"), { message: "dataplane: change set: no (EINVAL)" });
  await t.throwsAsync(child.ask({ op: "go" }, "done"), { message: /control go\.t0/ });
  await t.throwsAsync(other, { message: /no "ready" within/ });
  t.deepEqual(refusals, []);
});

test("a refusal that nobody waits for is told", async (t) => {
  const { child, refusals } = start(t, program(t, { go: refusal('"syscall":"go","object":"t0"'), stop: STOP }));
  child.send({ op: "go" });
  await child.stop();
  t.deepEqual(refusals, ["dataplane: go t0: no (EINVAL)"]);
});

test("a program that cannot be started: the reason, never `exit code undefined`", async (t) => {
  const { child } = start(t, program(t, {}, "", 0o644));
  await t.throwsAsync(child.wait("ready", 5000), { message: /could not be started: .*EACCES/ });
  const error = await child.exited;
  t.notRegex(error?.message ?? "", /undefined|\n/);
});

test("what it says to people is kept, also when it ends in order", async (t) => {
  const { child } = start(t, program(t, { stop: STOP }, "echo 'a warning' >&2"));
  await child.stop();
  t.is(await child.exited, null);
  t.deepEqual(child.said, ["a warning"]);
});

test("a process that dies or hangs when told to stop gives no accounting and is no orderly end", async (t) => {
  const dying = start(t, program(t, { stop: "kill -SEGV $$" })).child;
  t.is(await dying.stop(), null);
  t.regex((await dying.exited)?.message ?? "", /killed by SIGSEGV/);
  const hanging = start(t, program(t, { stop: "sleep 5" })).child;
  t.is(await hanging.stop(100), null);
  t.regex((await hanging.exited)?.message ?? "", /killed by SIGKILL/);
});
