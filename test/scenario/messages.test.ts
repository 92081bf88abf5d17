import test from "ava";
import { formatProblem, loadCases } from "../../harness/scenario/index.js";
import { GOOD, harmed, lines, load, reader } from "./helpers.js";

/** Bad input: what was found, where, what is allowed. Each case is one slip and the one line that it must produce. */
const SLIPS: [slip: string, found: string, replacement: string, line: string][] = [
  [
    "a TOML syntax error: a quantity without quotes",
    'down = "20mbit"',
    "down = 20mbit",
    'home.toml:5:10: TOML syntax: must be a newline (quantities are strings: write "20mbit")',
  ],
  [
    "a TOML syntax error: an open string",
    'down = "20mbit"',
    'down = "20mbit',
    "home.toml:5:15: TOML syntax: unterminated string constant",
  ],
  [
    "a key twice",
    'up = "5mbit"',
    'down = "5mbit"',
    "home.toml:6:1: TOML syntax: defining a key multiple times is invalid",
  ],
  [
    "an unknown key",
    "flows = 4",
    "flow = 4",
    'home.toml:23:1: traffic.bulk: unknown key "flow"; did you mean "flows"? allowed: kind, from, to, family, dscp, ' +
      "host, enabled, active, reshuffle, direction, flows, size, arrivals, every, think, congestion_control, initial_window, pacing, ecn",
  ],
  [
    "a needed key misspelt: one slip, not also a key that is missing",
    'down = "20mbit"',
    'donw = "20mbit"',
    'home.toml:5:1: plan.home: unknown key "donw"; did you mean "down"? allowed: down, up, overhead, vlan, mpu, atm, ' +
      "ptm, sqm, sqm_down, sqm_up, shaper",
  ],
  [
    "an unknown section",
    "[plan.home]",
    "[plans.home]",
    'home.toml:4:2: unknown key "plans"; did you mean "plan"? allowed: extends, title, tags, duration, phases, repeat, ' +
      "seed, mtu, dataplane, plan, path, server, site, client, traffic, capture, change, expect, matrix",
  ],
  [
    "nonsense instead of a rate",
    'down = "20mbit"',
    'down = "20 potatoes"',
    'home.toml:5:8: plan.home.down: "20 potatoes" is not a rate; write e.g. "20mbit" (units: bit, kbit, mbit, gbit)',
  ],
  [
    "everybody's unit",
    'down = "20mbit"',
    'down = "20Mbps"',
    'home.toml:5:8: plan.home.down: "20Mbps" is not a rate; did you mean "20mbit"? write e.g. "20mbit" (units: bit, ' +
      "kbit, mbit, gbit)",
  ],
  [
    "a time where a rate is needed",
    'down = "20mbit"',
    'down = "15ms"',
    'home.toml:5:8: plan.home.down: "15ms" is a time, here a rate is needed; write e.g. "20mbit" (units: bit, kbit, ' +
      "mbit, gbit)",
  ],
  [
    "a bare number",
    'down = "20mbit"',
    "down = 20",
    'home.toml:5:8: plan.home.down: 20 is a bare number, here a rate is needed; write e.g. "20mbit" (units: bit, ' +
      "kbit, mbit, gbit)",
  ],
  [
    "a number without unit",
    'rtt = "20ms"',
    'rtt = "20"',
    'home.toml:10:7: path.metro.rtt: "20" has no unit; write e.g. "15ms" (units: ns, us, ms, s, m, h)',
  ],
  [
    "a rate of zero",
    'up = "5mbit"',
    'up = "0mbit"',
    'home.toml:6:6: plan.home.up: "0mbit" is zero; a rate must be more than 0',
  ],
  [
    "a negative rate",
    'up = "5mbit"',
    'up = "-5mbit"',
    'home.toml:6:6: plan.home.up: "-5mbit" is negative; a rate must be more than 0',
  ],
  [
    "a missing rate",
    'up = "5mbit"\n',
    "",
    'home.toml:4:7: plan.home.up: is missing; write e.g. "20mbit" (units: bit, kbit, mbit, gbit)',
  ],
  [
    "traffic to a server that does not exist",
    'to = "web"\nflows',
    'to = "wbe"\nflows',
    'home.toml:22:6: traffic.bulk.to: there is no server "wbe"; did you mean "web"? servers: web',
  ],
  [
    "a glob that matches nobody",
    'from = "home-*"',
    'from = "hmoe-*"',
    'home.toml:27:8: traffic.ping.from: "hmoe-*" matches no client; clients: home-1, home-2',
  ],
  [
    "a client that does not exist, in a list",
    'from = "home-*"',
    'from = ["home-1", "home-3"]',
    'home.toml:27:19: traffic.ping.from: there is no client "home-3"; did you mean "home-1"? clients: home',
  ],
  [
    "everyone below a site that does not exist",
    'from = "home-*"',
    'from = "tower/*"',
    'home.toml:27:8: traffic.ping.from: there is no site "tower"; sites: (none)',
  ],
  [
    "an expectation on traffic that does not exist",
    '"ping.induced.p99"',
    '"pnig.induced.p99"',
    'home.toml:31:10: expect.metric: nothing produces "pnig.induced.p99": there is no traffic "pnig"; did you mean ' +
      '"ping"? allowed: bulk, ping, dataplane',
  ],
  [
    "an expectation on a quantity that its traffic does not produce",
    '"ping.induced.p99"',
    '"bulk.induced.p99"',
    'home.toml:31:10: expect.metric: nothing produces "bulk.induced.p99": tcp has no quantity "induced"; allowed: ' +
      "goodput, goodput_down, goodput_up, jain, jain_clients, retransmits, retransmitted_packets, ce_marks, rtt, cwnd, fct, fct_connect, slowdown, completed, failed, unfinished, starvation, connect_failures",
  ],
  [
    "an expectation without its statistic",
    '"ping.induced.p99"',
    '"ping.induced"',
    'home.toml:31:10: expect.metric: nothing produces "ping.induced": induced is a distribution; write e.g. "induced.p99" ' +
      "(statistics: p0, p1, p5, p10, p25, p50, p75, p90, p95, p98, p99, p99.9, p100, mean, min, max)",
  ],
  [
    "UDP packets that do not fit",
    "[[expect]]",
    '[traffic.flood]\nkind = "udp"\nfrom = "home"\nto = "web"\nrate = "1mbit"\nsize = 1473\n[[expect]]',
    "home.toml:35:8: traffic.flood.size: 1473 bytes do not fit an mtu of 1500; at most 1472 are allowed",
  ],
  [
    "UDP packets that nobody can send in time",
    "[[expect]]",
    '[traffic.flood]\nkind = "udp"\nfrom = "home"\nto = "web"\nrate = "1gbit"\nsize = 12\n[[expect]]',
    "home.toml:34:8: traffic.flood.rate: 3125000 packets of 40 bytes a second; at most 1000000 are allowed " +
      "(a lower rate or a larger size)",
  ],
  [
    "a direction that a UDP traffic does not have",
    '[[expect]]\nmetric = "ping.induced.p99"\nbelow = "15ms"',
    '[traffic.flood]\nkind = "udp"\nfrom = "home"\nto = "web"\nrate = "1mbit"\n[[expect]]\n' +
      'metric = "flood.throughput_up"\nabove = "1mbit"',
    'home.toml:36:10: expect.metric: nothing produces "flood.throughput_up": traffic "flood" goes down only; ' +
      'write "flood.throughput"',
  ],
  [
    "goodput when there is no load",
    'metric = "ping.induced.p99"\nbelow = "15ms"',
    'metric = "bulk.idle.goodput"\nat_least = "95%"',
    'home.toml:31:10: expect.metric: nothing produces "bulk.idle.goodput": goodput does not exist in the idle phase; ' +
      "phases: ramp, loaded",
  ],
  [
    "a duration shorter than its phases",
    'duration = "15s"',
    'duration = "8s"',
    "home.toml:1:12: duration: 8s is shorter than its phases: 3s idle + 3s ramp + 2s cooldown = 8s, which leaves " +
      "nothing for loaded (make it longer than 8s or the phases shorter)",
  ],
  [
    "a plan that does not exist",
    'plan = "home"',
    'plan = "hoem"',
    'home.toml:16:8: client.home.plan: there is no plan "hoem"; did you mean "home"? plans: home',
  ],
  [
    "a path that does not exist",
    'path = "metro"',
    'path = "metre"',
    'home.toml:13:8: server.web.path: there is no path "metre"; did you mean "metro"? paths: metro',
  ],
  [
    "a reserved name",
    "[client.home]",
    '[client.core]\nplan = "home"\n[client.home]',
    "home.toml:15:9: client core: the name is reserved; mqoe's own namespaces are called access, core, dataplane, path-access, path-core",
  ],
  [
    "a name that is none",
    "[path.metro]",
    '[path."me tro"]\n[path.metro]',
    'home.toml:9:7: path: "me tro" is no name; names are letters, digits, "_" and "-"',
  ],
  [
    "a bound of the wrong unit",
    'below = "15ms"',
    'below = "15mbit"',
    'home.toml:32:9: expect.below: "15mbit" is a rate, here a time is needed; write e.g. "15ms" (units: ns, us, ms, s, m, h)',
  ],
  [
    "a share of something that is no rate",
    'below = "15ms"',
    'below = "95% of share"',
    'home.toml:32:9: expect.below: "95% of share" is relative to a rate, but the metric is not one: it needs a time; write ' +
      'e.g. "15ms" (units: ns, us, ms, s, m, h)',
  ],
  [
    "two bounds",
    'below = "15ms"',
    'below = "15ms"\nat_most = "15ms"',
    "home.toml:33:11: expect: exactly one of below, at_most, above, at_least, equals is needed; found below and at_most",
  ],
  [
    "no bound",
    'below = "15ms"\n',
    "",
    "home.toml:30:3: expect: exactly one of below, at_most, above, at_least, equals is needed; none was found",
  ],
  [
    "a control without a reason",
    'below = "15ms"',
    'below = "15ms"\noutcome = "fail"',
    'home.toml:33:11: expect: outcome = "fail" needs because = "…": why this control must fail',
  ],
  [
    "an axis that does not exist",
    'below = "15ms"',
    'below = "15ms"\nwhen = { sqm = "cake" }',
    'home.toml:33:16: expect.when: the matrix has no axis "sqm"; axes: (none)',
  ],
  [
    "a comparison without another case",
    'below = "15ms"',
    'below = "1ms over sqm=fq_codel"',
    'home.toml:32:9: expect.below: "1ms over sqm=fq_codel": there is no other case to compare with: no [matrix]',
  ],
  [
    "a key misspelt that chooses what may stand beside it",
    'discipline = "fq_codel"',
    'disipline = "fq_codel"',
    'home.toml:7:9: plan.home.sqm: unknown key "disipline"; did you mean "discipline"?',
  ],
  [
    "another one",
    'kind = "tcp"',
    'kid = "tcp"',
    'home.toml:20:1: traffic.bulk: unknown key "kid"; did you mean "kind"?',
  ],
  [
    "a choice left out",
    'discipline = "fq_codel", ',
    "",
    "home.toml:7:7: plan.home.sqm.discipline: is missing; allowed: fq_codel, cake, codel, cobalt, dualpi2, pfifo, bfifo, " +
      "none, tc",
  ],
  [
    "a change in the form of a table",
    'duration = "15s"',
    'duration = "15s"\nchange = { at = "15s" }',
    "home.toml:2:10: change: expected a list of tables, found a table (write [[change]])",
  ],
  [
    "a bad name of a client, and nothing that follows from it",
    "[client.home]",
    '[client."ho me"]',
    'home.toml:15:9: client: "ho me" is no name; names are letters, digits, "_" and "-"',
  ],
  [
    "a bad name of a plan",
    "[plan.home]",
    '[plan."ho me"]',
    'home.toml:4:7: plan: "ho me" is no name; names are letters, digits, "_" and "-"',
  ],
  [
    "a bad name of traffic",
    "[traffic.ping]",
    '[traffic."pi ng"]',
    'home.toml:25:10: traffic: "pi ng" is no name; names are letters, digits, "_" and "-"',
  ],
  ["a bad count", "count = 2", 'count = "2"', 'home.toml:17:9: client.home.count: expected a number, found "2"'],
  [
    "a frame that fits no chunk",
    'duration = "15s"',
    'duration = "15s"\nmtu = 9000',
    "home.toml:2:7: mtu: 9000 is too large; a frame must fit in a 2 KiB chunk: at most 1778",
  ],
  [
    "a list where a table belongs",
    'sqm = { discipline = "fq_codel", target = "7ms" }',
    'sqm = ["fq_codel"]',
    "home.toml:7:7: plan.home.sqm: expected a table, found a list",
  ],
  [
    "a discipline that does not exist",
    '"fq_codel"',
    '"fq_codle"',
    'home.toml:7:22: plan.home.sqm.discipline: "fq_codle" is not allowed; did you mean "fq_codel"? allowed: fq_codel, ' +
      "cake, codel, cobalt, dualpi2, pfifo, bfifo, none, tc",
  ],
  [
    "a setting of another discipline",
    'discipline = "fq_codel"',
    'discipline = "pfifo"',
    'home.toml:7:31: plan.home.sqm: unknown key "target"; allowed: discipline, limit',
  ],
  [
    "a plan without queue management",
    'sqm = { discipline = "fq_codel", target = "7ms" }\n',
    "",
    'home.toml:4:7: plan.home: sqm is missing (write sqm = { discipline = "fq_codel" }, or both sqm_down and sqm_up)',
  ],
  [
    "a probe that does not fit",
    'to = "web"\n\n[[expect]]',
    'to = "web"\nsize = 1490\n\n[[expect]]',
    "home.toml:29:8: traffic.ping.size: 1490 bytes do not fit an mtu of 1500; at most 1472 are allowed",
  ],
];

