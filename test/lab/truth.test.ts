import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { BULK, fitRun, home, labTest, metric, scenario, startMqoe } from "./helpers/mqoe.js";

/** A program inside a namespace of a running lab, as a person would do it with `ip netns exec`. */
function inside(netns: string, command: string, args: string[]): { child: ChildProcess; output: Promise<string> } {
  const child = spawn("ip", ["netns", "exec", netns, command, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  child.stdout?.on("data", (chunk) => (text += chunk));
  return { child, output: new Promise((resolve) => child.on("close", () => resolve(text))) };
}

/** A lab's traffic process is started when all of its addresses and routes are there. */
function stands(lab: string): boolean {
  const journal = `/run/mqoe/${lab}/journal.jsonl`;
  return existsSync(journal) && readFileSync(journal, "utf8").includes('"traffic"');
}

async function until(condition: () => boolean, ms: number): Promise<void> {
  const deadline = Date.now() + ms;
  while (!condition() && Date.now() < deadline) await sleep(50);
}

labTest("probe RTT agrees with irtt in the same client at the same time", async (t) => {
  t.timeout(60_000);
  const lab = "mqtruth1";
  const file = scenario(t, "truth-rtt", home({ duration: "12s" }) + BULK);
  const run = startMqoe(["run", file, "--lab", lab]);
  await until(() => stands(lab), 10_000);
  const server = inside(`${lab}-web`, "irtt", ["server", "-b", "198.18.0.1:2112"]);
  await sleep(4500); // past idle and ramp: both look at the loaded line
  const client = inside(`${lab}-home`, "irtt", [
    "client",
    "-i",
    "10ms",
    "-d",
    "5s",
    "-l",
    "172",
    "-o",
    "-",
    "-Q",
    "198.18.0.1:2112",
  ]);
  const report = JSON.parse(await client.output);
  server.child.kill("SIGTERM");
  const finished = await run.finished;
  const irtt = report.stats.rtt.median / 1e9;
  const ours = metric(t, finished, 0, "ping.rtt.p50");
  t.log(`irtt median ${(irtt * 1e3).toFixed(3)} ms, mqoe median ${(ours * 1e3).toFixed(3)} ms`);
  t.true(Math.abs(irtt - ours) <= Math.max(0.0003, 0.03 * irtt));
});

labTest("goodput agrees with iperf3 over the same line", async (t) => {
  t.timeout(90_000);
  const ours = await fitRun([scenario(t, "truth-goodput", home({ duration: "10s" }) + BULK)]);
  const goodput = metric(t, ours, 0, "bulk.goodput");

  const lab = "mqtruth2";
  const run = startMqoe(["run", scenario(t, "truth-line", home({ duration: "14s" })), "--lab", lab]);
  await until(() => stands(lab), 10_000);
  const server = inside(`${lab}-web`, "iperf3", ["-s", "-1", "-B", "198.18.0.1"]);
  await sleep(2500);
  const client = inside(`${lab}-home`, "iperf3", [
    "-c",
    "198.18.0.1",
    "-R",
    "-P",
    "4",
    "-C",
    "cubic",
    "-O",
    "3",
    "-t",
    "6",
    "-J",
  ]);
  const report = JSON.parse(await client.output);
  server.child.kill("SIGTERM");
  await run.finished;
  t.is(report.error, undefined);
  const iperf = report.end.sum_received.bits_per_second as number;
  t.log(`iperf3 ${(iperf / 1e6).toFixed(3)} Mbit/s, mqoe ${(goodput / 1e6).toFixed(3)} Mbit/s`);
  t.true(Math.abs(iperf - goodput) <= 0.02 * iperf);
});
