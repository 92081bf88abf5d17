import test from "ava";
import { type Blueprint, type BlueprintOptions, makeBlueprint, maxMinShares } from "../../harness/blueprint/index.js";
import { packBins, placeThreads } from "../../harness/blueprint/placement.js";
import { framesFor } from "../../harness/blueprint/shaping.js";
import type { ShaperBlueprint } from "../../harness/blueprint/types.js";
import type { Case } from "../../harness/scenario/types.js";
import { seededRng } from "../../harness/stats/index.js";
import { GOOD, lines, load } from "../scenario/helpers.js";

const OPTIONS: BlueprintOptions = { lab: "mq-1a2b", seed: 1, cores: 2 };

function caseOf(text: string): Case {
  const loaded = load(text);
  const [first] = loaded.cases;
  if (!first) throw new Error(lines(loaded).join("\n"));
  return first;
}

const made = (text: string, options: Partial<BlueprintOptions> = {}) =>
  makeBlueprint(caseOf(text), { ...OPTIONS, ...options });

/** Everything that the snapshot below should see at least once: fixed addresses, two families, both directions, ECN. */
const RICH = `${GOOD}
[path.far]
rtt = "101ms"
[server.game]
path = "far"
[server.near]
[plan.free]
down = "100mbit"
up = "100mbit"
overhead = "docsis"
sqm_down = { discipline = "none" }
sqm_up = { discipline = "pfifo", limit = 50 }
[client.own]
plan = "free"
path = "far"
ipv4 = "100.64.0.2"
ipv6 = "fd6d:716f:6500:2::1"
[traffic.both]
kind = "tcp"
from = "own"
to = "game"
direction = "both"
flows = 2
family = "ipv6"
ecn = true
dscp = "CS1"
`;

test("the whole blueprint of a rich case", (t) => {
  t.snapshot(made(RICH));
});

test("pure: the same case and seed give the same bytes, another seed other start times and nothing else", (t) => {
  t.is(JSON.stringify(made(RICH)), JSON.stringify(made(RICH)));
  const other = made(RICH, { seed: 2 });
  t.notDeepEqual(starts(made(RICH)), starts(other));
  t.deepEqual(made(RICH).lab, other.lab);
  t.deepEqual(made(RICH).timeline, other.timeline);
});

const starts = ({ traffic }: Blueprint) => [...traffic.flows, ...traffic.probes].map(({ start }) => start);

test("no two of a lab share a name, a namespace, an interface or an address", (t) => {
  for (const text of [RICH, GOOD.replace("count = 2", "count = 700"), RICH.replace("count = 2", "count = 300")]) {
    const { lab, dataplane } = made(text);
    const unique = (values: string[], what: string) => t.is(new Set(values).size, values.length, what);
    unique(
      lab.endpoints.map(({ name }) => name),
      "names",
    );
    unique([lab.access, lab.core, lab.dataplane, ...lab.endpoints.map(({ netns }) => netns)], "namespaces");
    unique(
      lab.endpoints.flatMap(({ ipv4, ipv6 }) => [...ipv4, ...ipv6]),
      "addresses",
    );
    const inside = (role: string) => lab.endpoints.filter((endpoint) => endpoint.role === role).map(({ port }) => port);
    unique([...inside("client"), ...lab.trunks.map(({ accessPort }) => accessPort)], "interfaces of access");
    unique([...inside("server"), ...lab.trunks.map(({ corePort }) => corePort)], "interfaces of core");
    unique(
      lab.trunks.flatMap(({ dataplaneAccess, dataplaneCore }) => [dataplaneAccess, dataplaneCore]),
      "trunks",
    );
    const names = lab.endpoints
      .map(({ port }) => port)
      .concat(lab.trunks.flatMap((trunk) => Object.values(trunk).map(String)));
    t.true(names.every((name) => name.length <= 15));
    t.deepEqual(
      dataplane.clients.map(({ name, addresses }) => [name, addresses]),
      lab.endpoints.filter(({ role }) => role === "client").map(({ name, ipv4, ipv6 }) => [name, [...ipv4, ...ipv6]]),
    );
  }
});

test("addresses come from their blocks, next to fixed ones", (t) => {
  const { lab } = made(RICH);
  t.deepEqual(
    lab.endpoints.map(({ name, ipv4, ipv6 }) => [name, ipv4[0], ipv6[0]]),
    [
      ["web", "198.18.0.1", "fd6d:716f:6500:1::1"],
      ["game", "198.18.0.2", "fd6d:716f:6500:1::2"],
      ["near", "198.18.0.3", "fd6d:716f:6500:1::3"],
      ["home-1", "100.64.0.1", "fd6d:716f:6500:2::2"],
      ["home-2", "100.64.0.3", "fd6d:716f:6500:2::3"],
      ["own", "100.64.0.2", "fd6d:716f:6500:2::1"],
    ],
  );
});

