import test from "ava";
import { makeBlueprint } from "../../harness/blueprint/index.js";
import type { FlowBlueprint } from "../../harness/blueprint/types.js";
import type { Case } from "../../harness/scenario/types.js";
import { seededRng } from "../../harness/stats/index.js";
import { GOOD, harmed, lines, load } from "../scenario/helpers.js";

/** GOOD: 3 s idle, load from 3 to 13, the end at 15; two clients with 4 flows and a probe each. */
const SECOND = 1e9;

function caseOf(text: string): Case {
  const loaded = load(text);
  const [first] = loaded.cases;
  if (!first) throw new Error(lines(loaded).join("\n"));
  return first;
}
const made = (text: string, seed = 1) => makeBlueprint(caseOf(text), { lab: "l", seed, cores: 2 });
const change = (at: string, set: string) => `\n[[change]]\nat = "${at}"\nset = { ${set} }\n`;

interface Item {
  client: number;
  start: number;
  stop: number;
}
/** Items by client and whole seconds: `0: 3 – 8 × 4`. */
function spans(items: readonly Item[]): string[] {
  const counted = new Map<string, number>();
  for (const { client, start, stop } of items) {
    const key = `${client}: ${Math.floor(start / SECOND)} – ${stop / SECOND}`;
    counted.set(key, (counted.get(key) ?? 0) + 1);
  }
  return [...counted].map(([key, count]) => `${key} × ${count}`).sort();
}
const flows = (text: string) => spans(made(text).traffic.flows);

test("more flows are those that there were and some beside them; fewer, some of them", (t) => {
  t.deepEqual(flows(GOOD + change("8s", "traffic.bulk.flows = 6")), [
    "0: 3 – 13 × 4",
    "0: 8 – 13 × 2",
    "1: 3 – 13 × 4",
    "1: 8 – 13 × 2",
  ]);
  t.deepEqual(flows(GOOD + change("8s", "traffic.bulk.flows = 1")), [
    "0: 3 – 13 × 1",
    "0: 3 – 8 × 3",
    "1: 3 – 13 × 1",
    "1: 3 – 8 × 3",
  ]);
});

test("flows of another kind replace those that there were, on a port of their own", (t) => {
  const text = GOOD + change("8s", 'traffic.bulk.congestion_control = "reno"');
  t.deepEqual(flows(text), ["0: 3 – 8 × 4", "0: 8 – 13 × 4", "1: 3 – 8 × 4", "1: 8 – 13 × 4"]);
  const ports = new Set(made(text).traffic.flows.map((flow) => `${flow.congestionControl} ${flow.port}`));
  t.deepEqual([...ports], ["cubic 5001", "reno 5002"]);
});

test("what goes and comes back as it was has the port that it had", (t) => {
  const flap = change("6s", "traffic.bulk.enabled = false") + change("8s", "traffic.bulk.enabled = true");
  t.deepEqual(flows(GOOD + flap), ["0: 3 – 6 × 4", "0: 8 – 13 × 4", "1: 3 – 6 × 4", "1: 8 – 13 × 4"]);
  const { flows: own, probes } = made(GOOD + flap).traffic;
  t.deepEqual([...new Set(own.map(({ port }) => port))], [5001]);
  t.is(probes.length, 2);
});

test("every and until repeat what traffic does", (t) => {
  const each = (at: string, enabled: boolean) =>
    change(at, `traffic.bulk.enabled = ${enabled}`).replace("at =", 'every = "4s"\nuntil = "12s"\nat =');
  const one = harmed("count = 2", "count = 1").replace("flows = 4", "flows = 1");
  t.deepEqual(flows(one + each("4s", false) + each("6s", true)), ["0: 10 – 12 × 1", "0: 3 – 4 × 1", "0: 6 – 8 × 1"]);
});

test("load that is disabled is not there until it is enabled, and none is before or after its phases", (t) => {
  const off = harmed("flows = 4", "flows = 4\nenabled = false");
  t.deepEqual(flows(off), []);
  t.deepEqual(flows(off + change("1s", "traffic.bulk.enabled = true")), flows(GOOD));
  t.deepEqual(flows(off + change("14s", "traffic.bulk.enabled = true")), []);
});

test("a client that leaves takes all its traffic with it, and starts it again when it joins", (t) => {
  const text = GOOD + change("6s", "client.home-2.online = false") + change("9s", "client.home.online = true");
  t.deepEqual(flows(text), ["0: 3 – 13 × 4", "1: 3 – 6 × 4", "1: 9 – 13 × 4"]);
  const { probes } = made(text).traffic;
  t.deepEqual(spans(probes), ["0: 0 – 14.5 × 1", "1: 0 – 6 × 1", "1: 9 – 14.5 × 1"]);
  t.is(new Set(probes.filter(({ client }) => client === 1).map(({ clientPort }) => clientPort)).size, 2);
  t.is(made(text).lab.endpoints.length, 3, "its namespace is there all the time");
});

