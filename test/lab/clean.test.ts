import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import test from "ava";
import { LabError } from "../../harness/ffi/lab-engine.js";
import type { LabOp } from "../../harness/ffi/lab-ops.js";
import { Journal, LabNameTaken, readJournals, removeStaleDrafts } from "../../harness/lab/journal.js";
import { removeNamespaces } from "../../harness/lab/remove.js";
import { seededRng } from "../../harness/stats/index.js";
import type { Results } from "../../harness/verdict/types.js";
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
    const moment = random.integer(500, 4500);
    await sleep(moment);
    run.child.kill("SIGKILL");
    await run.finished;
    const left = namespaces().length;
    const cleaned = await mqoe(["clean"]);
    t.is(cleaned.code, 0, cleaned.stderr);
    t.log(`killed after ${Math.round(moment)} ms: ${left} namespaces left, ${cleaned.stdout.trim()}`);
    t.deepEqual(namespaces(), []);
    t.deepEqual(journals(), []);
    t.deepEqual(strayProcesses(run.out), []);
  }
  t.true(ip("netns", "list").includes("foreign-home"));
  t.true(ip("link", "show", "foreign0").includes("foreign0"));
});

/** Native processes of that --out folder (others may run elsewhere) that outlived their harness; they stop by themselves when their input ends, within a second. */
function strayProcesses(out: string): string[] {
  const alive = () =>
    execFileSync("sh", ["-c", `ps -C mqoe-native -o pid=,args= | grep -F ${out} || true`], { encoding: "utf8" })
      .split("\n")
      .filter(Boolean);
  for (let tries = 0; tries < 20 && alive().length > 0; tries++) execFileSync("sleep", ["0.1"]);
  return alive();
}

labTest("clean leaves a lab alone whose owner runs", async (t) => {
  t.timeout(60_000);
  const run = startMqoe(["run", scenario(t, "alive", home()), "--retries", "4"]);
  await sleep(2000);
  const cleaned = await mqoe(["clean"]);
  t.regex(cleaned.stdout, /kept +mq-/);
  const finished = await run.finished;
  t.is(finished.code, 0, finished.stdout + finished.stderr);
});

labTest("kill -9 mid-run, clean, report: the samples until then are there", async (t) => {
  t.timeout(60_000);
  const run = startMqoe(["run", scenario(t, "lost", home())]);
  await sleep(5000);
  run.child.kill("SIGKILL");
  await run.finished;
  t.is((await mqoe(["clean"])).code, 0);
  const again = await mqoe(["report", run.out]);
  t.is(again.code, 3, again.stderr);
  t.regex(again.stdout, /killed/);
  const results = JSON.parse(readFileSync(join(run.out, "results.json"), "utf8")) as Results;
  t.is(results.cases[0]?.verdict, "invalid");
  // Spooled every second; the run had its first three seconds at least.
  t.true((results.cases[0]?.metrics["ping.idle.rtt.p50"]?.count ?? 0) > 50);
});

test("one namespace that cannot be removed does not keep the others", async (t) => {
  const removed: string[] = [];
  const engine = {
    run: async (ops: LabOp[]) => {
      for (const [index, op] of ops.entries()) {
        const { path } = op as { path: string };
        if (path.startsWith("bad")) throw new LabError("umount2", path, 16, "EBUSY", "busy", index);
        removed.push(path);
      }
      return [];
    },
  };
  const good = Array.from({ length: 150 }, (_, i) => `good-${i}`);
  const failure = await removeNamespaces(engine, ["bad-1", ...good.slice(0, 70), "bad-2", ...good.slice(70), "bad-3"]);
  t.regex(failure?.message ?? "", /bad-1.*EBUSY/);
  t.deepEqual(removed, good);
  t.is(await removeNamespaces(engine, good), null);
});

test("a journal appears with its owner inside, once for each name; drafts of the dead are removed", (t) => {
  const root = mkdtempSync(join(tmpdir(), "mqoe-journal-"));
  t.teardown(() => rmSync(root, { recursive: true }));
  const journal = Journal.create("lab", root);
  t.throws(() => Journal.create("lab", root), { instanceOf: LabNameTaken });
  t.deepEqual(readdirSync(root), ["lab"]);
  t.is(readJournals(root)[0]?.owner?.pid, process.pid);
  mkdirSync(join(root, `.living.${process.pid}`));
  mkdirSync(join(root, ".dead.4194305")); // Beyond the largest pid that Linux gives.
  t.deepEqual(
    readJournals(root).map(({ lab }) => lab),
    ["lab"],
  );
  removeStaleDrafts(root);
  t.deepEqual(readdirSync(root).sort(), [`.living.${process.pid}`, "lab"]);
  journal.remove();
});