test("ports: one listener serves one traffic and direction; TCP and UDP below the kernel's own", (t) => {
  const { flows, probes } = made(RICH).traffic;
  const ports = new Map<string, Set<number>>();
  for (const { traffic, direction, port } of flows) {
    const key = `${traffic} ${direction}`;
    ports.set(key, (ports.get(key) ?? new Set()).add(port));
  }
  t.deepEqual([...ports.keys()], ["bulk down", "both down", "both up"]);
  t.true([...ports.values()].every((set) => set.size === 1));
  t.is(new Set([...ports.values()].flatMap((set) => [...set])).size, 3);
  t.true([...flows, ...probes].every(({ port }) => port > 1024 && port < 32_768));
});

test("time: load starts staggered within 200 ms of the ramp and stops with loaded; probes run from the start", (t) => {
  const { traffic, timeline } = made(RICH);
  t.deepEqual(timeline.phases, [
    { name: "idle", start: 0, end: 3e9 },
    { name: "ramp", start: 3e9, end: 6e9 },
    { name: "loaded", start: 6e9, end: 13e9 },
    { name: "cooldown", start: 13e9, end: 15e9 },
  ]);
  t.true(traffic.flows.every(({ start, stop }) => start >= 3e9 && start < 3.2e9 && stop === 13e9));
  t.true(new Set(traffic.flows.map(({ start }) => start)).size > 8);
  for (const { start, stop, timeout, interval } of traffic.probes) {
    t.true(start >= 0 && start < interval);
    t.is(stop, 14.5e9);
    t.is(timeout, 2e9);
  }
  const noRamp = made(GOOD.replace('ramp = "3s"', 'ramp = "0s"'));
  t.true(noRamp.traffic.flows.every(({ start }) => start === 3e9));
  t.deepEqual(
    noRamp.timeline.phases.map(({ name }) => name),
    ["idle", "loaded", "cooldown"],
  );
});

test("an echo is waited for no longer than the run lasts", (t) => {
  const far = made(GOOD.replace('rtt = "20ms"', 'rtt = "900ms"')).traffic.probes[0];
  t.deepEqual([far?.stop, far?.timeout], [15e9 - 3.6e9, 3.6e9]);
  const short = made(GOOD.replace('cooldown = "2s"', 'cooldown = "0s"')).traffic.probes[0];
  t.deepEqual([short?.stop, short?.timeout], [14.5e9, 0.5e9]);
});

test("none does not shape; framing and disciplines arrive as they were written", (t) => {
  const own = made(RICH).dataplane.clients[2];
  const framing = { base: "ip", overhead: 18, mpu: 64, cell: "none" };
  t.deepEqual(own?.down, { rate: 0, framing, sqm: { discipline: "none" } } as ShaperBlueprint);
  t.deepEqual(own?.up, { rate: 100e6, framing, sqm: { discipline: "pfifo", limit: 50 } } as ShaperBlueprint);
});

test("paths: split in halves without losing a nanosecond; −1 is none", (t) => {
  const { paths, servers, clients } = made(RICH.replace('"101ms"', '"101ns"')).dataplane;
  t.deepEqual(
    paths.map(({ name, down, up }) => [name, down.delay, up.delay]),
    [
      ["metro", 10e6, 10e6],
      ["far", 50, 51],
    ],
  );
  t.deepEqual(
    [servers.map(({ path }) => path), clients.map(({ path }) => path)],
    [
      [0, 1, -1],
      [-1, -1, 1],
    ],
  );
});

test("sysctls: ECN where it was asked for, windows that never limit", (t) => {
  const of = (name: string) => made(RICH).lab.endpoints.find((endpoint) => endpoint.name === name)?.sysctl ?? {};
  t.deepEqual(
    ["web", "game", "home-1", "own"].map((name) => of(name)["net/ipv4/tcp_ecn"]),
    ["0", "1", "0", "1"],
  );
  const limit = (text: string) => Number(made(text).lab.endpoints[0]?.sysctl["net/ipv4/tcp_rmem"]?.split(" ")[2]);
  const fast = GOOD.replace('"20mbit"', '"1gbit"').replace('rtt = "20ms"', 'rtt = "200ms"');
  t.true(limit(fast) >= 2 * ((1e9 * 0.2) / 8 + 10_240 * 1514));
  t.true(limit(GOOD) >= 16 * 2 ** 20 && limit(fast) < 2 ** 31);
});

