import test from "ava";
import type { Sqm } from "../../harness/scenario/types.js";
import { GOOD, lines, load } from "./helpers.js";

const FIRST = 'discipline = "fq_codel", target = "7ms"';
const withSqm = (sqm: string, more = "") => GOOD.replace(FIRST, sqm) + more;
const sqmOf = (sqm: string): Sqm | string[] => {
  const loaded = load(withSqm(sqm));
  return loaded.cases[0]?.plans.home?.sqmUp ?? lines(loaded);
};
/** The one problem of a setting of CAKE's (or another's), without its place. */
const refusalOf = (sqm: string, more = ""): string => {
  const found = lines(load(withSqm(sqm, more)));
  return found.length === 1 ? (found[0] ?? "") : JSON.stringify(found);
};

const CAKE = {
  discipline: "cake",
  tins: "diffserv3",
  rtt: 100e6,
  isolation: "triple-isolate",
  nat: false,
  wash: false,
  ackFilter: "off",
  ingress: false,
  splitGso: true,
  memoryLimit: null,
  autorateIngress: false,
} as const;

test("CAKE: defaults are Linux's, and every setting is named as tc names it", (t) => {
  t.deepEqual(sqmOf('discipline = "cake"'), CAKE);
  t.deepEqual(
    sqmOf(
      'discipline = "cake", tins = "diffserv8", rtt = "30ms", isolation = "dual-srchost", wash = true, ' +
        'ack_filter = "aggressive", ingress = true, autorate_ingress = true, split_gso = false, memlimit = "8MiB"',
    ),
    {
      ...CAKE,
      ...{
        tins: "diffserv8",
        rtt: 30e6,
        isolation: "dual-srchost",
        wash: true,
        ackFilter: "aggressive",
        ingress: true,
      },
      ...{ autorateIngress: true, splitGso: false, memoryLimit: 8 * 2 ** 20 },
    },
  );
});

test("CAKE's rtt: a time or one of tc's presets, of which the target is a twentieth", (t) => {
  const presets = {
    ...{ datacentre: 100e3, lan: 1e6, metro: 10e6, regional: 30e6, internet: 100e6 },
    ...{ oceanic: 300e6, satellite: 1e9, interplanetary: 1000e9 },
  };
  for (const [name, rtt] of Object.entries(presets)) {
    t.like(sqmOf(`discipline = "cake", rtt = "${name}"`), { rtt }, name);
  }
  t.is(
    refusalOf('discipline = "cake", rtt = "metrro"'),
    'home.toml:7:36: plan.home.sqm.rtt: "metrro" is neither a time nor a preset; did you mean "metro"? presets: ' +
      "datacentre, lan, metro, regional, internet, oceanic, satellite, interplanetary",
  );
  t.regex(refusalOf('discipline = "cake", rtt = "15"'), /"15" has no unit; write e.g. "15ms"/);
  t.regex(refusalOf('discipline = "cake", rtt = "toString"'), /"toString" is neither a time nor a preset/);
  t.regex(refusalOf('discipline = "cake", rtt = "100ns"'), /"100ns" is too small; at least 1us is allowed/);
});

test("what is written as on tc's command line but belongs elsewhere is told so", (t) => {
  t.regex(refusalOf('discipline = "cake", memory_limit = "4MiB"'), /^home.toml:7:30: .*did you mean "memlimit"\?/);
  t.is(
    refusalOf('discipline = "cake", bandwidth = "20mbit"'),
    'home.toml:7:30: plan.home.sqm: unknown key "bandwidth"; the rate is the plan\'s: `down` and `up` beside sqm',
  );
  t.is(
    refusalOf('discipline = "fq_codel", mpu = 64'),
    'home.toml:7:34: plan.home.sqm: unknown key "mpu"; framing belongs to the plan: write it beside sqm, not in it',
  );
});

