import test from "ava";
import { makeBlueprint, maxMinShares } from "../../harness/blueprint/index.js";
import { framesFor } from "../../harness/blueprint/shaping.js";
import type { Link } from "../../harness/blueprint/shares.js";
import type { ShaperBlueprint, SqmBlueprint } from "../../harness/blueprint/types.js";
import type { Case } from "../../harness/scenario/types.js";
import { type Rng, seededRng } from "../../harness/stats/index.js";
import { lines, load } from "../scenario/helpers.js";

const OPTIONS = { lab: "mq-1a2b", seed: 1, cores: 4 };

/** core ─ tower ─ ap ─ home-1 … home-3 and slow, tower ─ near; alone. The access point is declared before its parent. */
const TREE = `duration = "15s"
[plan.home]
down = "20mbit"
up = "5mbit"
overhead = "ethernet"
sqm = { discipline = "cake" }
[plan.slow]
down = "2mbit"
up = "1mbit"
shaper = "leaf"
sqm_down = { discipline = "cake" }
sqm_up = { discipline = "fq_codel" }
[server.web]
[site.ap]
down = "30mbit"
up = "10mbit"
parent = "tower"
[site.empty]
down = "1mbit"
up = "1mbit"
[site.tower]
down = "40mbit"
up = "20mbit"
[client.alone]
plan = "home"
[client.home]
plan = "home"
count = 3
site = "ap"
[client.slow]
plan = "slow"
site = "ap"
[client.near]
plan = "home"
site = "tower"
[traffic.bulk]
kind = "tcp"
from = ["tower/*", "alone"]
to = "web"
`;

function caseOf(text: string, kind?: string): Case {
  const loaded = load(text, kind === undefined ? {} : { dataplane: kind });
  const [first] = loaded.cases;
  if (!first) throw new Error(lines(loaded).join("\n"));
  return first;
}
const made = (text: string, kind?: string) => makeBlueprint(caseOf(text, kind), OPTIONS);
const sharesIn = (text: string, direction: "down" | "up") =>
  Object.fromEntries(made(text).timeline.shares.map((share) => [share.client, Math.round(share[direction])]));

test("a site is a node, parents first: roots own their capacity, all below borrow, and nobody's turn is larger", (t) => {
  const { sites, clients } = made(TREE).dataplane;
  const fixed = { quantum: 0, priority: 0, burst: 0 };
  t.deepEqual(sites, [
    {
      ...{ id: 0, name: "tower", parent: -1, reactor: 0 },
      down: { rate: 40e6, ceil: 40e6, ...fixed },
      up: { rate: 20e6, ceil: 20e6, ...fixed },
    },
    {
      ...{ id: 1, name: "ap", parent: 0, reactor: 0 },
      down: { rate: 0, ceil: 30e6, ...fixed },
      up: { rate: 0, ceil: 10e6, ...fixed },
    },
  ]);
  t.deepEqual(
    clients.map(({ name, site }) => [name, site]),
    [
      ["alone", -1],
      ["home-1", 1],
      ["home-2", 1],
      ["home-3", 1],
      ["slow", 1],
      ["near", 0],
    ],
  );
  const [alone, home] = clients;
  t.is(alone?.node, null);
  t.is(alone?.down.rate, 20e6);
  t.deepEqual(home?.node, { down: { rate: 0, ceil: 20e6, ...fixed }, up: { rate: 0, ceil: 5e6, ...fixed } });
});

test("the tree holds a client to its plan, or its leaf does as well", (t) => {
  const { clients } = made(TREE).dataplane;
  const rates = (name: string) => {
    const client = clients.find((one) => one.name === name);
    return [client?.down.rate, client?.up.rate, client?.node?.down.ceil, client?.node?.up.ceil];
  };
  t.deepEqual(rates("home-1"), [0, 0, 20e6, 5e6]);
  t.deepEqual(rates("slow"), [2e6, 1e6, 2e6, 1e6]);
});

test("without a dataplane the tree is as little there as the plans' enforcement, but shares are the same", (t) => {
  const none = made(TREE, "none");
  t.deepEqual(none.dataplane.sites, []);
  t.true(none.dataplane.clients.every(({ site, node }) => site === -1 && node === null));
  t.deepEqual(none.timeline.shares, made(TREE).timeline.shares);
});

