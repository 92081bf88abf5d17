import test from "ava";
import { makeBlueprint } from "../../harness/blueprint/index.js";
import { renderToml } from "../../harness/scenario/index.js";
import { PRESETS } from "../../harness/scenario/presets.js";
import type { Case } from "../../harness/scenario/types.js";
import { GOOD, lines, load } from "./helpers.js";

const BASE = GOOD.slice(0, GOOD.indexOf("[traffic.bulk]"));
const preset = (name: string, more = "", after = "") =>
  `${BASE}[traffic.load]\npreset = "${name}"\nfrom = "home"\nto = "web"\n${more}${after}`;

function caseOf(text: string): Case {
  const loaded = load(text);
  const [first] = loaded.cases;
  if (!first) throw new Error(lines(loaded).join("\n"));
  return first;
}

/** `load-tcp: tcp both ×4` … of each table, without what all have alike. */
function described(text: string): string[] {
  return caseOf(text).traffic.map((one) => {
    const how =
      one.kind === "tcp"
        ? `${one.direction} ×${one.flows} ${one.congestionControl}`
        : one.kind === "udp"
          ? `${one.direction} ${one.rate / 1e6} Mbit/s of ${one.size}${one.pattern ? ` ${JSON.stringify(one.pattern)}` : ""}`
          : one.kind === "probe"
            ? `${one.interval / 1e6} ms`
            : "";
    return `${one.name}: ${one.kind} dscp ${one.dscp} ${how}`.trim();
  });
}

test("every preset is the tables that it is documented to be", (t) => {
  t.deepEqual(described(preset("rrul")), [
    "load-be: tcp dscp 0 both ×1 cubic",
    "load-bk: tcp dscp 8 both ×1 cubic",
    "load-cs5: tcp dscp 40 both ×1 cubic",
    "load-ef: tcp dscp 46 both ×1 cubic",
    "load-udp_ef: probe dscp 46 20 ms",
    "load-udp_bk: probe dscp 8 20 ms",
    "load-udp_be: probe dscp 0 20 ms",
    "load-ping: probe dscp 0 20 ms",
  ]);
  t.deepEqual(described(preset("rrul_be")), ["load-tcp: tcp dscp 0 both ×4 cubic", "load-ping: probe dscp 0 20 ms"]);
  t.deepEqual(described(preset("tcp_nup")), ["load-tcp: tcp dscp 0 up ×4 cubic", "load-ping: probe dscp 0 20 ms"]);
  t.deepEqual(described(preset("tcp_ndown")), ["load-tcp: tcp dscp 0 down ×4 cubic", "load-ping: probe dscp 0 20 ms"]);
  t.deepEqual(described(preset("tcp_12up")), ["load-tcp: tcp dscp 0 up ×12 cubic", "load-ping: probe dscp 0 20 ms"]);
  t.deepEqual(described(preset("dslreports_8dn")), described(preset("tcp_8down")));
  t.deepEqual(described(preset("voip-rrul")), ["load-call: voip dscp 46", ...described(preset("rrul_be"))]);
  t.deepEqual(described(preset("bursts")), [
    'load-burst: udp dscp 0 down 100 Mbit/s of 500 {"period":10000000000,"pieces":[{"from":0,"rate":100000000},{"from":5000000000,"rate":0}]}',
    "load-ping: probe dscp 0 20 ms",
  ]);
  t.deepEqual(described(preset("udp_flood")), [
    "load-flood: udp dscp 0 up 100 Mbit/s of 1470",
    "load-ping: probe dscp 0 20 ms",
  ]);
  for (const name of Object.keys(PRESETS)) t.true(caseOf(preset(name)).traffic.length > 1, name);
});

