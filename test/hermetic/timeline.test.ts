import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { type Finished, mqoe, scenario } from "../lab/helpers/mqoe.js";

/** Everything that may change, changed while a guest runs: what was measured is what was asked for just then. */

const HEAD = `duration = "13s"
phases = { idle = "1s", ramp = "1s", cooldown = "1s" }

[plan.home]
down = "8mbit"
up = "4mbit"
sqm = { discipline = "fq_codel" }

[path.metro]
rtt = "10ms"

[server.web]
path = "metro"

[site.tower]
down = "10mbit"
up = "10mbit"

[client.home]
plan = "home"
site = "tower"
`;

const TRAFFIC = `
[traffic.bulk]
kind = "tcp"
from = "home"
to = "web"

[traffic.ping]
kind = "probe"
from = "home"
to = "web"
`;

const change = (at: string, phase: string, set: string) =>
  `\n[[change]]\nat = "${at}"\n${phase === "" ? "" : `phase = "${phase}"\n`}set = { ${set} }\n`;

const expect = (metric: string, op: "at_least" | "at_most", bound: string) =>
  `\n[[expect]]\nmetric = "${metric}"\n${op} = "${bound}"\n`;

const CLEAN = '\n[[expect]]\nmetric = "dataplane.unaccounted"\nequals = 0\n';

async function passes(t: ExecutionContext, name: string, toml: string): Promise<Finished> {
  const done = await mqoe(["run", scenario(t, name, toml + CLEAN), "--world", "hermetic"]);
  t.is(done.code, 0, done.stdout + done.stderr);
  t.is(done.results?.verdict, "pass");
  return done;
}

function eventsOf({ out }: Finished, name: string): Record<string, unknown>[] {
  const file = join(out, name, "run-1", "events.jsonl");
  if (!existsSync(file)) return [];
  const all = readFileSync(file, "utf8").trim().split("\n");
  return all.map((line) => JSON.parse(line) as Record<string, unknown>);
}

test("a home alone, with a neighbour, and while its tower has half: each has its share of the phase", async (t) => {
  const done = await passes(
    t,
    "shares",
    HEAD +
      "count = 2\n" +
      TRAFFIC +
      change("1s", "", "client.home-2.online = false") +
      change("loaded+3s", "both", "client.home-2.online = true") +
      change("both+3s", "half", 'site.tower.down = "5mbit"') +
      expect("bulk.goodput", "at_least", "88% of share") +
      expect("bulk.both.goodput", "at_least", "85% of share") +
      expect("bulk.half.goodput", "at_least", "85% of share") +
      expect("bulk.half.goodput", "at_most", "110% of share"),
  );
  const told = eventsOf(done, "shares").filter(({ event }) => event === "change");
  t.deepEqual(
    told.map(({ at, set }) => [at, set]),
    [
      [1, "client.home-2.online = false"],
      [5, "client.home-2.online = true"],
      [8, "site.tower.down = 5mbit"],
    ],
  );
  t.true(done.stdout.includes("at 8 s: site.tower.down = 5mbit"), done.stdout);
  const { by = {} } = done.results?.cases[0] ?? {};
  t.is(by["client/home-2"]?.["bulk.goodput"], undefined, "who is not there has no metric of it");
  t.truthy(by["client/home-2"]?.["bulk.both.goodput"]?.value);
});

test("load that is enabled late, another number of flows, a path that is down: what is sent is what was asked for", async (t) => {
  const done = await passes(
    t,
    "load",
    HEAD +
      TRAFFIC.replace('to = "web"\n', 'to = "web"\nenabled = false\n') +
      change("loaded+2s", "on", "traffic.bulk.enabled = true") +
      change("on+3s", "more", "traffic.bulk.flows = 3") +
      change("more+2s", "", 'path.metro.link = "down"') +
      change("more+2.3s", "", 'path.metro.link = "up"') +
      expect("bulk.on.goodput", "at_least", "85% of share") +
      expect("ping.on.loss", "at_most", "0%") +
      expect("ping.more.loss", "at_least", "4%"),
  );
  const { metrics = {}, by = {} } = done.results?.cases[0] ?? {};
  t.is(metrics["bulk.goodput"], undefined, "there was none in loaded");
  const flows = (phase: string) => Object.values(by).filter((group) => `bulk.${phase}.goodput` in group).length - 2;
  // The client, the site and each flow; four of them are there in `more`, one since `on`.
  t.deepEqual([flows("on"), flows("more")], [1, 3]);
});

test("who is active changes with every draw, and what it adds up to does not", async (t) => {
  const done = await passes(
    t,
    "draws",
    HEAD.replace('down = "10mbit"', 'down = "30mbit"') +
      "count = 6\n" +
      TRAFFIC.replace('to = "web"\n', 'to = "web"\nactive = 2\nreshuffle = "3s"\n') +
      '\n[[expect]]\nmetric = "bulk.goodput"\nper = "total"\nat_least = "12mbit"\n' +
      expect("ping.loss", "at_most", "0%"),
  );
  const { by = {} } = done.results?.cases[0] ?? {};
  const active = Object.keys(by).filter((key) => key.startsWith("client/") && "bulk.goodput" in (by[key] ?? {}));
  t.true(active.length > 2 && active.length <= 6, active.join());
});

test("a line that falls to a tenth: fq_codel is back at once, a FIFO is not back when the phase ends", async (t) => {
  const step = (discipline: string, bound: string) =>
    HEAD.replace('down = "8mbit"', 'down = "40mbit"')
      .replace(/\[site\.tower\][^[]*/u, "")
      .replace('site = "tower"\n', "")
      .replace("fq_codel", discipline) +
    TRAFFIC.replace('to = "web"\n', 'to = "web"\nflows = 4\n').replace(/$/u, 'recovered_below = "20ms"\n') +
    change("loaded+4s", "dropped", 'plan.home.down = "4mbit"') +
    bound;
  const fair = await passes(t, "fair", step("fq_codel", expect("ping.dropped.recovery_time", "at_most", "2s")));
  const fifo = await passes(t, "fifo", step("pfifo", expect("ping.dropped.recovery_time", "at_least", "3s")));
  const recovery = (done: Finished) => done.results?.cases[0]?.metrics["ping.dropped.recovery_time"]?.value;
  t.true((recovery(fair) ?? Number.NaN) < 2);
  t.is(recovery(fifo), 6, "loaded+4s to the cooldown: never");
});
