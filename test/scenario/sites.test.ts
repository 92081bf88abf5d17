import { readdirSync, readFileSync } from "node:fs";
import test from "ava";
import { makeBlueprint } from "../../harness/blueprint/index.js";
import { loadCases } from "../../harness/scenario/index.js";
import { GOOD, lines, load } from "./helpers.js";

/** core ─ tower (100 / 50) ─ ap (20 / 10); `home` below the access point, `near` at the tower, `alone` without a site. */
const TREE = `${GOOD.replace('plan = "home"\ncount = 2', 'plan = "home"\ncount = 2\nsite = "ap"')}
[site.ap]
down = "20mbit"
up = "10mbit"
parent = "tower"
[site.tower]
down = "100mbit"
up = "50mbit"
[client.near]
plan = "home"
site = "tower"
[client.alone]
plan = "home"
`;
const from = (pattern: string) => `${TREE}[traffic.x]\nkind = "tcp"\nfrom = ${pattern}\nto = "web"\n`;

test("sites are in the case as they were written", (t) => {
  const loaded = load(TREE);
  t.deepEqual(lines(loaded), []);
  const [first] = loaded.cases;
  t.deepEqual(first?.sites, {
    ap: { down: 20e6, up: 10e6, parent: "tower" },
    tower: { down: 100e6, up: 50e6, parent: null },
  });
  t.deepEqual(
    first?.clients.map(({ name, site }) => [name, site]),
    [
      ["home-1", "ap"],
      ["home-2", "ap"],
      ["near", "tower"],
      ["alone", null],
    ],
  );
  t.is(first?.plans.home?.shaper, "tree");
});

test('"tower/*" is everyone below a site, at any depth', (t) => {
  const chosen = (pattern: string) => load(from(pattern)).cases[0]?.traffic.at(-1)?.from;
  t.deepEqual(chosen('"tower/*"'), ["home-1", "home-2", "near"]);
  t.deepEqual(chosen('"ap/*"'), ["home-1", "home-2"]);
  t.deepEqual(chosen('["ap/*", "alone"]'), ["home-1", "home-2", "alone"]);
  t.deepEqual(
    lines(load(from('"mast/*"').replace("[client.near]", '[site.mast]\ndown = "1mbit"\nup = "1mbit"\n[client.near]'))),
    [
      "home.toml:42:7: warning: site mast: no client hangs below it",
      'home.toml:52:8: traffic.x.from: "mast/*" matches no client: none has site = "mast" or a site below it',
    ],
  );
});

test("the tree is one: parents exist, there is no circle, it is not too deep", (t) => {
  t.deepEqual(lines(load(TREE.replace('parent = "tower"', 'parent = "towre"'))), [
    'home.toml:38:10: site.ap.parent: there is no site "towre"; did you mean "tower"? sites: ap, tower',
  ]);
  t.deepEqual(lines(load(TREE.replace('site = "tower"', 'site = "towre"'))), [
    'home.toml:44:8: client.near.site: there is no site "towre"; did you mean "tower"? sites: ap, tower',
  ]);
  t.deepEqual(lines(load(TREE.replace('up = "50mbit"', 'up = "50mbit"\nparent = "ap"'))), [
    'home.toml:38:10: site.ap.parent: a circle of parents: "ap" → "tower" → "ap"; a tree has none',
  ]);
  t.deepEqual(lines(load(TREE.replace('up = "50mbit"', 'up = "50mbit"\nparent = "tower"'))), [
    'home.toml:42:10: site.tower.parent: a circle of parents: "tower" → "tower"; a tree has none',
  ]);
  const chain = (depth: number) => {
    const levels = Array.from({ length: depth }, (_, n) => {
      const parent = n > 0 ? `parent = "s${n - 1}"\n` : "";
      return `[site.s${n}]\ndown = "1gbit"\nup = "1gbit"\n${parent}`;
    });
    return `${GOOD}${levels.join("")}[client.deep]\nplan = "home"\nsite = "s${depth - 1}"\n`;
  };
  t.deepEqual(lines(load(chain(7))), []);
  t.deepEqual(lines(load(chain(9))), [
    'home.toml:63:10: site.s7.parent: 8 levels of sites, from "s7" to "s0"; at most 7 are allowed',
  ]);
});

