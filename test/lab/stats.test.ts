import { existsSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { BULK, home, labTest, mqoe, scenario, startMqoe } from "./helpers/mqoe.js";

interface Queue {
  client: string;
  direction: string;
  time: number;
  discipline: string;
  tins: { drops: number; out_packets: number; out_bytes: number; marks: number; ack_drops: number }[];
}

async function queuesOf(...words: string[]): Promise<Queue[]> {
  const { code, stdout, stderr } = await mqoe(["stats", ...words, "--json"]);
  if (code !== 0) throw new Error(stderr);
  return (JSON.parse(stdout) as { queues: Queue[] }).queues;
}

/** Waits until the journal says that traffic has passed. */
async function going(lab: string): Promise<void> {
  const journal = `/run/mqoe/${lab}/journal.jsonl`;
  for (let tries = 0; tries < 100; tries++) {
    if (existsSync(journal) && readFileSync(journal, "utf8").includes('"run"')) break;
    await sleep(100);
  }
  await sleep(3500);
}

labTest("mqoe stats: a lab while it runs, by its name, and its run afterwards agree with the report", async (t) => {
  t.timeout(60_000);
  const toml = home({ count: 2, duration: "10s" }) + BULK;
  const run = startMqoe(["run", scenario(t, "stats", toml), "--lab", "mqstats"]);
  await going("mqstats");
  const watched = startMqoe(["stats", "mqstats", "--watch", "0.5"]);
  const during = await queuesOf("mqsta");
  t.is(during.length, 4, "two clients, both directions");
  const text = await mqoe(["stats", "mqstats", "home-1"]);
  t.regex(text.stdout, /^qdisc fq_codel client home-1 down bandwidth 20Mbit limit 10240p /mu, text.stderr);
  t.regex(text.stdout, /^ {2}maxpacket 1514 drop_overlimit 0 new_flow_count \d+ ecn_mark 0$/mu);
  const finished = await run.finished;

  const { code, stdout, stderr } = await watched.finished;
  t.is(code, 0, stderr);
  const moments = [...stdout.matchAll(/, (\d+\.\d) s from its start/gu)].map((match) => Number(match[1]));
  t.true(new Set(moments).size >= 3, `it showed ${moments.join(", ")}`);
  t.true((moments.at(-1) ?? 0) >= 10, "watching ends with the run, and with its last counters");

  const after = await queuesOf(finished.out);
  const of = (queues: Queue[], client: string, direction: string) => {
    const queue = queues.find((one) => one.client === client && one.direction === direction);
    if (queue?.tins[0] === undefined) throw new Error(`no tin of ${client} ${direction}`);
    return { ...queue.tins[0], time: queue.time };
  };
  for (const client of ["home-1", "home-2"]) {
    const [then, now] = [of(during, client, "down"), of(after, client, "down")];
    t.true(then.time > 1 && then.time < now.time, `${then.time} s, ${now.time} s`);
    t.true(then.out_packets > 100 && then.out_packets < now.out_packets);
    // The report has its drops from dp_client, both directions.
    const reported = finished.results?.cases[0]?.by[`client/${client}`]?.["dataplane.drops_run"]?.value;
    t.is(now.drops + of(after, client, "up").drops, reported ?? -1);
  }
  const gone = await mqoe(["stats", "mqstats"]);
  t.is(gone.code, 2);
  t.regex(gone.stderr, /mqstats: no such folder, and no lab/u);
});

/** Expedited packets beside a bulk download, in tins of their own: shown in tc's order, bulk first. */
labTest("mqoe stats: cake's tins stand as tc has them, and expectations may be about them", async (t) => {
  t.timeout(60_000);
  const sqm = 'discipline = "cake", tins = "diffserv4"';
  const voice = `[traffic.voice]
kind = "probe"
from = "home"
to = "web"
interval = "20ms"
dscp = "EF"
[[expect]]
metric = "dataplane.tin.besteffort.share_down"
above = 0.9
[[expect]]
metric = "dataplane.tin.voice.drops"
equals = 0
`;
  const finished = await mqoe(["run", scenario(t, "stats-cake", home({ sqm, duration: "6s" }) + BULK + voice)]);
  const expectations = finished.results?.cases[0]?.expectations.map(({ value }) => value) ?? [];
  t.true((expectations[0] ?? 0) > 0.9, `best effort has ${expectations[0]} of what went down`);
  t.is(expectations[1], 0);
  const text = await mqoe(["stats", finished.out, "home"]);
  const row = (label: string) => new RegExp(`^  ${label} .*$`, "mu").exec(text.stdout)?.[0].trim().split(/ +/u) ?? [];
  t.regex(text.stdout, /^ +Bulk +Best Effort +Video +Voice$/mu, text.stderr);
  t.deepEqual(row("thresh"), ["thresh", "-", "20Mbit", "-", "5Mbit"]);
  t.deepEqual(row("quantum"), ["quantum", "-", "610", "-", "300"]);
  const [down] = await queuesOf(finished.out);
  const packets = (index: number) => down?.tins[index]?.out_packets ?? 0;
  t.true(packets(0) > 10 * packets(1) && packets(1) > 100, row("pkts").join(" "));
});

labTest("mqoe stats: Linux's qdiscs are told in the same words", async (t) => {
  t.timeout(60_000);
  const toml = home({ sqm: 'discipline = "pfifo", limit = 20', duration: "4s" }) + BULK;
  const finished = await mqoe(["run", scenario(t, "stats-kernel", toml), "--dataplane", "kernel"]);
  const [down] = await queuesOf(finished.out);
  t.is(down?.discipline, "pfifo");
  t.true((down?.tins[0]?.out_bytes ?? 0) > 1e6);
  t.true((down?.tins[0]?.drops ?? 0) > 0, "a FIFO of 20 packets overflows");
  const text = await mqoe(["stats", finished.out]);
  t.regex(text.stdout, /^qdisc pfifo client home down bandwidth 20Mbit limit 20p /mu);
  t.regex(text.stdout, new RegExp(`drop_overlimit ${down?.tins[0]?.drops}$`, "mu"));
});