test("what CAKE of the afxdp dataplane cannot do is refused where it stands; elsewhere it is passed on", (t) => {
  t.is(
    refusalOf('discipline = "cake", nat = true'),
    "home.toml:7:36: nat = true of the afxdp dataplane's cake: it has no conntrack to look behind NAT with; leave nat " +
      'out, or use dataplane.kind = "kernel"',
  );
  t.regex(refusalOf('discipline = "cake", split_gso = true'), /^home.toml:7:42: split_gso = true .* offloads are off/);
  t.deepEqual(sqmOf('discipline = "cake", nat = false, split_gso = false'), { ...CAKE, splitGso: false });
  const kernel = '[dataplane]\nkind = "kernel"\n';
  t.deepEqual(lines(load(withSqm('discipline = "cake", nat = true, split_gso = true', kernel))), []);
});

test("both directions may differ, in every discipline", (t) => {
  for (const down of ["cake", "fq_codel", "codel", "cobalt", "dualpi2", "pfifo", "bfifo", "none"]) {
    for (const [key, text] of [
      ["down", `sqm_down = { discipline = "${down}" }\nsqm = { discipline = "pfifo", limit = 9 }`],
      ["up", `sqm_down = { discipline = "${down}" }\nsqm_up = { discipline = "pfifo", limit = 9 }`],
    ]) {
      const plan = load(GOOD.replace(`sqm = { ${FIRST} }`, text ?? "")).cases[0]?.plans.home;
      t.is(plan?.sqmDown.discipline, down as Sqm["discipline"], key);
      t.deepEqual(plan?.sqmUp, { discipline: "pfifo", limit: 9 }, key);
    }
  }
});

test("the simple ones", (t) => {
  t.deepEqual(sqmOf('discipline = "bfifo"'), { discipline: "bfifo", limit: 1_514_000 });
  t.deepEqual(sqmOf('discipline = "bfifo", limit = "64kB"'), { discipline: "bfifo", limit: 64_000 });
  t.regex(refusalOf('discipline = "bfifo", limit = "1kB"'), /"1kB" is too small; at least 1792B is allowed/);
  t.regex(refusalOf('discipline = "bfifo", limit = 1000'), /1000 is a bare number, here a size is needed/);
  t.deepEqual(sqmOf('discipline = "codel", ce_threshold = "1ms"'), {
    ...{ discipline: "codel", target: 5e6, interval: 100e6, limit: 1000, ecn: false, ceThreshold: 1e6 },
  });
  t.deepEqual(sqmOf('discipline = "cobalt"'), {
    ...{ discipline: "cobalt", target: 5e6, interval: 100e6, limit: 10_240, ecn: true },
  });
  t.regex(refusalOf('discipline = "codel", interval = "1us"'), /"1us" is too small; at least 2us is allowed/);
  t.regex(refusalOf('discipline = "fq_codel", quantum = 100'), /100 is too small; at least 256 is allowed/);
});

test("DualPI2: tc's names and units, kept as sch_dualpi2 keeps them", (t) => {
  t.like(sqmOf('discipline = "dualpi2", limit = 500, memlimit = "1MiB"'), { limit: 500, memoryLimit: 2 ** 20 });
  t.like(sqmOf('discipline = "dualpi2", limit = 500'), { memoryLimit: 2 * 1514 * 500 });
  t.like(sqmOf('discipline = "dualpi2", step_thresh = 5'), { step: { unit: "packets", threshold: 5 } });
  t.like(sqmOf('discipline = "dualpi2", alpha = 0.5, beta = 2.001'), { alpha: 128, beta: 512 });
  t.like(
    sqmOf(
      'discipline = "dualpi2", coupling_factor = 3, classic_protection = "25%", drop_on_overload = false, ' +
        'drop_enqueue = true, ecn_mask = "any_ect", min_qlen_step = 2',
    ),
    {
      ...{ coupling: 3, classicProtection: 25, dropOnOverload: false, dropEarly: true, ecnMask: "any", minQlenStep: 2 },
    },
  );
  t.is(
    refusalOf('discipline = "dualpi2", step_thresh = "5 apples"'),
    'home.toml:7:47: plan.home.sqm.step_thresh: expected a time such as "1ms", or a whole number of packets, 1 … ' +
      '1000000, found "5 apples"',
  );
  t.regex(refusalOf('discipline = "dualpi2", alpha = 0.001'), /0.001 is too small; at least 0.00390625 is allowed/);
  t.regex(refusalOf('discipline = "dualpi2", step_threshold = "1ms"'), /did you mean "step_thresh"\?/);
});