test("a probe with another interval is another probe; UDP changes its rate from one packet to the next", (t) => {
  const text = GOOD.replace('kind = "tcp"', 'kind = "udp"\nrate = "1mbit"').replace("flows = 4\n", "");
  const { probes, streams } = made(
    text + change("8s", 'traffic.ping.interval = "20ms", traffic.bulk.rate = "2mbit"'),
  ).traffic;
  t.deepEqual(
    probes.filter(({ client }) => client === 0).map(({ interval, stop }) => [interval / 1e6, stop / SECOND]),
    [
      [10, 8],
      [20, 14.5],
    ],
  );
  const [slow, fast] = streams.filter(({ client }) => client === 0);
  t.is(Math.round((slow?.interval ?? 0) / (fast?.interval ?? 1)), 2);
  t.is(slow?.stop, 8 * SECOND);
});

const CROWD = harmed("count = 2", "count = 200").replace("flows = 4", 'flows = 1\nactive = "5%"');

test("a part of the clients is active: the seed says who, and another seed others", (t) => {
  const active = (seed: number, text = CROWD) => made(text, seed).traffic.flows.map(({ client }) => client);
  t.is(active(1).length, 10);
  t.deepEqual(active(1), active(1));
  t.notDeepEqual(active(1), active(2));
  t.is(made(CROWD).traffic.probes.length, 200, "the probes are everybody's");
  t.is(active(1, CROWD.replace('"5%"', '"0.1%"')).length, 1, "at least one");
  const more = active(1, CROWD.replace('"5%"', '"10%"'));
  t.true(active(1).every((client) => more.includes(client)));
  t.deepEqual(
    active(1),
    [...active(1)].sort((a, b) => a - b),
  );
});

test("over many draws every client is active about as often", (t) => {
  const text = CROWD.replace('"5%"', '"5%"\nreshuffle = "1s"').replace('duration = "15s"', 'duration = "1008s"');
  const times = new Map<number, number>();
  for (const { client, start, stop } of made(text).traffic.flows)
    times.set(client, (times.get(client) ?? 0) + Math.round((stop - Math.floor(start / SECOND) * SECOND) / SECOND));
  const seconds = [...times.values()];
  t.is(
    seconds.reduce((a, b) => a + b, 0),
    1003 * 10,
  );
  t.is(seconds.length, 200);
  // 1003 draws with probability 0.05: 50 ± 6.9; five standard deviations.
  t.true(Math.min(...seconds) > 15 && Math.max(...seconds) < 85, `${Math.min(...seconds)} … ${Math.max(...seconds)}`);
});

test("whoever stays active in the next draw goes on; the numbers stay", (t) => {
  const text = CROWD.replace('"5%"', '"50%"\nreshuffle = "2s"');
  const items = made(text).traffic.flows;
  for (const second of [4, 6, 8, 10, 12]) {
    const now = items.filter(({ start, stop }) => Math.floor(start / SECOND) <= second && stop > second * SECOND);
    t.is(now.length, 100, `at ${second} s`);
  }
  t.true(items.some(({ start, stop }) => stop - start > 3.5 * SECOND));
  t.is(new Set(items.map(({ id }) => id)).size, items.length);
});

test("however often flows begin anew, their ports are below the kernel's own", (t) => {
  const text = harmed("count = 2", "count = 1").replace("flows = 4", 'flows = 1000\nactive = "100%"');
  const cc = (at: string, name: string) =>
    change(at, `traffic.bulk.congestion_control = "${name}"`).replace("at =", 'every = "500ms"\nuntil = "12s"\nat =');
  const ports = made(text + cc("4s", "reno") + cc("4250ms", "cubic")).traffic.flows.map(({ clientPort }) => clientPort);
  t.true(ports.length > 25_000);
  t.true(ports.every((port) => port > 10_000 && port < 32_768));
});