for (const [slip, found, replacement, line] of SLIPS) {
  test(slip, (t) => {
    t.deepEqual(lines(load(harmed(found, replacement))), [line]);
  });
}

test("the scenario that the slips are made in has no problem", (t) => {
  const loaded = load(GOOD);
  t.deepEqual(lines(loaded), []);
  t.is(loaded.cases.length, 1);
});

test("two clients with one address", (t) => {
  const text = `${GOOD}
[client.a]
plan = "home"
ipv4 = "100.64.0.9"
ipv6 = "fd00::9"
[client.b]
plan = "home"
ipv4 = "100.64.0.9"
ipv6 = "fd00:0::9"
`;
  t.deepEqual(lines(load(text)), [
    'home.toml:40:8: client.b.ipv4: "100.64.0.9" is the address of client "a" already',
    'home.toml:41:8: client.b.ipv6: "fd00:0::9" is the address of client "a" already',
  ]);
});

test("addresses that no client can have", (t) => {
  const at = (line: string) =>
    lines(load(`${GOOD}\n[client.a]\nplan = "home"\n${line}\n`)).map((text) => text.slice(16));
  t.deepEqual(at('ipv4 = "127.0.0.1"'), ['client.a.ipv4: "127.0.0.1" is not a unicast address that a client can have']);
  t.deepEqual(at('ipv4 = "198.18.3.1"'), ['client.a.ipv4: "198.18.3.1" lies in 198.18.0.0/15, which the servers use']);
  t.deepEqual(at('ipv4 = "1.2.3"'), ['client.a.ipv4: "1.2.3" is not an IPv4 address; write e.g. "100.64.7.9"']);
  t.deepEqual(at('ipv6 = "fe80::9"'), [
    'client.a.ipv6: "fe80::9" is not a unicast address that a client can have (2000::/3 or fc00::/7)',
  ]);
  t.deepEqual(
    at('count = 2\nipv4 = "10.0.0.1"').map((text) => text.slice(0, 60)),
    ["client.a.ipv4: one fixed address cannot serve several client"],
  );
});