test("what cannot hang below a site is refused on the afxdp dataplane, once for each plan", (t) => {
  const plan = 'discipline = "fq_codel", target = "7ms"';
  t.deepEqual(lines(load(TREE.replace(plan, 'discipline = "none"'))), [
    'home.toml:7:22: plan.home.sqm: "none" has no queue in which a site could hold frames back, and client "home-1" is ' +
      'below site "ap" (write discipline = "pfifo" for a queue that nothing manages)',
  ]);
  const autorate = TREE.replace(plan, 'discipline = "cake", autorate_ingress = true');
  t.deepEqual(lines(load(autorate)), [
    'home.toml:7:49: plan.home.sqm: autorate_ingress sets the rate of CAKE\'s own shaper, which shaper = "tree" leaves ' +
      'unused, and client "home-1" is below site "ap" (write shaper = "leaf" in the plan)',
  ]);
  t.deepEqual(lines(load(autorate.replace('up = "5mbit"', 'up = "5mbit"\nshaper = "leaf"'))), []);
  t.deepEqual(lines(load(TREE.replace(plan, 'discipline = "none"'), { dataplane: "none" })), []);
  t.regex(
    lines(load(TREE.replace('up = "5mbit"', 'up = "5mbit"\nshaper = "leef"')))[0] ?? "",
    /^home.toml:7:10: plan.home.shaper: "leef" is not allowed; did you mean "leaf"\? allowed: tree, leaf/,
  );
});

test('per = "site" needs somebody below one', (t) => {
  const expect = (metric: string) => `[[expect]]\nmetric = "${metric}"\nat_least = "90%"\nper = "site"\n`;
  t.deepEqual(lines(load(TREE + expect("bulk.goodput"))), []);
  t.deepEqual(lines(load(TREE + expect("dataplane.rate_down"))), []);
  const alone = `${from('"alone"')}${expect("x.goodput")}`;
  t.deepEqual(lines(load(alone)), [
    'home.toml:54:7: expect.per: no client of traffic "x" hangs below a site, so nobody is judged (write site = "…" in ' +
      "a [client.*])",
  ]);
  t.regex(lines(load(`${GOOD}${expect("dataplane.rate_down")}`))[0] ?? "", /expect.per: no client hangs below a site/);
  t.is(load(TREE + expect("bulk.goodput")).cases[0]?.expectations.at(-1)?.per, "site");
});

test("an override reaches sites that are there", (t) => {
  const { cases } = load(TREE, { set: ["site.tower.down=60mbit"] });
  t.is(cases[0]?.sites.tower?.down, 60e6);
  t.regex(lines(load(TREE, { set: ["site.mast.down=60mbit"] }))[0] ?? "", /there is no site "mast"/);
});

test("the scenarios of the tree suite are right, and their shares are those that their comments promise", (t) => {
  const folder = "scenarios/tree";
  const files = readdirSync(folder).map((name) => `${folder}/${name}`);
  t.true(files.length > 0);
  const loaded = loadCases(files, {}, (path) => readFileSync(path, "utf8"));
  t.deepEqual(lines(loaded), []);
  const tower = loaded.cases.find(({ id }) => id === "tower");
  if (!tower) throw new Error("no tower");
  const shares = makeBlueprint(tower, { lab: "l", seed: 1, cores: 2 }).timeline.shares;
  t.deepEqual(
    shares.map(({ client, down }) => [client, Math.round(down / 1e3)]),
    [
      ["village-1", 7000],
      ["village-2", 7000],
      ["village-3", 7000],
      ["cottage", 3000],
      ["farm-1", 8000],
      ["farm-2", 8000],
    ],
  );
});