/** Connections of a client and traffic never overlap beyond how many there may be, and together fill its time. */
test("property: whatever changes when, lives partition the time in which there is load", (t) => {
  const random = seededRng(7);
  for (let round = 0; round < 60; round++) {
    const sets = [
      () => `traffic.bulk.flows = ${random.integer(1, 6)}`,
      () => `traffic.bulk.enabled = ${random.next() < 0.5}`,
      () => `traffic.bulk.congestion_control = "${random.next() < 0.5 ? "reno" : "cubic"}"`,
      () => `traffic.bulk.active = "${random.integer(1, 100)}%"`,
      () => `client.home-${random.integer(1, 5)}.online = ${random.next() < 0.5}`,
    ];
    const changes = Array.from({ length: 8 }, () => {
      const set = sets[random.integer(0, sets.length - 1)] as () => string;
      return change(`${random.integer(1, 140) / 10}s`, set());
    });
    const text = harmed("count = 2", "count = 5").replace("flows = 4", 'flows = 4\nactive = "60%"\nreshuffle = "3s"');
    const loaded = load(text + changes.join(""));
    const [scenario] = loaded.cases;
    if (!scenario) return t.fail(lines(loaded).join("\n"));
    const { flows: items, probes } = makeBlueprint(scenario, { lab: "l", seed: round, cores: 2 }).traffic;
    t.is(new Set(items.map(({ id }) => id)).size, items.length);
    t.true([...items, ...probes].every(({ start, stop }) => start < stop));
    for (let tenth = 30; tenth < 130; tenth++) checkMoment(t, items, scenario, tenth);
  }
});

function checkMoment(
  t: { is(a: unknown, b: unknown, message: string): void; true(a: boolean, message: string): void },
  items: readonly FlowBlueprint[],
  scenario: Case,
  tenth: number,
): void {
  // Flows begin up to 200 ms after their life does: it is their ends that say what is there.
  const at = (tenth + 0.5) * 1e8;
  let now = scenario.traffic[0] as Extract<Case["traffic"][number], { kind: "tcp" }>;
  const online = new Map(scenario.clients.map(({ name }) => [name, true]));
  for (const { at: time, traffic, online: moved = {} } of scenario.changes) {
    if (time > at) break;
    now = (traffic?.bulk as typeof now | undefined) ?? now;
    for (const [name, wanted] of Object.entries(moved)) online.set(name, wanted);
  }
  const present = [...online.values()].filter(Boolean).length;
  const { fraction } = now.active as { fraction: number };
  const clients = now.enabled === false || present === 0 ? 0 : Math.max(1, Math.round(fraction * present));
  const alive = items.filter(({ start, stop }) => start <= at && at < stop);
  const late = items.filter(({ start, stop }) => start > at && start - at < 2e8 && stop > at);
  t.true(alive.length <= clients * now.flows, `${alive.length} at ${tenth / 10} s`);
  t.true(alive.length + late.length >= clients * now.flows, `${alive.length} at ${tenth / 10} s`);
  t.true(new Set(alive.map(({ client }) => client)).size <= clients, `clients at ${tenth / 10} s`);
}

test("a site that changes is told to the dataplane, and its clients' shares follow", (t) => {
  const tree = harmed("[client.home]", '[site.tower]\ndown = "30mbit"\nup = "30mbit"\n\n[client.home]\nsite = "tower"');
  const step = change("8s", 'site.tower.down = "10mbit"').replace("at =", 'phase = "narrow"\nat =');
  const { changes, phases } = made(tree + step).timeline;
  const node = { rate: 10e6, ceil: 10e6, quantum: 0, priority: 0, burst: 0 };
  t.deepEqual(changes[0]?.set, [{ site: 0, direction: "down", node }]);
  const shares = Object.fromEntries(phases.map((phase) => [phase.name, phase.shares?.[0]?.down]));
  t.deepEqual(shares, { idle: undefined, ramp: undefined, loaded: undefined, narrow: 5e6, cooldown: 5e6 });
});

test("shares count those who are active; whose share changes within a phase has none there", (t) => {
  const tree = harmed("[client.home]", '[site.tower]\ndown = "30mbit"\nup = "30mbit"\n\n[client.home]\nsite = "tower"');
  const sharesOf = (text: string) => {
    const { shares, phases } = made(text).timeline;
    return phases.map((phase) => phase.shares?.map(({ client, down }) => `${client} ${down / 1e6}`) ?? shares[0]?.down);
  };
  const leaving = tree + change("8s", "client.home-2.online = false");
  t.deepEqual(sharesOf(leaving), [15e6, 15e6, ["home-2 15"], ["home-1 20", "home-2 15"]]);
  const one = sharesOf(tree.replace("flows = 4", "active = 1"));
  t.is(new Set(one.map(String)).size, 1, "the same in every phase");
  const { shares } = made(tree.replace("flows = 4", "active = 1")).timeline;
  t.deepEqual(shares.map(({ down }) => down).sort(), [15e6, 20e6]);
});