test("names are unique across clients, sites and servers, also those made by count", (t) => {
  const text = `${GOOD}\n[server.home-2]\n`;
  t.deepEqual(lines(load(text)), [
    "home.toml:15:9: client home-2 (one of home): the name is taken by server home-2 (names are unique across clients, " +
      "sites and servers)",
  ]);
});

test("ECN is one setting per client", (t) => {
  const text = `${GOOD}\n[traffic.marked]\nkind = "tcp"\nfrom = "home-2"\nto = "web"\necn = true\n`;
  t.deepEqual(lines(load(text)), [
    'home.toml:38:7: traffic.marked.ecn: "marked" wants ECN and "bulk" does not, but both start at client "home-2" ' +
      "(Linux sets ECN per namespace: use two clients, or one setting)",
  ]);
});

test("all problems of a file are shown, in reading order", (t) => {
  const text = GOOD.replace('"20mbit"', '"20 potatoes"')
    .replace('rtt = "20ms"', "rtt = 20")
    .replace('"web"\nflows', '"wbe"\nflows');
  t.deepEqual(
    load(text).problems.map(({ line }) => line),
    [5, 10, 22],
  );
});

test("with the source, a caret points at the place", (t) => {
  const text = harmed('down = "20mbit"', '\tdown = "x"');
  const [problem] = load(text).problems;
  t.true(problem !== undefined && formatProblem(problem, text).endsWith('\n  5 | \tdown = "x"\n      \t       ^'));
});

