import { execFileSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { seededRng } from "../../harness/stats/index.js";
import { BULK, home, journals, labTest, mqoe, namespaces, scenario, startMqoe } from "./helpers/mqoe.js";

const ip = (...args: string[]) => execFileSync("ip", args, { encoding: "utf8" });

labTest("kill -9 at ten random moments, then clean: nothing of ours is left, nothing foreign is touched", async (t) => {
  t.timeout(180_000);
  ip("netns", "add", "foreign-home");
  ip("link", "add", "foreign0", "type", "veth", "peer", "name", "foreign1");
  t.teardown(() => {
    ip("netns", "del", "foreign-home");
    ip("link", "del", "foreign0");
  });
  const random = seededRng(20261121);
  const file = scenario(t, "killed", home({ count: 5 }) + BULK);
  for (let round = 0; round < 10; round++) {
    const run = startMqoe(["run", file]);
    const moment = random.integer(150, 3650);
    await sleep(moment);
    run.child.kill("SIGKILL");
    await run.finished;
    const left = namespaces().length;
    const cleaned = await mqoe(["clean"]);
    t.is(cleaned.code, 0, cleaned.stderr);
    t.log(`killed after ${Math.round(moment)} ms: ${left} namespaces left, ${cleaned.stdout.trim()}`);
    t.deepEqual(namespaces(), []);
    t.deepEqual(journals(), []);
    t.deepEqual(strayProcesses(), []);
  }
  t.true(ip("netns", "list").includes("foreign-home"));
  t.true(ip("link", "show", "foreign0").includes("foreign0"));
});

/** Native processes that outlived their harness; they stop by themselves when their input ends, within a second. */
function strayProcesses(): string[] {
  const alive = () =>
    execFileSync("sh", ["-c", "pgrep -x mqoe-native || true"], { encoding: "utf8" }).split("\n").filter(Boolean);
  for (let tries = 0; tries < 20 && alive().length > 0; tries++) execFileSync("sleep", ["0.1"]);
  return alive();
}

labTest("clean leaves a lab alone whose owner runs", async (t) => {
  t.timeout(60_000);
  const run = startMqoe(["run", scenario(t, "alive", home())]);
  await sleep(2000);
  const cleaned = await mqoe(["clean"]);
  t.regex(cleaned.stdout, /kept +mq-/);
  const finished = await run.finished;
  t.is(finished.code, 0, finished.stderr);
});