test("what is written in a preset goes to the tables that know it, and a table of a part's name adds to that part", (t) => {
  const text = preset(
    "rrul",
    'family = "ipv6"\ninterval = "200ms"\ncongestion_control = "reno"\n',
    '[traffic.load-ef]\ndscp = "CS6"\n',
  );
  const { traffic } = caseOf(text);
  t.true(traffic.every(({ family, from }) => family === "ipv6" && from.length === 2));
  t.deepEqual(
    described(text).map((line) => line.replace(/^load-/u, "")),
    [
      "be: tcp dscp 0 both ×1 reno",
      "bk: tcp dscp 8 both ×1 reno",
      "cs5: tcp dscp 40 both ×1 reno",
      "ef: tcp dscp 48 both ×1 reno",
      ...["udp_ef: probe dscp 46", "udp_bk: probe dscp 8", "udp_be: probe dscp 0", "ping: probe dscp 0"].map(
        (probe) => `${probe} 200 ms`,
      ),
    ],
  );
  const { cases } = load(preset("tcp_8up"), { set: ["traffic.load.flows=2"] });
  t.like(cases[0]?.traffic[0], { direction: "up", flows: 2 });
  const steps = 'pattern = { shape = "steps", steps = [{ at = "0s", rate = "1mbit" }] }\n';
  t.deepEqual(caseOf(preset("bursts", steps)).traffic[0], {
    ...{ kind: "udp", name: "load-burst", from: ["home-1", "home-2"], to: "web", family: "ipv4", dscp: 0, host: null },
    ...{ direction: "down", rate: 100e6, size: 500, pattern: { period: null, pieces: [{ from: 0, rate: 1e6 }] } },
  });
});

test("expectations name the tables; the rendered case has them written out and is the same case", (t) => {
  const text = preset("rrul", "", '[[expect]]\nmetric = "load-udp_ef.induced.p99"\nbelow = "30ms"\n');
  const loaded = load(text);
  t.is(loaded.cases[0]?.expectations[0]?.metric, "load-udp_ef.induced.p99");
  const rendered = renderToml(loaded, "home");
  t.false(rendered.includes("preset"));
  t.deepEqual(load(rendered).cases[0]?.traffic, loaded.cases[0]?.traffic);
  const { flows, probes } = makeBlueprint(loaded.cases[0] as Case, { lab: "mq-1a2b", seed: 1, cores: 2 }).traffic;
  t.is(flows.length, 2 * 8);
  t.is(probes.length, 2 * 4);
});

test("a preset's problems are named once, where they stand", (t) => {
  const found = (text: string) => lines(load(text)).filter((line) => !line.includes("warning"));
  const expect = '[[expect]]\nmetric = "load-ping.loss"\nbelow = "1%"\n';
  t.deepEqual(found(preset("rul", "", expect)), [
    'home.toml:20:10: traffic.load.preset: "rul" is no preset; did you mean "rrul"? allowed: rrul, rrul_be, tcp_nup, tcp_ndown, dslreports_8dn, voip-rrul, bursts, udp_flood, and tcp_8up, tcp_12down … with any number',
  ]);
  t.regex(found(preset("tcp_0up"))[0] ?? "", /is no preset; did you mean "tcp_nup"\?/u);
  t.deepEqual(found(preset("rrul_be", "flow = 3\n", expect)), [
    'home.toml:23:1: traffic.load: unknown key "flow" of a preset; did you mean "flows"? allowed: preset, from, to, family, host, enabled, active, reshuffle, flows, congestion_control, ecn, interval',
  ]);
  t.regex(found(preset("rrul", 'kind = "tcp"\n'))[0] ?? "", /:23:1: .*preset and kind exclude each other/u);
  t.deepEqual(found(preset("rrul_be", "flows = 0\n")), [
    "home.toml:23:9: traffic.load-tcp.flows: 0 is too small; at least 1 is allowed",
  ]);
  t.regex(
    found(preset("rrul_be", "", '[traffic.load-ping]\nkind = "probe"\nfrom = "home"\nto = "web"\n'))[0] ?? "",
    /:20:10: .*makes a traffic "load-ping", and there is one of that name already/u,
  );
  t.regex(found(preset("tcp_9999up"))[0] ?? "", /:20:10: traffic.load-tcp.flows: 9999 is too big|too large/u);
  t.regex(found(`${BASE}[traffic.load]\npreset = "rrul"\nto = "web"\n`)[0] ?? "", /:\d+:\d+: traffic\.load-be\.from/u);
});

test("one slip in a preset's table is one message, however many tables take it over", (t) => {
  const found = lines(load(preset("rrul", 'interval = "10mbit"\n'))).filter((line) => !line.includes("warning"));
  t.is(found.length, 1, found.join("\n"));
  t.regex(
    found[0] ?? "",
    /^home\.toml:23:12: traffic\.load-udp_ef\.interval: "10mbit" is a rate, here a time is needed/u,
  );
});
