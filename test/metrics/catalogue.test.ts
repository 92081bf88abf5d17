import test from "ava";
import { deriveMetrics, type Metrics } from "../../harness/metrics/index.js";
import { CATALOGUE, parseMetric, STATISTICS } from "../../harness/scenario/metric-names.js";
import type { GameTraffic, ProbeTraffic, VoipTraffic } from "../../harness/scenario/types.js";
import {
  addBrowser,
  addFilm,
  addInterval,
  addLoader,
  addPage,
  addPlayer,
  addStream,
  addTester,
  addTransfer,
  MS,
  makeFlow,
  runOf,
  type Synthetic,
  synthetic,
} from "../recording/fixture.js";

/** A run with everything in it: both directions, sites, flows through ramp and loaded. */
function derived() {
  const s = synthetic();
  s.case.clients.forEach((client) => {
    client.site = "tower";
  });
  const up = [4, 5].map((id) => ({ ...makeFlow(id, id - 4), direction: "up" as const }));
  s.blueprint.traffic.flows.push(...up);
  for (const name of ["tcp_bin", "tcp_info", "flow_event"] as const) {
    const ofFirst = s.rows[name].filter((row) => row.flow === 0);
    s.rows[name].push(...up.flatMap((flow) => ofFirst.map((row) => ({ ...row, flow: flow.id }))));
  }
  for (const direction of ["down", "up"] as const) addStream(s, 0, direction);
  const browser = addBrowser(s, 0).id;
  for (const started of [100, 1050, 1300, 3250]) addPage(s, browser, started, 100);
  addFilm(s, addPlayer(s, 0).id);
  const loader = addLoader(s, 0).id;
  for (const asked of [1050, 1300]) addTransfer(s, loader, asked, 100);
  for (const direction of ["down", "up"] as const) {
    const tester = addTester(s, 0, direction).id;
    for (let n = 0; n < 4; n++) addInterval(s, tester, [150, 90, 300]);
  }
  for (const [name, kind] of [
    ["call", "voip"],
    ["play", "game"],
  ] as const)
    addEchoed(s, name, kind);
  return deriveMetrics(runOf(s));
}

/** Traffic that is measured as a probe is: with the same packets as `ping`. */
function addEchoed(s: Synthetic, name: string, kind: "voip" | "game"): void {
  const { probes } = s.blueprint.traffic;
  const own = probes.filter((probe) => probe.traffic === "ping");
  const first = probes.length;
  probes.push(...own.map((probe) => ({ ...probe, id: first + probe.id, traffic: name })));
  const rows = s.rows.probe.filter((row) => own.some(({ id }) => id === row.probe));
  s.rows.probe.push(...rows.map((row) => ({ ...row, probe: first + (row.probe as number) })));
  const ping = s.case.traffic.find((each) => each.name === "ping") as ProbeTraffic;
  s.case.traffic.push({ ...ping, name, kind, deadline: 2 * MS } as VoipTraffic | GameTraffic);
}

const SOURCES = new Map([
  ["bulk", "tcp"],
  ["file", "tcp"],
  ["ping", "probe"],
  ["call", "voip"],
  ["play", "game"],
  ["flood", "udp"],
  ["page", "web"],
  ["film", "video"],
  ["test", "rpm"],
]);

/** Of tcp: only with a size, only without. */
const SIZED = ["fct", "fct_connect", "slowdown", "completed", "failed", "unfinished"];
const ENDLESS = ["starvation", "goodput_down", "goodput_up"];

test("what the catalogue of metric names promises is produced, for every scope, phase and statistic", (t) => {
  const { total, by } = derived();
  const groups: Record<string, Metrics | undefined> = {
    total,
    client: by["client/home-1"],
    site: by["site/tower"],
  };
  const flows: Record<string, Metrics | undefined> = { bulk: by["flow/0"], flood: by["flow/6"], file: by["flow/102"] };
  let promised = 0;
  for (const [source, kind] of [...SOURCES, ["dataplane", "dataplane"] as const]) {
    for (const quantity of CATALOGUE[kind] ?? []) {
      if (kind === "tcp" && (source === "file" ? ENDLESS : SIZED).includes(quantity.name)) continue;
      for (const phase of quantity.phases) {
        for (const scope of quantity.scopes) {
          const stem = phase === "loaded" ? `${source}.${quantity.name}` : `${source}.${phase}.${quantity.name}`;
          const names = quantity.distribution ? STATISTICS.map((statistic) => `${stem}.${statistic}`) : [stem];
          for (const name of names) {
            const metric = (scope === "flow" ? flows[source] : groups[scope])?.[name];
            t.is(metric?.unit, quantity.unit, `${name} of a ${scope}`);
            t.true(metric?.value !== null && (metric?.count ?? 0) > 0, `${name} of a ${scope} has a value`);
            promised++;
          }
        }
      }
    }
  }
  t.true(promised > 1000, `${promised}`);
});

test("what is produced may be named in an expectation", (t) => {
  const { total } = derived();
  for (const name of Object.keys(total)) {
    const parsed = parseMetric(name, SOURCES);
    t.true(parsed.ok, parsed.ok ? "" : parsed.message);
  }
});

test("a run whose clock never reaches the loaded phase has none of its numbers", (t) => {
  const s = synthetic();
  for (const rows of Object.values(s.rows))
    rows.splice(0, rows.length, ...rows.filter((r) => (r.time ?? 0) < 1100 * MS));
  const { total } = deriveMetrics(runOf(s));
  for (const name of ["ping.rtt.p50", "ping.loss", "bulk.goodput", "dataplane.drops", "dataplane.sojourn.p50"]) {
    t.is(total[name]?.value ?? null, null, name);
  }
  t.is(total["ping.idle.rtt.p50"]?.count, 200);
});
