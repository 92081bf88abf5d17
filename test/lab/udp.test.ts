import type { StreamBlueprint } from "../../harness/blueprint/types.js";
import { fitRun, home, labTest, metric, scenario } from "./helpers/mqoe.js";
import { Pair, type Sample, TrafficProcess } from "./helpers/traffic.js";

const MS = 1e6;

function stream(part: Partial<StreamBlueprint>): StreamBlueprint {
  return {
    id: 0,
    traffic: "flood",
    client: 0,
    server: 0,
    direction: "down",
    family: "ipv4",
    port: 9200,
    clientPort: 20_001,
    interval: MS,
    size: 1200,
    dscp: 0,
    host: 0,
    start: 0,
    stop: 1500 * MS,
    ...part,
  };
}

const sum = (records: Sample[], key: string): number => records.reduce((total, r) => total + (r[key] ?? 0), 0);

labTest("streams both ways, over both families: every slot is sent or told, and what is sent arrives", async (t) => {
  t.timeout(20_000);
  const pair = new Pair(t, "udp", null);
  const streams = [
    stream({ id: 3 }),
    stream({ id: 4, direction: "up", port: 9201, clientPort: 20_002, size: 12, dscp: 46 }),
    stream({ id: 5, direction: "up", port: 9201, clientPort: 20_003, family: "ipv6", interval: 10 * MS }),
    stream({ id: 6, family: "ipv6", clientPort: 20_004, interval: 50_000, size: 12 }),
  ];
  const process = new TrafficProcess(t, pair.blueprint({ cores: [-1, -1], streams }));
  t.is((await process.answer()).event, "ready");
  process.go();
  t.is((await process.answer()).event, "done");
  process.say({ op: "stop" });
  const stopped = await process.answer();
  t.is(stopped.event, "stopped");
  t.like(stopped.info, { strays: 0, sockets: 0, send_errors: 0 });
  for (const { id, interval, size } of streams) {
    const sent = process.records("udp_sent").filter((r) => r.stream === id);
    const arrived = process.records("udp_bin").filter((r) => r.stream === id);
    const slots = (1500 * MS) / interval;
    t.is(sum(sent, "packets") + sum(sent, "refused") + sum(sent, "skipped"), slots);
    t.is(sum(arrived, "packets") + sum(sent, "lost"), sum(sent, "packets"));
    t.is(sum(sent, "lost"), sum([arrived.at(-1) ?? {}], "overruns"), "a bare veth loses nothing by itself");
    t.is(sum(arrived, "bytes"), sum(arrived, "packets") * size);
    t.is(sum(arrived, "reordered") + sum(arrived, "duplicates") + sum(arrived, "late"), 0);
    t.deepEqual(
      arrived.map((bin) => bin.time),
      Array.from({ length: 20 }, (_, k) => (k + 1) * 100 * MS),
      "every bin to the end of the run, once",
    );
  }
});

const flood = (rate: string, size = 1000): string => `[traffic.flood]
kind = "udp"
from = "home"
to = "web"
rate = "${rate}"
size = ${size}
`;

labTest("a stream below the plan arrives whole, at the rate at which it was sent", async (t) => {
  t.timeout(120_000);
  const text = home({ down: "20mbit", up: "10mbit", sqm: 'discipline = "pfifo", limit = 1000' });
  const finished = await fitRun([scenario(t, "below", text + flood("10mbit"))]);
  const value = (name: string): number => metric(t, finished, 0, name);
  t.is(value("flood.loss"), 0);
  t.is(value("flood.reordered"), 0);
  // A generator that is late catches up within 20 ms: so much may come on the other side of the phase's edges.
  const slack = (10e6 * 0.02) / 3.5;
  t.true(Math.abs(value("flood.sent") - 10e6) <= slack, `${value("flood.sent")}`);
  t.true(Math.abs(value("flood.throughput") - value("flood.sent")) <= slack, `${value("flood.throughput")}`);
  t.is(finished.results?.cases[0]?.accounting.unaccounted, 0);
});

labTest("a stream beyond the plan: the shaper's rate arrives, what is lost is what the queue dropped", async (t) => {
  t.timeout(120_000);
  const text = home({ down: "20mbit", up: "10mbit", sqm: 'discipline = "pfifo", limit = 100' });
  const finished = await fitRun([scenario(t, "beyond", text + flood("30mbit"))]);
  const value = (name: string): number => metric(t, finished, 0, name);
  // Of a full FIFO each gets in proportion to what it offers, here at layer 2: 1042 bytes for 1028 of IP; probes take 106.
  const offered = (30e6 * 1042) / 1028;
  const shaped = (20e6 * offered) / (offered + 106 * 8 * 100);
  const expected = (shaped * 1028) / 1042;
  t.true(Math.abs(value("flood.throughput") / expected - 1) < 0.005, `${value("flood.throughput")}, not ${expected}`);
  t.true(Math.abs(value("dataplane.throughput_down") / ((20e6 * 1028) / 1042) - 1) < 0.01);
  const loss = 1 - expected / 30e6;
  t.true(Math.abs(value("flood.loss") - loss) < 0.005, `${value("flood.loss")} lost, not ${loss}`);
  // Nothing else drops, and what the queues counted is what the accounting has.
  const { accounting } = finished.results?.cases[0] ?? {};
  t.is(value("dataplane.drops_run"), accounting?.dropped.overflow ?? -1);
  t.is(accounting?.unaccounted, 0);
  t.is(accounting?.dropped.rig, 0);
});

labTest("a path's rate is exact at layer 2, and its queue drops nothing", async (t) => {
  t.timeout(120_000);
  const text = home({ down: "20mbit", up: "10mbit", sqm: 'discipline = "pfifo", limit = 1000', duration: "9s" })
    .replace('rtt = "20ms"', 'rtt = "20ms"\nrate = "5mbit"')
    .replace('cooldown = "500ms"', 'cooldown = "4s"');
  const finished = await fitRun([scenario(t, "rated", text + flood("8mbit"))]);
  const value = (name: string): number => metric(t, finished, 0, name);
  const offered = (8e6 * 1042) / 1028;
  const expected = ((5e6 * offered) / (offered + 106 * 8 * 100)) * (1028 / 1042);
  t.true(Math.abs(value("flood.throughput") / expected - 1) < 0.002, `${value("flood.throughput")}, not ${expected}`);
  t.is(value("flood.loss"), 0, "an unlimited queue loses nothing; the cooldown lets it run empty");
  t.is(value("dataplane.drops_path"), 0);
  t.is(finished.results?.cases[0]?.accounting.dropped.rig, 0);
  t.is(finished.results?.cases[0]?.accounting.unaccounted, 0);
});
