import { setTimeout as sleep } from "node:timers/promises";
import type { ExecutionContext } from "ava";
import { labTest } from "./helpers/mqoe.js";
import { flow, Pair, probe, type Sample, TrafficProcess } from "./helpers/traffic.js";

const MS = 1e6;
const FLOW = { connecting: 1, established: 2, closed: 3, failed: 4 };
const REFUSED = 4;

/** Runs to its `done`, then stops it. */
async function complete(t: ExecutionContext, process: TrafficProcess): Promise<void> {
  t.is((await process.answer()).event, "ready");
  process.go();
  t.is((await process.answer()).event, "done");
  process.say({ op: "stop" });
  t.is((await process.answer()).event, "stopped");
  t.is(await process.exit, 0);
}

const of = (records: Sample[], key: string, id: number): Sample[] => records.filter((r) => r[key] === id);
const sum = (records: Sample[], key: string): number => records.reduce((total, r) => total + (r[key] ?? 0), 0);

labTest("TCP down and up fill a shaped link, over both families, in bins aligned to t0", async (t) => {
  t.timeout(20_000);
  const pair = new Pair(t, "tcp", "40mbit");
  const process = new TrafficProcess(
    t,
    pair.blueprint({
      cores: [-1, -1],
      duration: 3000 * MS,
      flows: [
        flow({ id: 10, direction: "down", start: 250 * MS, stop: 3000 * MS, dscp: 46 }),
        flow({ id: 11, direction: "up", family: "ipv6", congestionControl: "reno", start: 250 * MS, stop: 3000 * MS }),
      ],
    }),
  );
  await complete(t, process);
  for (const id of [10, 11]) {
    const bins = of(process.records("tcp_bin"), "flow", id);
    const ends = Array.from({ length: 28 }, (_, k) => (300 + 100 * k) * MS);
    t.deepEqual(
      bins.map((bin) => bin.time),
      ends,
      "every bin from start to stop, once",
    );
    const rate = sum(bins.slice(18), "bytes") * 8; // of the last second; cubic takes up to one to get there
    // tbf accounts Ethernet frames: 1448 of 1514 bytes (1428 over IPv6) are payload; acknowledgements of the other flow
    // share the link.
    t.true(rate > 0.85 * 40e6 && rate < 40e6 * (1448 / 1514) * 1.01, `flow ${id}: ${rate / 1e6} Mbit/s`);
    const info = of(process.records("tcp_info"), "flow", id);
    t.true(info.length >= 26 && info.length <= 30, `${info.length} samples`);
    const last = info.at(-1) as Sample;
    t.true((last.bytes_acked ?? 0) <= (last.bytes_sent ?? 0) && (last.rtt ?? 0) > 0 && (last.cwnd ?? 0) > 1);
    t.true(Math.abs((last.bytes_acked ?? 0) - sum(bins, "bytes")) < 600_000, "what was acknowledged has been counted");
  }
  const events = process.records("flow_event");
  t.deepEqual(
    of(events, "flow", 10).map((e) => e.event),
    [FLOW.connecting, FLOW.established, FLOW.closed],
  );
  t.deepEqual(pair.sockets(), [], "both ends were reset: nothing lingers");
});

labTest("probes have all four points in order, over both families", async (t) => {
  t.timeout(20_000);
  const pair = new Pair(t, "probe", null);
  const process = new TrafficProcess(
    t,
    pair.blueprint({
      cores: [-1, -1],
      probes: [probe({ id: 5 }), probe({ id: 6, family: "ipv6", size: 200, dscp: 46, ecn: 1, interval: 20 * MS })],
    }),
  );
  await complete(t, process);
  const all = process.records("probe");
  for (const [id, count, interval] of [
    [5, 200, 10 * MS],
    [6, 100, 20 * MS],
  ] as const) {
    // Skipped packets are written at once, the others when their timeout is over.
    const packets = of(all, "probe", id).sort((a, b) => (a.seq ?? 0) - (b.seq ?? 0));
    t.deepEqual(
      packets.map((p) => p.seq),
      Array.from({ length: count }, (_, k) => k),
    );
    const due = packets.map((p) => p.time ?? 0);
    t.true(
      due.every((time, k) => k === 0 || time - (due[k - 1] ?? 0) === interval),
      "absolute deadlines",
    );
    t.true((due[0] ?? -1) >= 0 && (due[0] ?? 0) < interval, "a phase below the interval");
    const sent = packets.filter((p) => p.flags !== REFUSED);
    t.true(sent.length >= 0.9 * count, `${sent.length} of ${count} sent: the machine is too busy to tell`);
    for (const p of sent) {
      const [t1, t2, t3, t4] = [p.client_sent ?? 0, p.server_received ?? 0, p.server_sent ?? 0, p.client_received ?? 0];
      t.true(t1 < t2 && t2 <= t3 && t3 < t4, `${t1} ${t2} ${t3} ${t4}`);
      t.like(p, { up_copies: 1, down_copies: 1, flags: 0, error: 0 });
      t.true(t1 >= (p.time ?? 0), "never early");
    }
  }
  const reactors = process.records("traffic_reactor");
  t.is(new Set(reactors.map((r) => r.reactor)).size, 4, "per core one for bulk and one for probes");
  t.true(
    reactors.every((r) => Math.abs(r.clock_offset ?? MS) < MS),
    "no clock step",
  );
});