test("a file that is not there", (t) => {
  t.deepEqual(
    lines(load({ "a.toml": 'extends = "b.toml"' })),
    [
      'a.toml:1:11: extends: cannot read "b.toml": no such file (paths are relative to the file that names them)',
      'a.toml:1:1: this scenario has no plan; add e.g. [plan.home] with down, up and sqm = { discipline = "fq_codel" }',
      'a.toml:1:1: this scenario has no server; add e.g. [server.web] with path = "metro"',
      'a.toml:1:1: this scenario has no client; add e.g. [client.home] with plan = "home"',
      "a.toml:1:1: warning: this scenario has no traffic: there is nothing to measure",
    ].sort((a, b) => Number(a.split(":")[2]) - Number(b.split(":")[2])),
  );
});

test("misspelt sections: what would follow from them is not said", (t) => {
  const text = GOOD.replace("[client.home]", "[clients.home]")
    .replace("[path.metro]", "[paths.metro]")
    .replace("[[expect]]", "[[expects]]");
  t.deepEqual(
    lines(load(text)).map((line) => line.slice(0, line.indexOf("?"))),
    [
      'home.toml:9:2: unknown key "paths"; did you mean "path"',
      'home.toml:15:2: unknown key "clients"; did you mean "client"',
      'home.toml:30:3: unknown key "expects"; did you mean "expect"',
    ],
  );
});