test("shares: plans, then sites, the fair part of each client wherever it hangs", (t) => {
  // ap: 30 Mbit/s for three plans of 20 and one of 2; tower: 40 for these and one more of 20.
  t.deepEqual(sharesIn(TREE, "down"), {
    alone: 20e6,
    ...{ "home-1": 9_333_333, "home-2": 9_333_333, "home-3": 9_333_333 },
    slow: 2e6,
    near: 10e6,
  });
  // Nobody sends up: the part that each would have if all did.
  t.deepEqual(sharesIn(TREE, "up"), {
    alone: 5e6,
    ...{ "home-1": 3e6, "home-2": 3e6, "home-3": 3e6 },
    ...{ slow: 1e6, near: 5e6 },
  });
});

test("shares are among those who send in that direction", (t) => {
  const text = TREE.replace('from = ["tower/*", "alone"]', 'from = ["home-1", "near"]\ndirection = "up"');
  t.like(sharesIn(text, "up"), { "home-1": 5e6, near: 5e6 });
  t.like(sharesIn(text.replace('up = "10mbit"', 'up = "4mbit"'), "up"), { "home-1": 4e6, near: 5e6 });
});

test("all clients of one root are on one reactor, with the tree", (t) => {
  const more = `${TREE}[site.mast]\ndown = "50mbit"\nup = "50mbit"\n[client.far]\nplan = "home"\ncount = 4\nsite = "mast"\n`;
  const scenario: Case = { ...caseOf(more), dataplane: { kind: "afxdp", reactors: 2 } };
  const { dataplane } = makeBlueprint(scenario, OPTIONS);
  for (const { site, reactor } of dataplane.clients) {
    if (site >= 0) t.is(reactor, dataplane.sites[site]?.reactor as number);
  }
  for (const { parent, reactor } of dataplane.sites) {
    if (parent >= 0) t.is(reactor, dataplane.sites[parent]?.reactor as number);
  }
  t.deepEqual([...new Set(dataplane.sites.map(({ reactor }) => reactor))].sort(), [0, 1]);
});

test("UMEM below a site: by what the class lets through; a stream beyond its share floods its queue", (t) => {
  const frames = (text: string) => made(text).dataplane.reactors[0]?.frames ?? 0;
  const usual = frames(TREE);
  t.true(usual < 4096 + 2 * 25e6, "not what an unshaped client could hold");
  t.is(frames(TREE.replace('down = "40mbit"', 'down = "400mbit"')), usual);
  const stream = (rate: string) =>
    `${TREE}[traffic.flood]\nkind = "udp"\nfrom = "home-1"\nto = "web"\nrate = "${rate}"\n`;
  // Half of 9.3 Mbit/s, beside one TCP flow; CAKE without a rate of its own holds 10240 frames of 1514 bytes.
  t.is(frames(stream("4mbit")), usual);
  const room = (10_240 * 1514) / 2048 - 20e6 / 8 / 512;
  t.true(frames(stream("6mbit")) >= usual + room - 1024);
});