test("UMEM: enough for every queue and delay line, within its limits", (t) => {
  const shaper = (rate: number, limit: number): ShaperBlueprint => {
    return { rate, framing: { base: "frame", overhead: 0, mpu: 0, cell: "none" }, sqm: { discipline: "pfifo", limit } };
  };
  const frames = (count: number, limit: number, rtt = 0) =>
    framesFor(
      Array.from({ length: count }, () => ({ down: shaper(20e6, limit), up: shaper(5e6, limit), rtt })),
      1500,
    );
  t.is(frames(0, 0), 4096);
  t.true(frames(1, 1000) >= 4096 + 2000);
  t.true(frames(1, 1000, 1e9) >= 4096 + 2000 + 25e6 / 8 / 512);
  t.is(frames(10_000, 1000), 262_144);
  t.is(frames(3, 777) % 1024, 0);
});

const FLOOD = `[traffic.flood]
kind = "udp"
from = "home"
to = "web"
direction = "both"
rate = "10mbit"
size = 1222
dscp = "CS1"
`;

test("streams: on the clock of their rate, seeded within one interval, in ramp and loaded, ports of their own", (t) => {
  const { flows, probes, streams } = made(GOOD + FLOOD).traffic;
  t.is(streams.length, 4);
  for (const stream of streams) {
    // 1222 bytes of payload are 1250 of IP: 10,000 bits.
    t.like(stream, { traffic: "flood", interval: 1e6, size: 1222, dscp: 8, stop: 13e9, family: "ipv4" });
    t.true(stream.start >= 3e9 && stream.start < 3e9 + 1e6);
  }
  t.deepEqual(
    streams.map(({ client, direction }) => [client, direction]),
    [
      [0, "down"],
      [1, "down"],
      [0, "up"],
      [1, "up"],
    ],
  );
  t.deepEqual(
    [...flows, ...streams].map(({ id }) => id),
    [...flows, ...streams].map((_, index) => index),
    "one numbering",
  );
  t.is(new Set(streams.map(({ start }) => start)).size, 4);
  t.is(new Set(streams.map(({ port }) => port)).size, 2);
  const ports = streams.map(({ client, clientPort }) => `${client} ${clientPort}`);
  t.is(new Set([...ports, ...probes.map(({ client, clientPort }) => `${client} ${clientPort}`)]).size, 6);
  const seeded = made(GOOD + FLOOD, { seed: 2 }).traffic;
  t.notDeepEqual(
    seeded.streams.map(({ start }) => start),
    streams.map(({ start }) => start),
  );
  t.deepEqual(made(GOOD + FLOOD).traffic.flows, made(GOOD).traffic.flows, "flows are as they were without streams");
});

test("a UDP stream beyond its fair part fills its queue, AQM or not: frames are counted for its limit", (t) => {
  const frames = (rate: string) =>
    made(GOOD + FLOOD.replace("10mbit", rate).replace("both", "down")).dataplane.reactors[0]?.frames ?? 0;
  const usual = made(GOOD).dataplane.reactors[0]?.frames ?? 0;
  t.is(frames("3mbit"), usual, "less than a fifth of 20 Mbit/s, beside four TCP flows");
  t.true(frames("5mbit") >= 4096 + 2 * 10_240);
});

test("path rates reach the dataplane, and frames are counted for what is too fast for them", (t) => {
  const rated = (rate: string) => GOOD.replace('rtt = "20ms"', `rtt = "20ms"\nrate = "${rate}"`);
  t.is(made(GOOD).dataplane.paths[0]?.down.rate, 0);
  t.is(made(rated("1gbit")).dataplane.paths[0]?.up.rate, 1e9);
  const frames = (text: string) => made(text).dataplane.reactors[0]?.frames ?? 0;
  const usual = frames(GOOD);
  t.is(frames(rated("1gbit")), usual, "faster than all traffic: nothing stands there");
  t.true(frames(rated("30mbit")) >= usual + 8 * 5000, "8 TCP flows of two 20 Mbit/s plans fill a window each");
  // 2 × 10 Mbit/s down into 15: a quarter of 2000 packets/s stays, for 10 s.
  const flood = GOOD.replace("flows = 4", "flows = 1") + FLOOD;
  const slow = frames(flood.replace('rtt = "20ms"', 'rtt = "20ms"\nrate = "15mbit"'));
  t.true(slow >= frames(flood) + 5000);
});

