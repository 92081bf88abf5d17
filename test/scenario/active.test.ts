import test from "ava";
import type { Case } from "../../harness/scenario/types.js";
import { GOOD, harmed, lines, load } from "./helpers.js";

function caseOf(text: string): Case {
  const loaded = load(text);
  const [first] = loaded.cases;
  if (!first) throw new Error(lines(loaded).join("\n"));
  return first;
}

const change = (set: string, at = "loaded+2s") => `\n[[change]]\nat = "${at}"\nset = { ${set} }\n`;

test("what of a traffic is there, and for how many, stands in the case only when it is not all", (t) => {
  const plain = caseOf(GOOD).traffic[0];
  t.false(["enabled", "active", "reshuffle"].some((key) => key in (plain ?? {})));
  const some = caseOf(harmed("flows = 4", 'flows = 4\nenabled = false\nactive = "50%"\nreshuffle = "2s"'));
  t.like(some.traffic[0], { enabled: false, active: { fraction: 0.5 }, reshuffle: 2e9 });
  t.deepEqual(caseOf(harmed("flows = 4", "active = 2")).traffic[0]?.active, { count: 2 });
});

test("a change has the whole traffic as it is then, changes before it included", (t) => {
  const { changes } = caseOf(GOOD + change("traffic.bulk.flows = 8") + change('traffic.bulk.dscp = "EF"', "11s"));
  t.like(changes[0]?.traffic?.bulk, { flows: 8, dscp: 0, from: ["home-1", "home-2"] });
  t.like(changes[1]?.traffic?.bulk, { flows: 8, dscp: 46 });
  t.is(changes[1]?.text, "traffic.bulk.dscp = EF");
  t.deepEqual(Object.keys(changes[0] ?? {}).sort(), [
    "at",
    "file",
    "line",
    "paths",
    "phase",
    "plans",
    "text",
    "traffic",
  ]);
});

test("clients leave and join by name or as a group; who is there already does not join", (t) => {
  const text = GOOD + change("client.home-2.online = false", "7s") + change("client.home.online = true", "9s");
  t.deepEqual(
    caseOf(text).changes.map(({ online }) => online),
    [{ "home-2": false }, { "home-2": true }],
  );
  const away = caseOf(harmed("count = 2", "count = 2\nonline = false") + change("client.home-1.online = true"));
  t.deepEqual(
    away.clients.map(({ online }) => online),
    [false, false],
  );
  t.deepEqual(away.changes[0]?.online, { "home-1": true });
  const again = lines(load(GOOD + change("client.home.online = true")));
  t.regex(again.join(), /warning: change: alters nothing/u);
});

const SITE = harmed("[client.home]", '[site.tower]\ndown = "30mbit"\nup = "30mbit"\n\n[client.home]\nsite = "tower"');

test("a site's capacity changes, its place in the tree does not", (t) => {
  t.deepEqual(caseOf(SITE + change('site.tower.down = "10mbit"')).changes[0]?.sites, {
    tower: { down: 10e6, up: 30e6, parent: null },
  });
  const wrong = lines(load(SITE + change('site.tower.parent = "x"')));
  t.regex(wrong.join(), /site\.tower\.parent cannot change while the run goes on; what can: down, up/u);
  const unknown = lines(load(SITE + change('site.towr.down = "10mbit"')));
  t.regex(unknown.join(), /change\.set: there is no site "towr"; did you mean "tower"/u);
  const none = load(SITE + change('site.tower.down = "10mbit"'), { dataplane: "none" });
  t.regex(lines(none).join(), /site\.tower: the none dataplane does not enforce sites/u);
});

const SLIPS: [slip: string, keys: string, message: RegExp][] = [
  ["nothing to draw from", 'reshuffle = "2s"', /:\d+:13: traffic\.bulk\.reshuffle: there is nothing to draw/u],
  ["more than there are", "active = 3", /traffic\.bulk\.active: found 3, but it comes from 2 clients/u],
  ["nobody", 'active = "0%"', /traffic\.bulk\.active: expected a part of the clients such as "5%"/u],
  ["too often", 'active = 1\nreshuffle = "10ms"', /traffic\.bulk\.reshuffle: "10ms" is too small; at least 1s/u],
  ["enabled is a word", 'enabled = "yes"', /traffic\.bulk\.enabled: expected true or false/u],
];

for (const [slip, keys, message] of SLIPS) {
  test(`refused: ${slip}`, (t) => {
    const all = lines(load(harmed("flows = 4", keys)));
    t.is(all.length, 1, all.join("\n"));
    t.regex(all[0] ?? "", message);
  });
}

test("what one connection of every draw would be too many is refused before it is counted out", (t) => {
  const text = harmed("count = 2", "count = 40000")
    .replace("flows = 4", 'flows = 4\nactive = "100%"\nreshuffle = "1s"')
    .replace('duration = "15s"', 'duration = "60s"');
  t.regex(lines(load(text)).join(), /clients × 4 flows × 2 ends = [\d,]+ sockets/u);
});

test("where load begins or ends within a phase, nothing of it is compared with a share", (t) => {
  const expect = (metric: string, bound: string) => `\n[[expect]]\nmetric = "${metric}"\nat_least = ${bound}\n`;
  const relative = expect("bulk.goodput", '"90% of share"');
  const texts = [
    GOOD + change("traffic.bulk.flows = 8"),
    GOOD + change("client.home-2.online = false"),
    harmed("flows = 4", 'active = "50%"\nreshuffle = "2s"'),
  ];
  for (const text of texts) {
    t.regex(lines(load(text + relative)).join(), /"90% of share" is not one number in the loaded phase/u);
    t.deepEqual(lines(load(text + expect("bulk.goodput", '"1mbit"'))), []);
  }
  // A probe is no load, and a phase of its own makes two of one.
  t.deepEqual(lines(load(GOOD + change('traffic.ping.interval = "20ms"') + relative)), []);
  const own = change("traffic.bulk.flows = 8").replace("at =", 'phase = "more"\nat =');
  t.deepEqual(lines(load(GOOD + own + relative + relative.replace("bulk.g", "bulk.more.g"))), []);
});
