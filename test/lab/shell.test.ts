import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { ExecutionContext } from "ava";
import { home, journals, labTest, mqoe, namespaces, type Running, scenario, startMqoe } from "./helpers/mqoe.js";

/** Others may have labs on this machine, too. */
const LAB = "mqshelltest";
const ownJournals = () => journals().filter((name) => name === LAB);

/** With something to judge: nothing to warn of. */
const JUDGED = '[[expect]]\nmetric = "dataplane.unaccounted"\nequals = 0\n';

/** `mqoe shell` with a temporary folder of its own, so that what it leaves there can be seen. */
function sandbox(t: ExecutionContext): { env: NodeJS.ProcessEnv; left: () => string[] } {
  const folder = mkdtempSync(join(tmpdir(), "mqoe-shell-test-"));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return { env: { TMPDIR: folder }, left: () => readdirSync(folder) };
}

function nothingLeft(t: ExecutionContext, left: string[]): void {
  t.deepEqual([namespaces(LAB), ownJournals(), left], [[], [], []]);
}

async function said(running: Running, word: string): Promise<void> {
  let text = "";
  running.child.stdout?.on("data", (chunk) => (text += chunk));
  for (let n = 0; n < 200 && !text.includes(word); n++) await sleep(50);
}

labTest("shell FILE CLIENT -- CMD: runs it inside the client and ends with its exit code", async (t) => {
  t.timeout(60_000);
  const { env, left } = sandbox(t);
  const file = scenario(t, "shell", home() + JUDGED);
  const seven = await mqoe(["shell", "--lab", LAB, file, "home", "--", "sh", "-c", 'echo "$MQOE_CLIENT"; exit 7'], {
    env,
  });
  t.is(seven.code, 7, seven.stderr);
  t.is(seven.stdout, "home\n");
  const absent = await mqoe(["shell", "--lab", LAB, file, "home", "--", "no-such-command"], { env });
  t.is(absent.code, 127, absent.stderr);
  nothingLeft(t, left());
});

labTest(
  "shell: SIGINT belongs to the command; SIGTERM ends it, also after a SIGINT, and removes the lab",
  async (t) => {
    t.timeout(60_000);
    const { env, left } = sandbox(t);
    const command = ["sh", "-c", "trap '' TERM INT; echo inside; while :; do sleep 0.2; done"];
    const running = startMqoe(
      ["shell", "--lab", LAB, scenario(t, "shell", home() + JUDGED), "home", "--", ...command],
      { env },
    );
    await said(running, "inside");
    running.child.kill("SIGINT");
    await sleep(300);
    t.is(running.child.exitCode, null);
    t.is(namespaces(LAB).length > 0, true);
    running.child.kill("SIGTERM");
    const finished = await running.finished;
    t.is(finished.code, 130);
    t.is(finished.stderr, "mqoe: interrupted by SIGTERM\n");
    nothingLeft(t, left());
  },
);

labTest("shell: a signal while the lab is built ends it with one line", async (t) => {
  t.timeout(60_000);
  const { env, left } = sandbox(t);
  const file = scenario(t, "shell", home({ count: 150 }) + JUDGED);
  const running = startMqoe(["shell", "--lab", LAB, file, "home-1", "--", "true"], { env });
  for (let n = 0; n < 2000 && ownJournals().length === 0; n++) await sleep(5);
  running.child.kill("SIGINT");
  const finished = await running.finished;
  t.deepEqual([finished.code, finished.stderr], [130, "mqoe: interrupted by SIGINT\n"]);
  nothingLeft(t, left());
});

labTest("shell: what cannot be built or is not allowed leaves no temporary folder", async (t) => {
  t.timeout(60_000);
  const { env, left } = sandbox(t);
  const file = scenario(t, "shell", home() + JUDGED);
  const readable = "scenarios/quickstart/home-fq-codel.toml";
  const nobody = await mqoe(["shell", "--lab", LAB, readable, "home", "--", "true"], { env, uid: 65534 });
  t.is(nobody.code, 3);
  t.regex(nobody.stderr, /the live world needs root.*sudo/);
  const { env: broken, left: leftThere } = sandbox(t);
  const missing = await mqoe(["shell", "--lab", LAB, file, "home"], {
    env: { ...broken, MQOE_NATIVE_DIR: "/nonexistent" },
  });
  t.is(missing.code, 3);
  t.regex(missing.stderr, /^mqoe: \/nonexistent\/libmqoe\.so does not exist/);
  t.notRegex(missing.stdout, /in lab/, "no greeting before there is a lab");
  t.false(existsSync("/nonexistent"));
  nothingLeft(t, [...left(), ...leftThere()]);
});
