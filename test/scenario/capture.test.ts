import test from "ava";
import { makeBlueprint } from "../../harness/blueprint/index.js";
import { GOOD, lines, load } from "./helpers.js";

const withCapture = (text: string) => `${GOOD}\n[capture.pcap]\n${text}`;
/** The position is the file's, and is not what is looked at here. */
const problems = (text: string) => lines(load(withCapture(text))).map((line) => line.replace(/^[^ ]+ /u, ""));

function made(text: string, more = "") {
  const loaded = load(withCapture(text) + more);
  const [first] = loaded.cases;
  if (!first) throw new Error(lines(loaded).join("\n"));
  return { scenario: first, ...makeBlueprint(first, { lab: "mq-1a2b", seed: 1, cores: 2 }) };
}

test("without captures a case and its blueprint have no trace of them", (t) => {
  const [scenario] = load(GOOD).cases;
  if (!scenario) throw new Error("no case");
  t.false("captures" in scenario);
  const blueprint = makeBlueprint(scenario, { lab: "mq-1a2b", seed: 1, cores: 2 });
  t.false("capture" in blueprint);
  t.false("captures" in blueprint.dataplane);
});

test("of clients: a packet socket on eth0 of each, in one file, for the whole run", (t) => {
  const { scenario, capture, dataplane } = made('from = "home"');
  t.deepEqual(scenario.captures, [
    {
      name: "pcap",
      at: "client",
      from: ["home-1", "home-2"],
      side: "both",
      snaplen: 128,
      limit: 16 * 2 ** 20,
      phases: null,
      keep: "on-fail",
    },
  ]);
  t.false("captures" in dataplane);
  const [one] = capture?.captures ?? [];
  t.deepEqual(
    one?.points.map((point) => [point.netns, point.interface, point.name]),
    [
      ["/run/netns/mq-1a2b-home-1", "eth0", "home-1"],
      ["/run/netns/mq-1a2b-home-2", "eth0", "home-2"],
    ],
  );
  t.deepEqual([one?.file, one?.windows, one?.addresses], ["captures/pcap.pcapng", [], []]);
});

test("at our dataplane: it captures itself, and there is no packet socket", (t) => {
  const { capture, dataplane } = made('at = "dataplane"\nfrom = "home-2"\nside = "core"\nsnaplen = "2KiB"');
  t.is(capture, undefined);
  t.deepEqual(dataplane.captures, [
    {
      name: "pcap",
      file: "captures/pcap.pcapng",
      snaplen: 2048,
      limit: 16 * 2 ** 20,
      windows: [],
      side: "core",
      clients: [1],
    },
  ]);
});

test("at Linux's dataplane: packet sockets on its interfaces, filtered by the clients' addresses", (t) => {
  const kernel = '\n[dataplane]\nkind = "kernel"\n';
  const { capture, dataplane, lab } = made('at = "dataplane"\nfrom = "home-1"', kernel);
  t.false("captures" in dataplane);
  const [one] = capture?.captures ?? [];
  t.deepEqual(
    one?.points.map((point) => [point.netns, point.interface]),
    [
      [lab.dataplane, "access0"],
      [lab.dataplane, "core0"],
    ],
  );
  t.deepEqual(one?.addresses, ["100.64.0.1", "fd6d:716f:6500:2::1"]);
  t.deepEqual(made('at = "dataplane"', kernel).capture?.captures[0]?.addresses, []);
  t.is(made('at = "dataplane"\nside = "access"', kernel).capture?.captures[0]?.points.length, 1);
});

test("phases become windows, also those that changes open", (t) => {
  const change = '\n[[change]]\nat = "loaded+2s"\nphase = "slow"\nset = { plan.home.down = "5mbit" }\n';
  const windows = (phases: string) =>
    made(`at = "dataplane"\nphases = ${phases}`, change).dataplane.captures?.[0]?.windows;
  t.deepEqual(windows('["idle", "slow"]'), [
    { start: 0, stop: 3e9 },
    { start: 8e9, stop: 13e9 },
  ]);
  t.deepEqual(windows('["loaded"]'), [{ start: 6e9, stop: 8e9 }]);
});

const WRONG: [text: string, message: RegExp][] = [
  ['from = "hom"', /capture\.pcap\.from: there is no client "hom"; did you mean "home"\?/u],
  ['side = "core"', /capture\.pcap\.side: a client has one interface; side belongs to at = "dataplane"/u],
  ['phases = ["loadd"]', /capture\.pcap\.phases: this run has no phase "loadd"; did you mean "loaded"\?/u],
  ['snaplen = "32B"', /capture\.pcap\.snaplen: "32B" is too small; at least 64B is allowed/u],
  ['limit = "1GiB"', /capture\.pcap\.limit: "1GiB" is too large; at most 256MiB is allowed/u],
  ['at = "core"', /capture\.pcap\.at: .*"core"/u],
  ["phases = []", /capture\.pcap\.phases/u],
];

for (const [text, message] of WRONG) {
  test(`refused: ${text}`, (t) => {
    const found = problems(text);
    t.is(found.length, 1, found.join("\n"));
    t.regex(found[0] ?? "", message);
  });
}

test("a phase without length is none of the run's", (t) => {
  const text = withCapture('phases = ["cooldown"]').replace('cooldown = "2s"', 'cooldown = "0s"');
  t.regex(lines(load(text)).join("\n"), /this run has no phase "cooldown"/u);
});

test("more clients than there may be packet sockets are sent to the dataplane", (t) => {
  const many = GOOD.replace("count = 2", "count = 300");
  const refused = lines(load(`${many}\n[capture.pcap]\n`)).join("\n");
  t.regex(refused, /capture\.pcap: 300 clients are captured one by one; at most 256 are allowed.*at = "dataplane"/u);
  t.deepEqual(lines(load(`${many}\n[capture.pcap]\nat = "dataplane"\n`)), []);
});

test("an override makes a capture, as --pcap does", (t) => {
  const loaded = load(GOOD, { set: ['capture.pcap={ at = "dataplane", keep = "always" }'] });
  t.deepEqual(lines(loaded), []);
  t.like(loaded.cases[0]?.captures?.[0], { name: "pcap", at: "dataplane", from: null, keep: "always" });
});
