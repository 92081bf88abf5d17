import test from "ava";
import { makeBlueprint } from "../../harness/blueprint/index.js";
import type { SessionBlueprint, TransfersScript } from "../../harness/blueprint/types.js";
import { median, sum } from "../../harness/stats/index.js";
import { GOOD, harmed, lines, load } from "./helpers.js";

/** GOOD with a size: 2 clients, load from 3 s to 13 s. */
const sized = (settings: string) => harmed("flows = 4\n", settings);

function made(settings: string, seed = 1) {
  const loaded = load(sized(settings));
  if (!loaded.cases[0]) throw new Error(lines(loaded).join("\n"));
  return makeBlueprint(loaded.cases[0], { lab: "mq-1a2b", seed, cores: 2 });
}

type Session = SessionBlueprint & { script: TransfersScript };
const sessionsOf = (settings: string, seed = 1) => made(settings, seed).traffic.sessions as Session[];
const SECOND = 1e9;

test("a size makes sessions of flows: one for each client, direction and flow, numbered on", (t) => {
  const { traffic } = made('flows = 2\nsize = "64KiB"\ndirection = "both"\n');
  const sessions = traffic.sessions as Session[];
  t.deepEqual(traffic.flows, []);
  t.is(sessions.length, 2 * 2 * 2);
  t.deepEqual(
    sessions.map(({ id }) => id),
    [0, 1, 2, 3, 4, 5, 6, 7],
  );
  for (const { start, stop, rtt } of sessions) {
    t.true(start >= 3 * SECOND && start < 3.2 * SECOND);
    t.is(stop, 13 * SECOND);
    t.is(rtt, 20e6);
  }
  const kinds = new Set(sessions.map(({ port, script }) => `${port} ${JSON.stringify(script)}`));
  t.deepEqual([...kinds].sort(), [
    '6001 {"kind":"transfers","loop":"closed","transfers":[{"wait":0,"up":0,"down":65536}]}',
    '6002 {"kind":"transfers","loop":"closed","transfers":[{"wait":0,"up":65536,"down":0}]}',
  ]);
});

test("a closed loop draws its sizes and rests from the seed", (t) => {
  const text =
    'size = { distribution = "lognormal", median = "100kB", sigma = 1 }\nthink = { distribution = "exponential", mean = "50ms" }\n';
  const [session, other] = sessionsOf(text);
  const drawn = session?.script.transfers ?? [];
  t.is(drawn.length, 1000);
  // Of 1000 values the median is within 10 % in all but one of a thousand draws, the mean of the rests likewise.
  const middle = median(drawn.map(({ down }) => down)) ?? 0;
  t.true(middle > 87_000 && middle < 115_000, `${middle}`);
  const rest = sum(drawn.map(({ wait }) => wait)) / 1000;
  t.true(rest > 44e6 && rest < 56e6, `${rest}`);
  t.notDeepEqual(other?.script, session?.script, "every client draws its own");
  t.deepEqual(sessionsOf(text)[0]?.script, session?.script);
  t.notDeepEqual(sessionsOf(text, 2)[0]?.script, session?.script);
});

test("an open loop begins so many in the mean, in order, to the end of the load", (t) => {
  for (const [arrivals, least, most] of [
    ["poisson", 900, 1100],
    ["uniform", 940, 1060],
    ["periodic", 1000, 1000],
  ] as const) {
    const [session] = sessionsOf(`size = "10kB"\narrivals = "${arrivals}"\nevery = "10ms"\n`);
    const transfers = session?.script.transfers ?? [];
    t.is(session?.script.loop, "open");
    t.is(session?.start, 3 * SECOND);
    t.true(transfers.length >= least && transfers.length <= most, `${arrivals}: ${transfers.length}`);
    t.true(transfers.every(({ wait }, i) => i === 0 || wait >= (transfers[i - 1]?.wait ?? 0)));
    t.true((transfers.at(-1)?.wait ?? 0) < 10 * SECOND);
  }
});

test("what a Poisson process is: gaps vary as much as they are long", (t) => {
  const [session] = sessionsOf('size = "10kB"\narrivals = "poisson"\nevery = "2ms"\n');
  const times = (session?.script.transfers ?? []).map(({ wait }) => wait);
  const gaps = times.slice(1).map((wait, i) => wait - (times[i] as number));
  const mean = sum(gaps) / gaps.length;
  const deviation = Math.sqrt(sum(gaps.map((gap) => (gap - mean) ** 2)) / gaps.length);
  t.true(Math.abs(deviation / mean - 1) < 0.08, `${deviation / mean}`);
});