test("placement: the dataplane on the last CPUs, traffic on the others, nothing pinned when they do not suffice", (t) => {
  t.deepEqual(placeThreads(1, 2), { dataplane: [1], traffic: [0] });
  t.deepEqual(placeThreads(2, 8), { dataplane: [7, 6], traffic: [0, 1, 2, 3, 4, 5] });
  t.deepEqual(placeThreads(1, 1), { dataplane: [-1], traffic: [-1] });
  t.deepEqual(placeThreads(2, 2), { dataplane: [-1, -1], traffic: [-1] });
});

test("bin packing: heaviest first, balanced, every item once", (t) => {
  t.deepEqual(packBins([1, 1, 1, 1], 2), [0, 0, 1, 1]);
  t.deepEqual(packBins([3, 1, 1, 1], 2), [0, 1, 1, 1]);
  t.deepEqual(packBins([], 3), []);
  const random = seededRng(3);
  for (let round = 0; round < 200; round++) {
    const bins = random.integer(1, 8);
    const weights = Array.from({ length: random.integer(1, 60) }, () => random.integer(1, 1000));
    const load = Array.from({ length: bins }, () => 0);
    for (const [index, bin] of packBins(weights, bins).entries()) load[bin] = (load[bin] ?? 0) + (weights[index] ?? 0);
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    t.is(
      load.reduce((sum, weight) => sum + weight, 0),
      total,
    );
    // No list schedule is further from an equal part than its heaviest item (Graham 1969).
    t.true(Math.max(...load) <= total / bins + Math.max(...weights));
  }
});

test("several reactors: each client on one shard, its trunk there, frames for its own clients only", (t) => {
  const two: Case = { ...caseOf(RICH), dataplane: { kind: "afxdp", reactors: 2 } };
  const { lab, dataplane } = makeBlueprint(two, { ...OPTIONS, cores: 4 });
  t.is(lab.trunks.length, 2);
  for (const { id, access, coreTrunk, core } of dataplane.reactors) {
    t.is(lab.trunks[id]?.dataplaneAccess, access);
    t.is(lab.trunks[id]?.dataplaneCore, coreTrunk);
    t.is(core, 3 - id);
  }
  const shardOf = new Map(lab.endpoints.map(({ name, shard }) => [name, shard]));
  for (const { name, reactor } of dataplane.clients) t.is(shardOf.get(name), reactor);
  t.deepEqual(
    dataplane.clients.map(({ reactor }) => reactor),
    [1, 1, 0],
  );
});

test("shares: plans alone, then links, then nested links", (t) => {
  t.deepEqual(maxMinShares([10, 20]), [10, 20]);
  t.deepEqual(maxMinShares([]), []);
  const near = (actual: number[], expected: number[]) =>
    t.true(
      actual.every((value, i) => Math.abs(value - (expected[i] ?? 0)) < 1e-6),
      `${actual} is not ${expected}`,
    );
  near(maxMinShares([10, 20, 20], [{ capacity: 30, members: [0, 1, 2] }]), [10, 10, 10]);
  near(maxMinShares([4, 20, 20], [{ capacity: 30, members: [0, 1, 2] }]), [4, 13, 13]);
  near(
    maxMinShares(
      [50, 50, 50, 50],
      [
        { capacity: 100, members: [0, 1, 2, 3] },
        { capacity: 20, members: [0, 1] },
      ],
    ),
    [10, 10, 40, 40],
  );
  near(maxMinShares([0, 5], [{ capacity: 4, members: [0, 1] }]), [0, 4]);
});

test("shares are feasible and max–min fair on random trees", (t) => {
  const random = seededRng(11);
  for (let round = 0; round < 100; round++) {
    const ceilings = Array.from({ length: random.integer(1, 20) }, () => random.integer(1, 100));
    const all = [...ceilings.keys()];
    const cut = random.integer(0, all.length);
    const links = [all, all.slice(0, cut), all.slice(cut)].map((members) => ({
      capacity: random.integer(1, 500),
      members,
    }));
    const shares = maxMinShares(ceilings, links);
    const used = (members: readonly number[]) => members.reduce((sum, i) => sum + (shares[i] ?? 0), 0);
    for (const { capacity, members } of links) t.true(used(members) <= capacity + 1e-3);
    for (const [i, share] of shares.entries()) {
      // Bottleneck condition: at its ceiling, or on a full link where nobody has more.
      const atCeiling = share >= (ceilings[i] ?? 0) - 1e-3;
      const bottleneck = links.some(
        ({ capacity, members }) =>
          members.includes(i) &&
          used(members) >= capacity - 1e-3 &&
          members.every((j) => (shares[j] ?? 0) <= share + 1e-3),
      );
      t.true(atCeiling || bottleneck, `${i} of ${JSON.stringify({ ceilings, links, shares })}`);
    }
  }
});