labTest("a link that goes down loses probes, and comes back", async (t) => {
  t.timeout(20_000);
  const pair = new Pair(t, "down", null);
  const process = new TrafficProcess(t, pair.blueprint({ probes: [probe({})] }));
  await process.answer();
  process.go();
  await sleep(650);
  pair.link("down");
  await sleep(500);
  pair.link("up");
  t.is((await process.answer()).event, "done");
  const packets = process.records("probe");
  t.is(packets.length, 200);
  const lost = packets.filter((p) => p.down_copies === 0 && p.flags !== REFUSED);
  t.true(lost.length >= 40 && lost.length <= 75, `${lost.length} of 200 lost in half a second of 10 ms probes`);
  for (const p of lost) {
    t.true((p.time ?? 0) > 550 * MS && (p.time ?? 0) < 1350 * MS, `lost at ${p.time}`);
    t.is(p.client_received, 0);
  }
  t.true(
    packets.slice(-40).every((p) => p.down_copies === 1),
    "it answers again",
  );
});

labTest("refused packets and connections are recorded with their errno, never fatal", async (t) => {
  t.timeout(20_000);
  const pair = new Pair(t, "refuse", null);
  const process = new TrafficProcess(
    t,
    pair.blueprint({
      flows: [flow({ id: 3, start: 500 * MS }), flow({ id: 4, start: 1200 * MS })],
      probes: [probe({})],
    }),
  );
  await process.answer();
  process.go();
  await sleep(300);
  const cut = performance.now();
  pair.inClient("route", "add", "unreachable", "10.99.0.2/32");
  await sleep(500);
  pair.inClient("route", "del", "unreachable", "10.99.0.2/32");
  // On a busy machine half a second takes longer; more than one a slot there cannot be.
  const slots = Math.ceil((performance.now() - cut) / 10) + 1;
  t.is((await process.answer()).event, "done");
  const EHOSTUNREACH = 113;
  const events = process.records("flow_event");
  t.like(of(events, "flow", 3).at(-1), { event: FLOW.failed, value: EHOSTUNREACH });
  t.like(of(events, "flow", 4).at(-1), { event: FLOW.closed, value: 0 });
  const refused = process.records("probe").filter((p) => p.flags === REFUSED && p.error === EHOSTUNREACH);
  t.true(refused.length >= 30 && refused.length <= slots, `${refused.length} refused in ${slots} slots`);
});

labTest("an unavailable congestion control is an error at ready that lists the available ones", async (t) => {
  const pair = new Pair(t, "cc", null);
  const process = new TrafficProcess(t, pair.blueprint({ flows: [flow({ congestionControl: "warp9" })] }));
  const answer = await process.answer();
  t.like(answer, { event: "error", fatal: true, code: "ENOENT" } as object);
  t.regex(answer.message ?? "", /available: .*cubic.*modprobe tcp_warp9/);
  t.is(await process.exit, 3);
});

labTest("stop in the middle ends everything at once and keeps what was measured", async (t) => {
  const pair = new Pair(t, "stop", "40mbit");
  const process = new TrafficProcess(
    t,
    pair.blueprint({
      duration: 60_000 * MS,
      flows: [flow({ stop: 60_000 * MS })],
      probes: [probe({ stop: 60_000 * MS })],
    }),
  );
  await process.answer();
  process.go();
  await sleep(1050);
  const asked = performance.now();
  process.say({ op: "stop" });
  t.is((await process.answer()).event, "stopped");
  t.is(await process.exit, 0);
  t.true(performance.now() - asked < 1000);
  t.deepEqual(pair.sockets(), []);
  t.like(process.records("flow_event").at(-1), { event: FLOW.closed });
  const bins = process.records("tcp_bin");
  t.true(bins.length >= 8 && bins.length <= 11 && sum(bins, "bytes") > 2e6);
  const packets = process.records("probe");
  t.true(packets.length > 80 && packets.every((p) => p.down_copies === 1), "in flight is not lost");
});

labTest("end of input and SIGTERM are a stop", async (t) => {
  const pair = new Pair(t, "term", null);
  for (const end of [(p: TrafficProcess) => p.child.stdin?.end(), (p: TrafficProcess) => p.child.kill("SIGTERM")]) {
    const process = new TrafficProcess(t, pair.blueprint({ flows: [flow({})] }));
    await process.answer();
    process.go();
    await sleep(200);
    end(process);
    t.is((await process.answer()).event, "stopped");
    t.is(await process.exit, 0);
  }
});