test("UMEM: each discipline by its own limits", (t) => {
  const framing = { base: "frame", overhead: 0, mpu: 0, cell: "none" } as const;
  const of = (sqm: SqmBlueprint, rate: number, flooded = true, mtu = 1500) => {
    const shaper: ShaperBlueprint = { rate, framing, sqm };
    const idle: ShaperBlueprint = { rate: 1000, framing, sqm: { discipline: "none" } };
    return framesFor([{ down: shaper, up: idle, rtt: 0, flooded: flooded ? ["down"] : [] }], mtu) - 4096;
  };
  const up = (frames: number) => Math.ceil(frames / 1024) * 1024;
  const codel = { target: 5e6, interval: 100e6, limit: 10_000, ecn: false };
  t.is(of({ discipline: "pfifo", limit: 5000 }, 1e6), up(5000));
  t.is(of({ discipline: "bfifo", limit: 1_000_000 }, 1e6), up(1_000_000 / 64));
  t.is(of({ discipline: "codel", ...codel, ceThreshold: -1 }, 1e6), up(10_000));
  t.is(of({ discipline: "cobalt", ...codel }, 8e6, false), up(8e6 / 8 / 512));
  const dualpi2 = made(TREE.replace(/sqm = \{[^}]*\}/u, 'sqm = { discipline = "dualpi2", memlimit = "4MiB" }'));
  t.is(of(dualpi2.dataplane.clients[0]?.down.sqm as SqmBlueprint, 1e9), up(2048), "what fits into its memory limit");
  const cake = { ...made(TREE).dataplane.clients[0]?.down.sqm } as Extract<SqmBlueprint, { discipline: "cake" }>;
  t.is(of(cake, 20e6), up((4 * 2 ** 20) / 2048), "4 MiB up to 83 Mbit/s");
  t.is(of(cake, 100e6), up(5e6 / 2048), "four times rate × rtt");
  t.is(of(cake, 1e9), up((10_240 * 1514) / 2048), "at most 10240 full frames");
  t.is(of(cake, 1e9, true, 1700), up((10_240 * 1714) / 2048), "which are as large as the MTU lets them");
  t.is(of({ ...cake, memoryLimit: 32 * 2 ** 20 }, 1e6), up(16_384), "as configured");
});

/** The definition, step by step: all grow by the least that anybody or any link allows. */
function slowly(ceilings: readonly number[], links: readonly Link[]): number[] {
  const shares = ceilings.map(() => 0);
  const growing = new Set(ceilings.keys());
  while (growing.size > 0) {
    const room = links.map(({ capacity, members }) => {
      const count = members.filter((i) => growing.has(i)).length;
      const used = members.reduce((sum, i) => sum + (shares[i] ?? 0), 0);
      return count === 0 ? Number.POSITIVE_INFINITY : (capacity - used) / count;
    });
    const step = Math.max(0, Math.min(...[...growing].map((i) => (ceilings[i] ?? 0) - (shares[i] ?? 0)), ...room));
    for (const i of growing) shares[i] = (shares[i] ?? 0) + step;
    const full = links.filter((_, index) => (room[index] ?? 0) <= step + 1e-9);
    for (const i of [...growing]) if ((shares[i] ?? 0) >= (ceilings[i] ?? 0) - 1e-9) growing.delete(i);
    for (const { members } of full) for (const i of members) growing.delete(i);
  }
  return shares;
}

/** A random tree of some levels over so many members. */
function randomTree(random: Rng, count: number): Link[] {
  const links: Link[] = [];
  const split = (members: number[], depth: number): void => {
    if (members.length === 0) return;
    links.push({ capacity: random.integer(1, 60 * members.length), members });
    if (depth === 0) return;
    const parts = Array.from({ length: random.integer(1, 3) }, (): number[] => []);
    for (const member of members) parts[random.integer(0, parts.length - 1)]?.push(member);
    for (const part of parts) split(part, depth - 1);
  };
  split([...Array(count).keys()], random.integer(0, 4));
  return links;
}

test("shares of random trees are those of the definition, step by step", (t) => {
  const random = seededRng(17);
  for (let round = 0; round < 300; round++) {
    const ceilings = Array.from({ length: random.integer(1, 24) }, () => random.integer(0, 100));
    const links = randomTree(random, ceilings.length);
    const [found, expected] = [maxMinShares(ceilings, links), slowly(ceilings, links)];
    for (const [i, share] of found.entries()) {
      t.true(Math.abs(share - (expected[i] ?? 0)) < 1e-6, JSON.stringify({ ceilings, links, found, expected }));
    }
  }
});

test("shares of 40,000 clients below 2,000 sites take no time to speak of", (t) => {
  const random = seededRng(5);
  const ceilings = Array.from({ length: 40_000 }, () => random.integer(1e6, 1e9));
  const all = [...ceilings.keys()];
  const sites = Array.from({ length: 2000 }, (_, site) => all.slice(20 * site, 20 * site + 20));
  const links = [all, ...sites].map((members) => ({ capacity: random.integer(1e8, 1e10) * members.length, members }));
  const shares = maxMinShares(ceilings, links);
  for (const { capacity, members } of links) {
    t.true(members.reduce((sum, i) => sum + (shares[i] ?? 0), 0) <= capacity * (1 + 1e-9));
  }
});
