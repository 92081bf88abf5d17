import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { BULK, home, journals, labTest, mqoe, namespaces, scenario, startMqoe } from "./helpers/mqoe.js";

/** Others may have labs on this machine, too. */
const LAB = "mqclitest";
const ownJournals = () => journals().filter((name) => name === LAB);

/** With something to judge: nothing to warn of. */
const JUDGED = '[[expect]]\nmetric = "dataplane.unaccounted"\nequals = 0\n';

labTest("the reader of the output leaves: the run unwinds, nothing is left, no stack trace", async (t) => {
  t.timeout(60_000);
  const running = startMqoe(["run", "--lab", LAB, scenario(t, "pipe", home({ duration: "20s" }) + BULK + JUDGED)]);
  const { stdout } = running.child;
  if (stdout) await once(stdout, "data");
  stdout?.destroy();
  const finished = await running.finished;
  t.is(finished.code, 130);
  t.is(finished.stderr, "");
  t.deepEqual([namespaces(LAB), ownJournals()], [[], []]);
  const events = readFileSync(join(finished.out, "pipe/run-1/events.jsonl"), "utf8");
  t.regex(events, /"done".*interrupted by SIGPIPE/);
});

labTest("Ctrl-C while the lab is built: exit 130, the signal is named, nothing is left", async (t) => {
  t.timeout(60_000);
  const running = startMqoe(["run", "--lab", LAB, scenario(t, "early", home({ count: 150 }))]);
  for (let n = 0; n < 2000 && ownJournals().length === 0; n++) await sleep(5);
  running.child.kill("SIGINT");
  const finished = await running.finished;
  t.is(finished.code, 130, finished.stdout + finished.stderr);
  t.regex(finished.stdout, /interrupted by SIGINT/);
  t.notRegex(finished.stdout + finished.stderr, /undefined|Error/);
  t.deepEqual([namespaces(LAB), ownJournals()], [[], []]);
});

labTest("report says again what run said, exit code included; a run's records are no scenarios", async (t) => {
  t.timeout(60_000);
  const failing = `${home({ duration: "3s" })}[[expect]]\nmetric = "ping.rtt.p50"\nbelow = "1ms"\n`;
  const finished = await mqoe(["run", scenario(t, "once", failing)]);
  t.not(finished.code, 0, "20 ms of path are more than 1 ms");
  t.true(existsSync(join(finished.out, "once/scenario.toml")), finished.stdout + finished.stderr);
  const again = await mqoe(["report", finished.out]);
  t.is(again.code, finished.code);
  const folder = dirname(finished.out);
  writeFileSync(join(folder, "next.toml"), home());
  t.like(await mqoe(["check", folder]), { code: 0, stdout: "ok: 1 case in 1 file\n" });
});

labTest("an error nobody awaits, in the middle of a run: the lab is removed, then one line, exit 3", async (t) => {
  t.timeout(60_000);
  // Not from the command's own code: a timer that throws is the same to the process.
  const bomb = `const run = process.argv.includes("run"); if (run) setTimeout(() => { throw new Error("boom"); }, 6000);`;
  const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(bomb)}` };
  const finished = await mqoe(["run", "--lab", LAB, scenario(t, "boom", home({ duration: "20s" }) + JUDGED)], { env });
  t.deepEqual([finished.code, finished.stderr], [3, "mqoe: boom\n"], finished.stdout);
  t.deepEqual([namespaces(LAB), ownJournals()], [[], []]);
  t.regex(readFileSync(join(finished.out, "boom/run-1/events.jsonl"), "utf8"), /"event":"teardown"/);
});
