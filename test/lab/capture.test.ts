import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { ExecutionContext } from "ava";
import type { DataplaneAccounting } from "../../harness/ffi/native-process.js";
import { type Run, readRun } from "../../harness/recording/index.js";
import {
  BULK,
  type Finished,
  home,
  labTest,
  mqoe,
  namespaces,
  type Running,
  scenario,
  startMqoe,
} from "./helpers/mqoe.js";
import { type Packet, tshark } from "./helpers/tshark.js";

const CAPTURES = `[capture.line]
from = "home-1"
keep = "always"
[capture.all]
at = "dataplane"
keep = "always"
[capture.one]
at = "dataplane"
from = "home-2"
side = "access"
phases = ["loaded"]
snaplen = "64B"
keep = "always"
[capture.ring]
at = "dataplane"
limit = "64KiB"
keep = "always"
`;

/** The captures of a lab with one client only. */
const ONE_CLIENT = CAPTURES.replace("home-1", "home").replace("home-2", "home");

const CLIENT = "100.64.0.1";
const SERVER = "198.18.0.1";

async function captured(t: ExecutionContext, text: string, args: string[] = []): Promise<{ run: Run; done: Finished }> {
  const lab = "mqcap";
  const done = await mqoe(["run", scenario(t, "cap", text), "--lab", lab, ...args]);
  t.deepEqual(namespaces(lab), []);
  return { run: readRun(join(done.out, "cap/run-1")), done };
}

const open = (run: Run, name: string) => tshark(join(run.dir, "captures", `${name}.pcapng`));

function dataplaneOf(run: Run): DataplaneAccounting {
  return run.events.find(({ event }) => event === "accounting")?.dataplane as DataplaneAccounting;
}

interface Probe {
  received: number;
}

/** Probes of the first client as they were recorded, in order. */
function probesOf(run: Run): Probe[] {
  const { rows, columns } = run.tables.probe;
  const { probe, client_received } = columns;
  return Array.from({ length: rows }, (_, row) => row)
    .filter((row) => Number(probe?.[row]) === 0)
    .map((row) => ({ received: Number(client_received?.[row]) }));
}

/** What a client's interface saw is what the traffic process recorded, to the nanosecond. */
function assertClient(t: ExecutionContext, run: Run): void {
  const packets = open(run, "line");
  t.true(packets.every(({ interface: name, captured: bytes }) => name === "home-1" && bytes <= 128));
  const isItsOwn = ({ way, source, destination }: Packet) =>
    way === "out" ? source === CLIENT && destination === SERVER : source === SERVER && destination === CLIENT;
  t.deepEqual(
    packets.filter((packet) => !isItsOwn(packet)),
    [],
  );
  const [out, back] = (["out", "in"] as const).map((way) =>
    packets.filter((packet) => packet.way === way && packet.sourcePort !== null),
  ) as [Packet[], Packet[]];
  const probes = probesOf(run);
  const answered = probes.filter(({ received }) => received > 0);
  // Those in flight at the end are neither delivered nor lost.
  const inFlight = out.length - probes.length;
  t.true(inFlight >= 0 && inFlight <= 10, `${out.length} sent, ${probes.length} recorded`);
  t.true(back.length >= answered.length && back.length <= answered.length + 10);
  const times = back.map(({ time }) => Number(time - (back[0]?.time ?? 0n)));
  const recorded = answered.map(({ received }) => received - (answered[0]?.received ?? 0)).sort((a, b) => a - b);
  t.deepEqual(times.slice(0, recorded.length), recorded);
}

/** In, out and dropped are the dataplane's own counts; every frame that leaves or is dropped came in before. */
function assertDataplane(t: ExecutionContext, run: Run, packets: readonly Packet[]): void {
  const accounting = dataplaneOf(run);
  const count = (is: (packet: Packet) => boolean) => packets.filter(is).length;
  t.is(
    count(({ way }) => way === "in"),
    accounting.in,
  );
  t.is(
    count(({ way }) => way === "out"),
    accounting.out,
  );
  t.is(
    count(({ comment }) => comment === "dropped: aqm"),
    accounting.dropped.aqm,
  );
  t.is(
    count(({ comment }) => comment === "dropped: overflow"),
    accounting.dropped.overflow,
  );
  t.true(accounting.dropped.overflow > 0, "the queue was meant to overflow");
  t.is(
    count(({ interface: name }) => name === "dropped"),
    accounting.dropped.aqm + accounting.dropped.overflow,
  );
  const arrivals = new Map(packets.filter(({ way }) => way === "in").map((packet) => [packet.id, packet]));
  t.is(arrivals.size, accounting.in);
  const isOfAnArrival = ({ id, length, source, way, time }: Packet) => {
    const arrival = arrivals.get(id);
    // Half of the path's 20 ms lies before the queue or behind it.
    const early = way === "out" && time - (arrival?.time ?? 0n) < 10_000_000n;
    return arrival?.length === length && arrival.source === source && !early;
  };
  t.deepEqual(
    packets.filter((packet) => packet.way !== "in" && !isOfAnArrival(packet)),
    [],
  );
}

