import { execFileSync } from "node:child_process";
import type { ExecutionContext } from "ava";
import { type Finished, labTest, metric, mqoe } from "./helpers/mqoe.js";

/**
 * Foreign clients beside our own, in one run of one line. On virtual time: neither the machine nor its neighbours are
 * in the numbers, only what the programs measure.
 */

function lacks(...programs: string[]): string | undefined {
  return programs.find((program) => {
    try {
      execFileSync("which", [program], { stdio: "ignore" });
      return false;
    } catch {
      return true;
    }
  });
}

/** The run of an example, or null when a program that it needs is not installed. */
async function example(t: ExecutionContext, name: string, ...programs: string[]): Promise<Finished | null> {
  t.timeout(400_000);
  const lacking = lacks(...programs);
  if (lacking !== undefined) {
    t.pass();
    t.log(`skipped: ${lacking} is not installed`);
    return null;
  }
  const finished = await mqoe(["run", "--world", "hermetic", "--allow-exec", `scenarios/exec/${name}.toml`]);
  t.is(finished.code, 0, `${finished.stdout}\n${finished.stderr}`);
  return finished;
}

/** Ours and theirs, printed as one table, and as far apart as is stated at most. */
function sideBySide(
  t: ExecutionContext,
  noise: number,
  unit: string,
  rows: [what: string, ours: number, theirs: number][],
) {
  const lines = rows.map(([what, ours, theirs]) => {
    return `${what.padEnd(28)} ${ours.toFixed(3).padStart(9)} ${theirs.toFixed(3).padStart(9)} ${unit}`;
  });
  t.log([`${" ".repeat(34)}ours    theirs   (noise: ${noise} ${unit})`, ...lines].join("\n"));
  for (const [what, ours, theirs] of rows)
    t.true(Math.abs(ours - theirs) <= noise, `${what}: ours ${ours} ${unit}, theirs ${theirs} ${unit}`);
}

/** One packet of 1,514 bytes in front of another on the way at 20 Mbit/s, ms: which probe meets it is chance. */
const FRAME_MS = 0.62;

labTest("irtt drives a client: its round trips beside our probe's, under load", async (t) => {
  const finished = await example(t, "irtt", "irtt");
  if (finished === null) return;
  const ms = (name: string) => metric(t, finished, 0, name) * 1e3;
  const statistics = ["rtt.min", "rtt.p50", "rtt.p90", "rtt.p99", "owd_down.p50"];
  sideBySide(
    t,
    FRAME_MS,
    "ms",
    statistics.map((name) => [`${name} (irtt)`, ms(`ping.${name}`), ms(`irtt.${name}`)]),
  );
});

labTest("flent drives a client: its ping test by ICMP and UDP beside our probe's, under load", async (t) => {
  const finished = await example(t, "flent", "flent", "irtt", "ping");
  if (finished === null) return;
  const ms = (name: string) => metric(t, finished, 0, name) * 1e3;
  const median = ms("ping.rtt.p50");
  sideBySide(t, FRAME_MS, "ms", [
    ["rtt.p50 (flent, ICMP)", median, ms("flent.icmp.p50")],
    ["rtt.p50 (flent, UDP)", median, ms("flent.udp.p50")],
    ["rtt.min (flent, UDP)", ms("ping.rtt.min"), ms("flent.udp.min")],
  ]);
});

labTest("iperf3 drives a client: its goodput beside what the dataplane let through", async (t) => {
  const finished = await example(t, "iperf3", "iperf3");
  if (finished === null) return;
  // Of an IP packet of 1,500 bytes, 1,448 are goodput (20 IP, 20 TCP, 12 timestamps); the dataplane counts packets.
  const ours = (metric(t, finished, 0, "dataplane.throughput_down") * 1448) / 1500 / 1e6;
  const theirs = metric(t, finished, 0, "speed.goodput") / 1e6;
  // Its clock starts when its connections stand, some five round trips after our phase: 100 ms of 8 s, 1.25 %.
  sideBySide(t, 0.24, "Mbit/s", [["goodput (iperf3)", ours, theirs]]);
  t.is(metric(t, finished, 0, "speed.retransmits") > 0, metric(t, finished, 0, "dataplane.drops_run") > 0);
});
