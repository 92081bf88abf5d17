import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fitRun, home, labTest, metric, namespaces, scenario } from "./helpers/mqoe.js";

/** A stream that no queue slows down, on a line that gets slower, behind a path that gets longer. */
const CHANGING = `${home({ duration: "11500ms", sqm: 'discipline = "pfifo", limit = 100', rtt: "20ms" })}
[traffic.flood]
kind = "udp"
from = "home"
to = "web"
rate = "30mbit"
[[change]]
at = "loaded+3s"
phase = "dropped"
set = { plan.line.down = "5mbit" }
[[change]]
at = "dropped+3s"
phase = "far"
set = { path.metro.rtt = "60ms" }
[[expect]]
metric = "flood.dropped.throughput"
at_least = "95% of share"
[[expect]]
metric = "flood.throughput"
at_least = "95% of share"
`;

for (const dataplane of ["afxdp", "kernel"]) {
  labTest(
    `a line of 20 Mbit/s becomes one of 5, and its path longer, while the run goes on: ${dataplane}`,
    async (t) => {
      t.timeout(180_000);
      const lab = `mqchange-${dataplane}`;
      const file = scenario(t, "change", CHANGING);
      const finished = await fitRun([file, "--dataplane", dataplane, "--lab", lab]);
      const rates = ["dataplane.rate_down", "dataplane.dropped.rate_down", "dataplane.far.rate_down"].map((name) =>
        metric(t, finished, 0, name),
      );
      const [near, far] = ["ping.dropped.rtt.p50", "ping.far.rtt.p50"].map((name) => metric(t, finished, 0, name));
      const longer = (far ?? 0) - (near ?? 0);
      t.true(longer > 0.035 && longer < 0.045, `${longer} s longer`);
      const [result] = finished.results?.cases ?? [];
      t.deepEqual(
        result?.expectations.map(({ verdict }) => verdict),
        ["pass", "pass"],
        "each phase is held against the plan in force during it",
      );
      t.is(result?.accounting.unaccounted, 0);
      const events = readFileSync(join(finished.out, "change/run-1/events.jsonl"), "utf8").split("\n").filter(Boolean);
      const changes = events.map((line) => JSON.parse(line)).filter(({ event }) => event === "change");
      t.deepEqual(
        changes.map(({ set, at }) => [set, at]),
        [
          ["plan.line.down = 5mbit", 5],
          ["path.metro.rtt = 60ms", 8],
        ],
      );
      // Until the first change has been applied, its phase goes on at the old rate.
      const delay = (changes[0].late_ms + changes[0].applied_ms) / 1e3;
      t.log(`applied ${(delay * 1e3).toFixed(1)} ms late`);
      for (const [index, set] of [20e6, 5e6 + (delay / 3) * 15e6, 5e6].entries()) {
        const error = (rates[index] ?? 0) / set - 1;
        t.log(`${(set / 1e6).toFixed(3)} Mbit/s: ${(error * 100).toFixed(3)} %`);
        t.true(Math.abs(error) <= 0.02, `${rates[index]} bit/s instead of ${set}`);
      }
      for (const { late_ms, applied_ms } of changes) t.true(late_ms >= 0 && late_ms < 50 && applied_ms < 100);
      t.deepEqual(namespaces(lab), []);
    },
  );
}