test("pacing goes to whoever sends, the initial window to the sender's route", (t) => {
  const { traffic, lab } = made('size = "1MB"\ninitial_window = 20\npacing = "5mbit"\n');
  t.is(traffic.sessions?.[0]?.pacing, 5e6);
  const windows = Object.fromEntries(lab.endpoints.map(({ name, initialWindow }) => [name, initialWindow]));
  t.deepEqual(windows, { web: 20, "home-1": undefined, "home-2": undefined });
  t.is(lab.endpoints[1]?.sysctl["net/ipv4/tcp_tw_reuse"], "1");
  const up = made('direction = "up"\ninitial_window = 20\npacing = "5mbit"\n');
  t.is(up.traffic.flows[0]?.pacing, 5e6);
  t.deepEqual(
    up.lab.endpoints.map(({ initialWindow }) => initialWindow),
    [undefined, 20, 20],
  );
  t.is(up.lab.endpoints[1]?.sysctl["net/ipv4/tcp_tw_reuse"], undefined);
});

test("settings that say nothing beside the others are refused, each by its name", (t) => {
  const found = (settings: string) => lines(load(sized(settings))).map((line) => line.split("\n")[0]);
  const one = (settings: string, expected: RegExp) => {
    const [first = "", ...others] = found(settings);
    t.regex(first, expected);
    t.deepEqual(others, [], settings);
  };
  one('every = "1s"\n', /traffic\.bulk\.every: a flow without size never ends; give it one/u);
  one('think = "1s"\n', /traffic\.bulk\.think: a flow without size/u);
  one('arrivals = "poisson"\n', /traffic\.bulk\.arrivals: a flow without size/u);
  one('size = "1kB"\narrivals = "poisson"\n', /traffic\.bulk\.every: is missing: arrivals = "poisson" needs/u);
  one('size = "1kB"\nevery = "1s"\n', /traffic\.bulk\.every: arrivals = "closed" begins a transfer after/u);
  one(
    'size = "1kB"\narrivals = "periodic"\nevery = "1s"\nthink = "1s"\n',
    /traffic\.bulk\.think: arrivals = "periodic" begins transfers on the clock/u,
  );
  one("initial_window = 41\n", /traffic\.bulk\.initial_window/u);
});

test("more transfers than can be drawn beforehand are refused, with their number", (t) => {
  const settings = 'flows = 100\nsize = "1kB"\narrivals = "poisson"\nevery = "1ms"\n';
  const [found = ""] = lines(load(sized(settings)));
  t.regex(found, /traffic\.bulk\.every: 200 sequences begin some 2000000 transfers; at most 1000000 are allowed/u);
  t.deepEqual(lines(load(sized(settings.replace("100", "50")))), []);
});

test("two traffics of one sender that want different initial windows are refused", (t) => {
  const other = (settings: string) =>
    `${GOOD}\n[traffic.other]\nkind = "tcp"\nfrom = "home-1"\nto = "web"\n${settings}`;
  const [found = ""] = lines(load(other("initial_window = 20\n")));
  t.regex(
    found,
    /traffic\.other\.initial_window: "other" has 20 and "bulk" the kernel's, but both send from server "web"/u,
  );
  t.deepEqual(lines(load(other('direction = "up"\ninitial_window = 20\n'))), [], "the client sends, not the server");
});

test("a metric of transfers needs transfers: a size, if only from a change on", (t) => {
  const expecting = (quantity: string) => `\n[[expect]]\nmetric = "bulk.${quantity}"\nbelow = 9\n`;
  const change = '\n[[change]]\nat = "8s"\nset = { traffic.bulk.size = "64KiB" }\n';
  for (const quantity of ["completed", "failed", "unfinished", "slowdown.p50"]) {
    const [found = "", ...others] = lines(load(GOOD + expecting(quantity)));
    t.regex(
      found,
      /nothing produces "bulk\.[a-z0-9.]+": \w+ is of transfers, and a flow of "bulk" goes on .*give it a size/u,
    );
    t.deepEqual(others, []);
    t.deepEqual(lines(load(GOOD + change + expecting(quantity))), []);
  }
});
