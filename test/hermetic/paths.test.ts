import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { ROOT } from "../lab/helpers/mqoe.js";

/** Everything that a path can do to a packet, at the server, at two sites and at the client. */
const TREE = `title = "Paths everywhere"
duration = "6s"
phases = { idle = "1s", ramp = "0s", cooldown = "1s" }
[plan.free]
down = "1gbit"
up = "1gbit"
sqm = { discipline = "pfifo" }
[path.far]
delay = "8ms"
jitter = "2ms"
keep_order = false
duplicate = "3%"
loss = { gemodel = { p = "1%", r = "30%" } }
[path.hop]
delay = "2ms"
loss = "2%"
reorder = "5%"
[path.air]
delay = "1ms"
jitter = "500us"
distribution = "pareto"
corrupt = "1%"
[path.wire]
rate = "20mbit"
limit = 100
duplicate = { probability = "2%", correlation = "25%" }
loss = { packets = [10, 11, 12] }
[server.web]
path = "far"
[site.tower]
down = "100mbit"
up = "100mbit"
path = "hop"
[site.ap]
parent = "tower"
down = "50mbit"
up = "50mbit"
path = "air"
[client.home]
plan = "free"
site = "ap"
path = "wire"
count = 2
[traffic.ping]
kind = "probe"
from = "home"
to = "web"
interval = "5ms"
[traffic.ping6]
kind = "probe"
from = "home"
to = "web"
interval = "5ms"
family = "ipv6"
[[change]]
at = "4s"
set = { path.air.link = "down" }
[[change]]
at = "4.2s"
set = { path.air.link = "up" }
[[expect]]
metric = "dataplane.unaccounted"
equals = 0
[[expect]]
metric = "dataplane.drops_rig"
equals = 0
`;

interface Case {
  verdict: string;
  accounting: { in: number; duplicated: number; out: number; dropped: Record<string, number>; unaccounted: number };
  metrics: Record<string, { value: number }>;
}

async function run(t: ExecutionContext, kind: string, text: string): Promise<Case> {
  const folder = mkdtempSync(join(tmpdir(), "mqoe-paths-"));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "paths.toml");
  writeFileSync(file, text);
  const json = join(folder, "results.json");
  const main = join(ROOT, "dist/harness/cli/main.js");
  const where = ["--world", "hermetic", "--out", join(folder, "out"), "--json", json];
  const child = spawn(process.execPath, [main, "run", file, "--dataplane", kind, ...where], {
    cwd: ROOT,
    env: { ...process.env, CI: "1", NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (said += chunk));
  const code = await new Promise((resolve) => child.on("close", resolve));
  t.is(code, 0, said);
  return JSON.parse(readFileSync(json, "utf8")).cases[0] as Case;
}

test("paths of server, sites and client: every frame is accounted for, fused and apart alike", async (t) => {
  t.timeout(300_000);
  const fused = await run(t, "afxdp", TREE);
  const apart = await run(t, "none", TREE);
  for (const { accounting } of [fused, apart]) {
    t.is(accounting.unaccounted, 0);
    t.true(accounting.duplicated > 100 && (accounting.dropped.path ?? 0) > 100, JSON.stringify(accounting));
  }
  // The same lines with the same random numbers, whose frames come in nearly the same order.
  const value = (one: Case, name: string) => one.metrics[name]?.value ?? Number.NaN;
  for (const name of ["ping.rtt.p50", "ping.rtt.p95", "ping6.rtt.p50", "ping6.rtt.p95"]) {
    const [a, b] = [value(fused, name), value(apart, name)];
    t.true(Math.abs(a - b) < 0.0008, `${name}: ${a} fused, ${b} apart`);
  }
  for (const name of ["ping.loss", "ping6.loss"]) {
    const [a, b] = [value(fused, name), value(apart, name)];
    t.true(a > 0.05 && Math.abs(a - b) < 0.03, `${name}: ${a} fused, ${b} apart`);
  }
});