labTest("captures of a client and at our dataplane agree with the recording, packet by packet", async (t) => {
  t.timeout(120_000);
  const text = home({ count: 2, sqm: 'discipline = "pfifo", limit = 20' }) + BULK + CAPTURES;
  const { run, done } = await captured(t, text);
  assertClient(t, run);
  const all = open(run, "all");
  assertDataplane(t, run, all);
  const one = open(run, "one");
  t.true(one.length > 500);
  t.true(one.every((packet) => packet.interface !== "core" && packet.captured <= 64));
  t.true(one.every(({ source, destination }) => [source, destination].includes("100.64.0.2")));
  const loaded = Number((one.at(-1)?.time ?? 0n) - (one[0]?.time ?? 0n)) / 1e9;
  t.true(loaded > 3 && loaded <= 3.5, `loaded lasts 3.5 s, captured: ${loaded} s`);
  // The ring holds the last packets that the large one holds, and no more than its limit.
  const ring = open(run, "ring");
  t.deepEqual(ring, all.slice(-ring.length));
  const { size } = statSync(join(run.dir, "captures/ring.pcapng"));
  t.true(ring.length > 250 && size > 60_000 && size < 67_000, `${ring.length} packets, ${size} bytes`);
  const told = done.results?.cases[0]?.runs[0]?.captures ?? [];
  t.deepEqual(told.map(({ name }) => name).sort(), ["all", "line", "one", "ring"]);
  t.is(told.find(({ name }) => name === "ring")?.older, all.length - ring.length);
  t.true(told.every(({ file, lost }) => lost === 0 && existsSync(join(done.out, file))));
});

labTest(
  "captures at Linux's dataplane: packet sockets see both sides, one client's packets alone if asked",
  async (t) => {
    t.timeout(120_000);
    const text = home({ count: 2, sqm: 'discipline = "pfifo", limit = 100' }) + BULK + CAPTURES;
    const { run } = await captured(t, text, ["--dataplane", "kernel"]);
    assertClient(t, run);
    const all = open(run, "all");
    const { in: received, out: sent } = dataplaneOf(run);
    t.deepEqual([...new Set(all.map((packet) => packet.interface))].sort(), ["access", "core"]);
    // The kernel's counters begin with the interfaces, the capture with the run.
    const count = (way: string) => all.filter((packet) => packet.way === way).length;
    t.true(Math.abs(count("in") - received) <= 10, `${count("in")} of ${received} in`);
    t.true(Math.abs(count("out") - sent) <= 10, `${count("out")} of ${sent} out`);
    const one = open(run, "one");
    t.true(one.length > 500);
    t.true(one.every(({ source, destination }) => [source, destination].includes("100.64.0.2")));
    t.true(one.every((packet) => packet.interface === "access" && packet.captured <= 64));
  },
);

labTest("--pcap on-fail: what failed is kept and named", async (t) => {
  t.timeout(120_000);
  const fails = '[[expect]]\nmetric = "ping.rtt.p50"\nbelow = "1ms"\n';
  const { run, done } = await captured(t, home({ duration: "4s" }) + fails, ["--pcap", "on-fail"]);
  t.not(done.code, 0);
  t.regex(done.stdout, /capture {2}\S+\/cap\/run-1\/captures\/pcap\.pcapng/u);
  t.true(open(run, "pcap").length > 500);
});

/** The pid of one of a running lab's native processes, once the run is loading it. */
async function whileLoaded(running: Running, lab: string, part: string): Promise<number> {
  const events = join(running.out, "cap/run-1/events.jsonl");
  const isLoaded = () => existsSync(events) && readFileSync(events, "utf8").includes('"loaded"');
  while (!isLoaded() && running.child.exitCode === null) await sleep(20);
  const lines = readFileSync(`/run/mqoe/${lab}/journal.jsonl`, "utf8").split("\n").filter(Boolean);
  const created = lines.map((line) => JSON.parse(line) as { create?: string; name?: string; pid: number });
  return created.find(({ create, name }) => create === "process" && name === part)?.pid ?? Number.NaN;
}

labTest("a capture that dies takes its packets along, and nothing else", async (t) => {
  t.timeout(120_000);
  const lab = "mqcapdies";
  const running = startMqoe(["run", scenario(t, "cap", home() + BULK + ONE_CLIENT), "--lab", lab]);
  process.kill(await whileLoaded(running, lab, "capture"), "SIGKILL");
  await running.finished;
  const run = readRun(join(running.out, "cap/run-1"));
  const done = run.events.find(({ event }) => event === "done");
  t.is(done?.reason, "complete", String(done?.error));
  t.regex(String(run.events.find(({ event }) => event === "capture")?.error), /killed by SIGKILL/u);
  const files = run.events.filter(({ event }) => event === "captured").map(({ name }) => name);
  t.deepEqual(files.sort(), ["all", "one", "ring"]);
  t.deepEqual(namespaces(lab), []);
});

labTest("what was captured until Ctrl-C is kept", async (t) => {
  t.timeout(120_000);
  const lab = "mqcapint";
  const text = home({ duration: "60s" }) + BULK + ONE_CLIENT;
  const running = startMqoe(["run", scenario(t, "cap", text), "--lab", lab]);
  await whileLoaded(running, lab, "capture");
  await sleep(1000);
  running.child.kill("SIGINT");
  t.is((await running.finished).code, 130);
  const run = readRun(join(running.out, "cap/run-1"));
  for (const name of ["line", "all"]) t.true(open(run, name).length > 500, name);
  t.deepEqual(namespaces(lab), []);
});
