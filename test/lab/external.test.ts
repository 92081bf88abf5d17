import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { ExecutionContext } from "ava";
import { type Finished, fitRun, home, labTest, metric, mqoe, namespaces, ROOT, scenario } from "./helpers/mqoe.js";

/** A line whose dataplane is `command`, which says when it is ready. */
function external(command: string, options: Parameters<typeof home>[0] = {}): string {
  return `${home(options)}[dataplane]
kind = "external"
ready = "line"
command = ["${command}"]
`;
}

const PING6 = `[traffic.ping6]
kind = "probe"
from = "home"
to = "web"
family = "ipv6"
interval = "10ms"
`;

/** A scenario whose dataplane is a shell script beside it. */
function scripted(t: ExecutionContext, name: string, script: string): string {
  const file = scenario(t, name, external(`./${name}.sh`));
  const program = join(dirname(file), `${name}.sh`);
  writeFileSync(program, `#!/bin/sh\n${script}\n`);
  chmodSync(program, 0o755);
  return file;
}

function accounting({ results }: Finished): { aqm: number; unaccounted: number | null } {
  const { dropped, unaccounted } = results?.cases[0]?.accounting ?? { dropped: { aqm: -1 }, unaccounted: -1 };
  return { aqm: dropped.aqm, unaccounted };
}

/** Does a process with that word in its command line run? */
function runs(word: string): boolean {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .some((pid) => {
      const file = `/proc/${pid}/cmdline`;
      try {
        return existsSync(file) && readFileSync(file, "utf8").includes(word);
      } catch {
        return false; // It ended while we looked.
      }
    });
}

labTest("the example: a shell script shapes, and what its queue drops is counted to the frame", async (t) => {
  t.timeout(180_000);
  const finished = await fitRun(["--allow-exec", "scenarios/external"]);
  t.is(finished.code, 0, `${finished.stdout}\n${finished.stderr}`);
  const run = join(finished.out, "forward/run-1");
  const events = readFileSync(join(run, "events.jsonl"), "utf8").split("\n");
  const counters = JSON.parse(events.find((line) => line.includes('"end"')) ?? "{}");
  const drops = ["access0", "core0"].map((name) => counters.ports[`dataplane/${name}`].qdisc_drops);
  t.is(accounting(finished).aqm, drops[0] + drops[1]);
  t.true(drops[0] > 0, "four flows overflow a FIFO of 100 ms");
  t.is(accounting(finished).unaccounted, 0);
  const plan = JSON.parse(readFileSync(join(run, "dataplane.plan.json"), "utf8"));
  t.is(plan.schema, "mqoe-plan/1");
  t.is(plan.clients[0].down.rate, 20e6);
});

labTest("the example in C forwards both families and changes nothing", async (t) => {
  t.timeout(120_000);
  const file = scenario(t, "bridge", external("./forward") + PING6);
  const source = join(ROOT, "examples/external/forward.c");
  execFileSync("gcc", ["-O2", "-Wall", "-Wextra", "-Werror", "-o", join(dirname(file), "forward"), source]);
  const finished = await fitRun(["--allow-exec", file]);
  t.is(finished.code, 0, `${finished.stdout}\n${finished.stderr}`);
  for (const name of ["ping", "ping6"]) {
    t.is(metric(t, finished, 0, `${name}.loss`), 0);
    t.true(metric(t, finished, 0, `${name}.rtt.p50`) >= 0.02, "the path's 20 ms are in it");
  }
  t.deepEqual(accounting(finished), { aqm: 0, unaccounted: 0 });
});

labTest("a command that dies under way: invalid, with its last words, and nothing it started is left", async (t) => {
  t.timeout(60_000);
  const file = scripted(t, "mortal", 'sleep 4711.5 & echo ready; sleep 2; echo "out of luck" >&2; exit 9');
  const finished = await mqoe(["run", "--allow-exec", "--lab", "mqmortal", file]);
  t.is(finished.code, 3, finished.stdout);
  t.is(finished.results?.cases[0]?.verdict, "invalid");
  const text = finished.stdout.replace(/\s+/g, " ");
  t.regex(text, /mortal\.sh: it ended with exit code 9 after 2\.\d s; its last words: ready \/ out of luck/);
  t.false(runs("4711.5"));
  t.deepEqual(namespaces("mqmortal"), []);
});

labTest("a command that is stopped may take its time, but not what it started", async (t) => {
  t.timeout(60_000);
  const file = scripted(t, "slow", "setsid sleep 4712.5 & trap 'sleep 1; exit 0' TERM; echo ready; wait; wait");
  const finished = await mqoe(["run", "--allow-exec", "--lab", "mqslow", file]);
  // It forwards nothing: all probes are lost, and every frame was its to drop.
  t.is(accounting(finished).unaccounted, 0, finished.stdout);
  t.true(accounting(finished).aqm > 100);
  t.is(metric(t, finished, 0, "ping.loss"), 1);
  await sleep(100);
  t.false(runs("4712.5"));
  t.deepEqual(namespaces("mqslow"), []);
});

labTest("without --allow-exec nothing is run", async (t) => {
  const file = scripted(t, "foreign", 'touch "$(dirname "$0")/ran"; echo ready; exec sleep infinity');
  const finished = await mqoe(["run", file]);
  t.is(finished.code, 2);
  t.regex(finished.stdout + finished.stderr, /foreign\.sh.*\n?.*--allow-exec/);
  t.false(existsSync(join(dirname(file), "ran")));
});