const framing = (text: string) =>
  load(GOOD.replace('up = "5mbit"', `up = "5mbit"\n${text}`)).cases[0]?.plans.home?.framing;

test("framing: every keyword of tc's has tc's numbers", (t) => {
  const numbers: Record<string, [overhead: number, mpu: number, cell: "none" | "atm" | "ptm"]> = {
    conservative: [48, 0, "atm"],
    "ipoa-vcmux": [8, 0, "atm"],
    "ipoa-llcsnap": [16, 0, "atm"],
    "bridged-vcmux": [24, 0, "atm"],
    "bridged-llcsnap": [32, 0, "atm"],
    "pppoa-vcmux": [10, 0, "atm"],
    "pppoa-llc": [14, 0, "atm"],
    "pppoe-vcmux": [32, 0, "atm"],
    "pppoe-llcsnap": [40, 0, "atm"],
    "pppoe-ptm": [30, 0, "ptm"],
    "bridged-ptm": [22, 0, "ptm"],
    ethernet: [38, 84, "none"],
    "ether-vlan": [4, 0, "none"],
    docsis: [18, 64, "none"],
  };
  for (const [keyword, [overhead, mpu, cell]] of Object.entries(numbers)) {
    t.deepEqual(framing(`overhead = "${keyword}"`), { keyword, base: "ip", overhead, mpu, cell });
  }
  t.deepEqual(framing(""), { keyword: "raw", base: "frame", overhead: 0, mpu: 0, cell: "none" });
  t.deepEqual(framing("overhead = -20\nmpu = 64"), {
    keyword: "-20",
    base: "ip",
    overhead: -20,
    mpu: 64,
    cell: "none",
  });
});

test("framing: keywords add up as on tc's command line", (t) => {
  t.like(framing('overhead = ["ethernet", "ether-vlan"]'), { keyword: "ethernet ether-vlan", overhead: 42, mpu: 84 });
  t.like(framing('overhead = ["ether-vlan", "ether-vlan", "pppoe-ptm"]'), { overhead: 38, mpu: 0, cell: "ptm" });
  t.like(framing('overhead = ["ethernet", "conservative"]'), { overhead: 48, mpu: 84, cell: "atm" }, "it says 48");
  t.like(framing('overhead = "ethernet"\nvlan = 1\nmpu = 0'), { overhead: 42, mpu: 0 });
  t.like(framing('overhead = "pppoe-llcsnap"\natm = false'), { cell: "none", overhead: 40 });
  const refusal = (text: string) => lines(load(GOOD.replace('up = "5mbit"', `up = "5mbit"\n${text}`)));
  t.deepEqual(refusal('overhead = ["raw", "ether-vlan"]'), [
    'home.toml:7:12: plan.home.overhead: "raw" counts the frame as it is, so nothing can be added to it (leave it out ' +
      "of the list)",
  ]);
  t.deepEqual(refusal('overhead = "dsl"'), [
    "home.toml:7:12: plan.home.overhead: expected one of raw, ethernet, ether-vlan, docsis, pppoe-ptm, bridged-ptm, " +
      "pppoe-vcmux, pppoe-llcsnap, pppoa-vcmux, pppoa-llc, bridged-vcmux, bridged-llcsnap, ipoa-vcmux, ipoa-llcsnap, " +
      'conservative, a list of them, or bytes beyond the IP packet (−64 … 256), found "dsl"',
  ]);
});