test("nothing to judge is said, also when it is written", (t) => {
  t.deepEqual(lines(load(`expect = []\n${GOOD.slice(0, GOOD.indexOf("[[expect]]"))}`)), [
    "home.toml:1:1: warning: this scenario has no [[expect]]: nothing is judged",
  ]);
});

test("[change] is not taken for a site", (t) => {
  t.deepEqual(lines(load(`${GOOD}\n[change]\nat = "15s"\n`)), [
    "home.toml:34:2: change: expected a list of tables, found a table (write [[change]])",
  ]);
});

test("more sockets than anything can hold: the product is spelled out", (t) => {
  const big = GOOD.replace("count = 2", "count = 40_000");
  t.deepEqual(lines(load(big)), []);
  t.deepEqual(lines(load(big.replace("flows = 4", "flows = 1024"))), [
    "home.toml:23:9: traffic.bulk: 40,000 clients × 1,024 flows × 2 ends = 81,920,000 sockets, 82,000,000 with all other " +
      "traffic; at most 2,000,000 are allowed (fewer clients or fewer flows)",
  ]);
  t.regex(
    lines(load(big.replace("flows = 4", 'flows = 20\ndirection = "both"')))[0] ?? "",
    /40,000 clients × 20 flows × 2 directions × 2 ends = 3,200,000 sockets/u,
  );
});

test("a congestion control that this machine lacks: a warning, and an error when it is to run", (t) => {
  const text = GOOD.replace("flows = 4", 'congestion_control = "cubicc"');
  const message =
    'traffic.bulk.congestion_control: this machine\'s kernel has no "cubicc"; did you mean "cubic"? available: reno, cubic';
  const congestionControls = ["reno", "cubic"];
  t.deepEqual(lines(load(text)), []);
  t.deepEqual(lines(load(text, { congestionControls })), [`home.toml:23:22: warning: ${message}`]);
  t.deepEqual(lines(load(text, { congestionControls, toRun: true })), [`home.toml:23:22: ${message}`]);
  t.deepEqual(lines(load(GOOD, { congestionControls, toRun: true })), []);
  // The default may be missing as well: then the traffic's header is the place.
  t.deepEqual(
    load(GOOD, { congestionControls: ["reno"], toRun: true }).problems.map(({ line }) => line),
    [19],
  );
});

test("a file or folder that is missing has no line to blame", (t) => {
  const { problems } = loadCases(["no.toml"], {}, reader({}));
  t.deepEqual(
    problems.map((problem) => formatProblem(problem)),
    ["no.toml: cannot read this file: no such file"],
  );
});

test("a byte order mark is no part of the text", (t) => {
  const marked = `\uFEFF${GOOD}`;
  t.deepEqual(lines(load(marked)), []);
  const text = marked.replace('"15s"', '"8s"');
  const [problem] = load(text).problems;
  t.true(problem !== undefined && formatProblem(problem, text).endsWith('\n  1 | duration = "8s"\n                 ^'));
});
