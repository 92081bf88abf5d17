import test, { type ExecutionContext } from "ava";
import { deriveMetrics, type Metrics } from "../../harness/metrics/index.js";
import { percentile, seededRng } from "../../harness/stats/index.js";
import { addStream, lose, MS, probeRow, runOf, type Synthetic, synthetic } from "../recording/fixture.js";

function near(t: ExecutionContext, metrics: Metrics | undefined, name: string, expected: number, slack = 1e-9): void {
  const value = metrics?.[name]?.value;
  t.true(typeof value === "number", `${name} is ${value}`);
  t.true(Math.abs((value as number) - expected) <= slack, `${name} is ${value}, expected ${expected}`);
}

const derive = (s: Synthetic) => deriveMetrics(runOf(s));

// ---- probes ------------------------------------------------------------------------------------------------------

test("RTT percentiles of a known distribution, by phase and client and pooled", (t) => {
  // Loaded: client 0 has 20.1 … 40.0 ms in steps of 0.1 (200 packets), client 1 always 50 ms.
  const s = synthetic({}, { loaded: (client, seq) => (client === 0 ? 0.02 + ((seq % 200) + 1) * 1e-4 : 0.05) });
  const { total, by } = derive(s);
  const first = by["client/home-1"];
  for (const [p, ms] of [
    [0, 20.1],
    [1, 20.2],
    [50, 30],
    [90, 38],
    [99, 39.8],
    [99.9, 40],
    [100, 40],
  ] as const) {
    near(t, first, `ping.rtt.p${p}`, ms / 1e3);
  }
  near(t, first, "ping.rtt.mean", 0.03005);
  near(t, first, "ping.rtt.min", 0.0201);
  near(t, first, "ping.rtt.max", 0.04);
  t.is(first?.["ping.rtt.p50"]?.count, 200);
  near(t, total, "ping.rtt.p50", 0.04);
  near(t, total, "ping.rtt.p75", 0.05);
  t.is(total["ping.rtt.p50"]?.count, 400);
  near(t, total, "ping.idle.rtt.p99", 0.02);
  t.is(total["ping.idle.rtt.p50"]?.count, 200);
  t.is(total["ping.ramp.rtt.p50"]?.count, 40);
  t.is(total["ping.cooldown.rtt.p50"]?.count, 60);
});

test("one-way delays: up is t2 − t1, down is t4 − t3, and the server's own time is in none of them", (t) => {
  const { total } = derive(synthetic());
  near(t, total, "ping.owd_up.p50", 0.025 / 4);
  near(t, total, "ping.owd_down.p50", (0.025 * 3) / 4);
  near(t, total, "ping.rtt.p50", 0.025);
});

test("a packet belongs to the phase in which it was due", (t) => {
  const s = synthetic();
  // Due 10 ms before the loaded phase ends, back long after it.
  const late = s.rows.probe.find((row) => row.probe === 0 && row.time === 3190 * MS);
  Object.assign(late as object, probeRow(0, 319, 3190 * MS, 900 * MS));
  const { by } = derive(s);
  near(t, by["client/home-1"], "ping.rtt.max", 0.9);
  near(t, by["client/home-1"], "ping.cooldown.rtt.max", 0.02);
});

test("induced latency: loaded quantile minus the client's own idle median", (t) => {
  const far = (client: number) => (client === 0 ? 0.02 : 0.12);
  const s = synthetic({}, { idle: far, loaded: (client, seq) => far(client) + (seq % 100) * 1e-3 });
  const { total, by } = derive(s);
  for (const group of [total, by["client/home-1"], by["client/home-2"]]) {
    near(t, group, "ping.induced.p50", 0.049);
    near(t, group, "ping.induced.p99", 0.098);
    near(t, group, "ping.induced.max", 0.099);
  }
  t.is(total["ping.idle.induced.p50"], undefined);
});

test("no idle phase, no induced latency and no grade: null, not 0", (t) => {
  const s = synthetic();
  s.rows.probe = s.rows.probe.filter((row) => (row.time ?? 0) >= 1000 * MS);
  const { total } = derive(s);
  t.deepEqual(total["ping.induced.p99"], { value: null, unit: "s", count: 0 });
  t.is(total["ping.grade"]?.value, null);
});

test("grades follow the table at its edges", (t) => {
  const uplifts = [
    [-0.001, 6],
    [0.0049, 6],
    [0.0051, 5],
    [0.0299, 5],
    [0.0301, 4],
    [0.0601, 3],
    [0.1999, 3],
    [0.2001, 2],
    [0.4001, 1],
  ];
  for (const [uplift, grade] of uplifts as [number, number][]) {
    const { total, by } = derive(synthetic({}, { loaded: () => 0.02 + uplift }));
    t.is(total["ping.grade"]?.value, grade, `uplift ${uplift}`);
    t.is(by["client/home-2"]?.["ping.grade"]?.value, grade);
    t.is(total["ping.grade"]?.unit, "grade");
  }
});

test("the grade of a group is the mean rise of its clients: loss under load does not change their weights", (t) => {
  const far = (client: number): number => (client === 0 ? 0.02 : 0.3);
  const s = synthetic({}, { idle: far, loaded: far });
  // Nobody's RTT rises, but nine of ten packets of the near client are lost under load.
  s.rows.probe = s.rows.probe.map((row) =>
    row.probe === 0 && (row.time ?? 0) >= 1200 * MS && (row.seq ?? 0) % 10 !== 0 ? lose(row) : row,
  );
  const { total } = derive(s);
  t.is(total["ping.grade"]?.value, 6);
  t.is(total["ping.grade"]?.count, 220, "every packet that came back stands behind it");
  near(t, total, "ping.induced.p99", 0);
});

test("loss, by where it happened, of what was really sent", (t) => {
  const s = synthetic({ clients: 1 });
  const loaded = s.rows.probe.filter((row) => (row.time ?? 0) >= 1200 * MS && (row.time ?? 0) < 3200 * MS);
  for (const row of loaded.slice(0, 6)) Object.assign(row, lose(row));
  for (const row of loaded.slice(6, 10)) Object.assign(row, { client_received: 0, down_copies: 0 });
  for (const row of loaded.slice(10, 15)) Object.assign(row, { ...lose(row), client_sent: 0, flags: 4, error: 105 });
  const { total } = derive(s);
  near(t, total, "ping.loss", 10 / 195, 1e-12);
  near(t, total, "ping.loss_up", 6 / 195, 1e-12);
  near(t, total, "ping.loss_down", 4 / 189, 1e-12);
  t.is(total["ping.loss"]?.count, 195);
  near(t, total, "ping.late", 5);
  t.is(total["ping.rtt.p50"]?.count, 185);
  near(t, total, "ping.idle.loss", 0);
});

test("all packets lost: loss is 1, delays are null", (t) => {
  const s = synthetic();
  s.rows.probe = s.rows.probe.map(lose);
  const { total } = derive(s);
  near(t, total, "ping.loss", 1);
  t.is(total["ping.rtt.p50"]?.value, null);
  t.is(total["ping.loss_down"]?.value, null, "nothing reached the server, so nothing could be lost behind it");
});

test("duplicates: one per extra copy, however often it is seen", (t) => {
  const s = synthetic({ clients: 1 });
  const at = (time: number) => s.rows.probe.find((row) => row.time === time) as object;
  Object.assign(at(1500 * MS), { up_copies: 2, down_copies: 2 });
  Object.assign(at(1600 * MS), { down_copies: 3 });
  near(t, derive(s).total, "ping.duplicates", 3);
});

test("lateness of the generator is counted, and is no delay", (t) => {
  const s = synthetic({ clients: 1 });
  const row = s.rows.probe.find((r) => r.time === 1500 * MS) as object;
  Object.assign(row, { ...probeRow(0, 150, 1500 * MS + 11 * MS, 25 * MS), time: 1500 * MS });
  const { total } = derive(s);
  near(t, total, "ping.late", 1);
  near(t, total, "ping.rtt.max", 0.025);
});

test("reordering is RFC 4737's, in order of arrival", (t) => {
  const s = synthetic({ clients: 1 });
  // The packet of 1500 ms comes back 35 ms late: after those of 1510, 1520 and 1530 ms.
  const row = s.rows.probe.find((r) => r.time === 1500 * MS) as object;
  Object.assign(row, probeRow(0, 150, 1500 * MS, 60 * MS));
  near(t, derive(s).total, "ping.reordered", 1);
  near(t, derive(synthetic()).total, "ping.reordered", 0);
});

test("PDV is against the smallest delay, IPDV between neighbours", (t) => {
  const s = synthetic({ clients: 1 }, { loaded: (_, seq) => (seq % 2 === 0 ? 0.021 : 0.024) });
  const { total } = derive(s);
  near(t, total, "ping.pdv.p50", 0);
  near(t, total, "ping.pdv.max", 0.003);
  near(t, total, "ping.ipdv", 0.003);
  // After many alternations RTP's estimator has converged to |D|.
  near(t, total, "ping.jitter", 0.003, 1e-7);
  near(t, total, "ping.jitter_up", 0.00075, 1e-7);
  near(t, total, "ping.jitter_down", 0.00225, 1e-7);
});

// ---- TCP ---------------------------------------------------------------------------------------------------------

test("goodput: payload over the phase, per flow, client and total", (t) => {
  const { total, by } = derive(synthetic({}, { goodput: (flow) => (flow + 1) * 1e6 }));
  near(t, by["flow/0"], "bulk.goodput", 1e6);
  near(t, by["flow/3"], "bulk.goodput", 4e6);
  near(t, by["client/home-1"], "bulk.goodput", 3e6);
  near(t, by["client/home-2"], "bulk.goodput", 7e6);
  near(t, total, "bulk.goodput", 10e6);
  t.is(total["bulk.goodput"]?.layer, "goodput");
  t.is(total["bulk.goodput"]?.count, 80);
  t.is(total["bulk.idle.goodput"], undefined, "nothing was meant to flow");
});

test("a bin that straddles the edge of a phase counts by its overlap", (t) => {
  const s = synthetic({ clients: 1, flows: 1 }, { goodput: (_, bin) => (bin === 2 ? 8e6 : 0) });
  // Bin 2 covers 1200 … 1300 ms; the loaded phase now begins in its middle.
  s.blueprint.timeline.phases = s.blueprint.timeline.phases.map((phase) =>
    phase.name === "loaded" ? { ...phase, start: 1250 * MS } : phase,
  );
  near(t, derive(s).total, "bulk.goodput", 8e6 * (0.05 / 1.95), 1);
});

test("a recording that ends early is judged over what it covers; one without bins is no data", (t) => {
  const s = synthetic({ clients: 1, flows: 1 }, { goodput: () => 5e6 });
  for (const name of ["tcp_bin", "traffic_reactor"] as const) {
    s.rows[name] = s.rows[name].filter((row) => (row.time ?? 0) <= 2200 * MS);
  }
  near(t, derive(s).total, "bulk.goodput", 5e6, 1);
  s.rows.tcp_bin = [];
  s.rows.flow_event = [];
  t.is(derive(s).total["bulk.goodput"]?.value, null);
  t.is(derive(s).total["bulk.starvation"]?.value, null);
  t.is(derive(s).total["bulk.connect_failures"]?.value, null);
});

test("a flow that never connected delivered 0, starved all the time and is a failure", (t) => {
  const s = synthetic({ clients: 1, flows: 2 });
  s.rows.tcp_bin = s.rows.tcp_bin.filter((row) => row.flow !== 1);
  s.rows.flow_event = [
    ...s.rows.flow_event.filter((row) => row.flow !== 1),
    { time: 1000 * MS, flow: 1, event: 1 },
    { time: 1001 * MS, flow: 1, event: 4, value: 111 },
  ];
  const { total, by } = derive(s);
  near(t, by["flow/1"], "bulk.goodput", 0);
  near(t, total, "bulk.starvation", 2);
  near(t, total, "bulk.connect_failures", 1);
  near(t, by["flow/0"], "bulk.connect_failures", 0);
  near(t, total, "bulk.jain", 0.5);
});

test("one flow that was not recorded leaves no sum over the others", (t) => {
  const s = synthetic({ clients: 1, flows: 2 });
  s.rows.tcp_bin = s.rows.tcp_bin.filter((row) => row.flow !== 1);
  s.rows.flow_event = s.rows.flow_event.filter((row) => row.flow !== 1);
  const { total, by } = derive(s);
  t.is(total["bulk.goodput"]?.value, null);
  t.is(total["bulk.jain"]?.value, null);
  t.true((by["flow/0"]?.["bulk.goodput"]?.value ?? 0) > 0);
});

test("Jain over flows; over clients by their shares", (t) => {
  const s = synthetic({ flows: 1 }, { goodput: (flow) => (flow === 0 ? 10e6 : 5e6) });
  near(t, derive(s).total, "bulk.jain", 225 / 250, 1e-9);
  near(t, derive(s).total, "bulk.jain_clients", 225 / 250, 1e-9);
  s.blueprint.timeline.shares = [
    { client: "home-1", down: 20e6, up: 5e6 },
    { client: "home-2", down: 10e6, up: 5e6 },
  ];
  near(t, derive(s).total, "bulk.jain_clients", 1, 1e-9);
  t.is(derive(s).by["client/home-1"]?.["bulk.jain_clients"], undefined);
});

test("a traffic in both directions: the sum, each by itself, and the less fair of the two", (t) => {
  const s = synthetic({ clients: 1, flows: 4 }, { goodput: (flow) => [9e6, 9e6, 3e6, 1e6][flow] as number });
  for (const flow of s.blueprint.traffic.flows.slice(2)) flow.direction = "up";
  const { total } = derive(s);
  near(t, total, "bulk.goodput", 22e6);
  near(t, total, "bulk.goodput_down", 18e6);
  near(t, total, "bulk.goodput_up", 4e6);
  near(t, total, "bulk.jain", 16 / 20, 1e-9);
});

test("starvation: the longest time in a row below a tenth of the fair share", (t) => {
  // Two flows of a 20 Mbit/s client: about 9.3 Mbit/s each is fair. Bins 5–8 and 12–13 get 0.5 Mbit/s.
  const hungry = new Set([5, 6, 7, 8, 12, 13]);
  const s = synthetic({ clients: 1 }, { goodput: (flow, bin) => (flow === 1 && hungry.has(bin) ? 0.5e6 : 9e6) });
  near(t, derive(s).by["flow/1"], "bulk.starvation", 0.4);
  near(t, derive(s).by["flow/0"], "bulk.starvation", 0);
  near(t, derive(s).by["client/home-1"], "bulk.starvation", 0.4);
});

test("retransmits and RTT are the phase's own, not the connection's so far", (t) => {
  const { total } = derive(synthetic({ clients: 1, flows: 1 }));
  // Samples at 1.2 … 3.1 s (20 of them); counters grew from that at 1.1 s: 20 × 1,000 of 20 × 100,000 bytes.
  near(t, total, "bulk.retransmits", 0.01);
  t.is(total["bulk.rtt.p50"]?.count, 20);
  near(t, total, "bulk.rtt.min", 0.025001);
  near(t, total, "bulk.rtt.max", 0.02502);
  near(t, total, "bulk.cwnd.max", 30);
  t.is(total["bulk.cwnd.p50"]?.unit, "packets");
});

// ---- dataplane ---------------------------------------------------------------------------------------------------

test("the dataplane's rate, utilization, drops, marks and sojourn are those of the phase", (t) => {
  const { total, by } = derive(synthetic());
  const one = by["client/home-1"];
  near(t, one, "dataplane.rate_down", 150 * 1538 * 8 * 10);
  near(t, one, "dataplane.rate_up", 75 * 90 * 8 * 10);
  t.is(one?.["dataplane.rate_down"]?.layer, "wire");
  near(t, one, "dataplane.utilization_down", (150 * 1538 * 80) / 20e6);
  near(t, one, "dataplane.utilization", (150 * 1538 * 80) / 20e6);
  near(t, total, "dataplane.rate_down", 2 * 150 * 1538 * 80);
  // Per leaf and record: 1 by the AQM, 2 by overflow, 3 marks; 20 records, 2 directions.
  near(t, one, "dataplane.drops", 120);
  near(t, one, "dataplane.drops_aqm", 40);
  near(t, one, "dataplane.drops_overflow", 80);
  near(t, one, "dataplane.drops_down", 60);
  near(t, one, "dataplane.marks", 120);
  near(t, total, "dataplane.marks", 240);
  near(t, one, "dataplane.sojourn.p50", 0.002);
  near(t, one, "dataplane.sojourn.p90", 0.008);
  near(t, one, "dataplane.sojourn_down.p99", 0.008);
  near(t, one, "dataplane.sojourn_up.max", 0.01);
  near(t, one, "dataplane.sojourn.mean", 0.003);
  t.is(one?.["dataplane.sojourn.p50"]?.count, 20 * (150 + 75));
  near(t, one, "dataplane.backlog_max", 5);
});

test("rates of different layers are not added up", (t) => {
  const s = synthetic();
  const [, second] = s.blueprint.dataplane.clients;
  for (const direction of ["down", "up"] as const) {
    (second as NonNullable<typeof second>)[direction].framing = { base: "frame", overhead: 0, mpu: 0, cell: "none" };
  }
  const { total, by } = derive(s);
  t.is(total["dataplane.rate_down"]?.value, null);
  t.is(total["dataplane.rate_down"]?.layer, undefined);
  t.is(by["client/home-1"]?.["dataplane.rate_down"]?.layer, "wire");
  t.is(by["client/home-2"]?.["dataplane.rate_down"]?.layer, "frame");
  t.true((by["client/home-2"]?.["dataplane.rate_up"]?.value ?? 0) > 0);
});

test("an unlimited line has a rate but no utilization", (t) => {
  const s = synthetic({ clients: 1 });
  for (const client of s.blueprint.dataplane.clients) client.down.rate = 0;
  const { total } = derive(s);
  t.true((total["dataplane.rate_down"]?.value ?? 0) > 0);
  t.is(total["dataplane.utilization_down"]?.value, null);
});

test("accounting: from the event; without it, the dataplane's last records and nothing about the rest", (t) => {
  const s = synthetic();
  near(t, derive(s).total, "dataplane.unaccounted", 0);
  t.is(derive(s).accounting?.out, 49_900);
  s.events = s.events.filter((event) => event.event !== "accounting");
  const { accounting, total } = derive(s);
  t.is(accounting?.in, 2 * 500 * 34);
  t.is(accounting?.unaccounted, null);
  t.is(total["dataplane.unaccounted"]?.value, null);
  s.rows.dp_reactor = [];
  t.is(derive(s).accounting, null);
  s.events.push({ event: "accounting", time: 1, in: 5 });
  t.is(derive(s).accounting, null, "half an accounting is none");
});

// ---- whatever there is -------------------------------------------------------------------------------------------

test("nothing recorded: metrics are null, never 0 and never an exception", (t) => {
  const s = synthetic();
  for (const name of Object.keys(s.rows) as (keyof typeof s.rows)[]) s.rows[name] = [];
  s.events = [];
  const { total, by, accounting } = derive(s);
  t.is(accounting, null);
  const values = [total, ...Object.values(by)].flatMap((metrics) => Object.values(metrics));
  t.true(values.length > 100);
  for (const metric of values) t.is(metric.value, null);
  t.deepEqual(deriveMetrics({ ...runOf(s), blueprint: null }).total, {});
});

test("metrics do not depend on the order in which rows were written", (t) => {
  const rng = seededRng(5);
  const noise = (): number => 0.02 + rng.next() * 0.03;
  const s = synthetic({ clients: 3 }, { idle: noise, loaded: noise, goodput: () => rng.next() * 9e6 });
  const before = derive(s);
  for (const rows of Object.values(s.rows)) {
    for (let i = rows.length - 1; i > 0; i--) {
      const j = rng.integer(0, i);
      [rows[i], rows[j]] = [rows[j] as (typeof rows)[0], rows[i] as (typeof rows)[0]];
    }
  }
  t.deepEqual(derive(s), before);
});

test("pooled percentiles are those of all clients' samples; every distribution is monotone", (t) => {
  const rng = seededRng(6);
  const samples: number[] = [];
  const loaded = (_: number, seq: number): number => {
    const rtt = 0.02 + Math.round(rng.next() ** 4 * 1e9) / 1e9;
    if (seq >= 120 && seq < 320) samples.push(rtt);
    return rtt;
  };
  const { total } = derive(synthetic({ clients: 4 }, { loaded }));
  for (const p of [1, 50, 95, 99, 99.9]) near(t, total, `ping.rtt.p${p}`, percentile(samples, p) as number, 1e-9);
  const families = new Set(Object.keys(total).map((name) => name.replace(/\.p(50|99)$/, "")));
  for (const family of families) {
    const values = [0, 1, 5, 10, 25, 50, 75, 90, 95, 98, 99, 99.9, 100].map(
      (p) => total[`${family}.p${p}`]?.value ?? null,
    );
    const known = values.filter((value) => value !== null);
    t.deepEqual(
      known,
      [...known].sort((a, b) => a - b),
      family,
    );
  }
});

test("sites pool their own clients", (t) => {
  const s = synthetic({ clients: 3 }, { loaded: (client) => 0.02 + client * 0.01, goodput: (flow) => flow * 1e6 });
  s.case.clients.forEach((client, i) => {
    client.site = i < 2 ? "tower" : "mast";
  });
  const { by } = derive(s);
  near(t, by["site/tower"], "ping.rtt.max", 0.03);
  t.is(by["site/tower"]?.["ping.rtt.max"]?.count, 400);
  near(t, by["site/mast"], "bulk.goodput", 9e6);
});

test("a site is the sum of all below it, at any depth; its utilization is of its own capacity", (t) => {
  const s = synthetic({ clients: 3 }, { goodput: (flow) => flow * 1e6 });
  const plain = derive(s).by;
  s.case.sites = {
    tower: { down: 100e6, up: 100e6, parent: null },
    ap: { down: 25e6, up: 10e6, parent: "tower" },
  };
  s.case.clients.forEach((client, i) => {
    client.site = i < 2 ? "ap" : "tower";
  });
  const node = (ceil: number) => ({ rate: 0, ceil, quantum: 0, priority: 0, burst: 0 });
  const dataplane = s.blueprint?.dataplane;
  if (!dataplane) throw new Error("the synthetic run has a blueprint");
  dataplane.sites = [
    { id: 0, name: "tower", parent: -1, reactor: 0, down: node(100e6), up: node(100e6) },
    { id: 1, name: "ap", parent: 0, reactor: 0, down: node(25e6), up: node(10e6) },
  ];
  for (const client of dataplane.clients) {
    client.node = { down: node(client.down.rate), up: node(client.up.rate) };
    client.down = { ...client.down, rate: 0 };
  }
  const { by } = derive(s);
  const sum = (name: string, clients: number[]) =>
    clients.reduce((all, n) => all + (plain[`client/home-${n}`]?.[name]?.value ?? Number.NaN), 0);
  near(t, by["site/ap"], "bulk.goodput", sum("bulk.goodput", [1, 2]));
  near(t, by["site/tower"], "bulk.goodput", sum("bulk.goodput", [1, 2, 3]));
  near(t, by["site/tower"], "dataplane.utilization_down", sum("dataplane.rate_down", [1, 2, 3]) / 100e6);
  near(t, by["site/ap"], "dataplane.utilization_down", sum("dataplane.rate_down", [1, 2]) / 25e6);
  const used = "dataplane.utilization_down";
  t.is(by["client/home-1"]?.[used]?.value, plain["client/home-1"]?.[used]?.value, "the class's ceil is the plan");
});

test("IPDV has no difference across a loss", (t) => {
  const s = synthetic({ clients: 1 }, { loaded: (_, seq) => (seq < 200 ? 0.021 : 0.029) });
  const at = (time: number) => s.rows.probe.find((row) => row.time === time) as Record<string, number>;
  near(t, derive(s).total, "ping.ipdv", 0.008 / 199);
  Object.assign(at(2000 * MS), lose(at(2000 * MS)));
  near(t, derive(s).total, "ping.ipdv", 0);
});

test("a bin that reaches beyond the end of a phase counts by its overlap", (t) => {
  const s = synthetic({ clients: 1, flows: 1 }, { goodput: (_, bin) => (bin === 20 ? 8e6 : 0) });
  // Bin 20 covers 3000 … 3100 ms; the loaded phase now ends in its middle.
  s.blueprint.timeline.phases = s.blueprint.timeline.phases.map((phase) =>
    phase.name === "loaded" ? { ...phase, end: 3050 * MS } : phase,
  );
  near(t, derive(s).total, "bulk.goodput", 8e6 * (0.05 / 1.85), 1);
});

test("the last accounting counts", (t) => {
  const s = synthetic();
  s.events.push({ ...(s.events.find((e) => e.event === "accounting") as (typeof s.events)[0]), unaccounted: 9 });
  near(t, derive(s).total, "dataplane.unaccounted", 9);
});

test("where nothing measured how long packets waited there is no sojourn, not one of 0", (t) => {
  const s = synthetic();
  if (s.blueprint) s.blueprint.dataplane.kind = "kernel";
  for (const row of s.rows.dp_client)
    Object.assign(row, { sojourn_sum: 0, sojourn_p50: 0, sojourn_p99: 0, sojourn_max: 0 });
  s.rows.dp_reactor = [];
  const { total, by } = derive(s);
  for (const metrics of [total, by["client/home-1"]]) {
    t.deepEqual(
      Object.keys(metrics ?? {}).filter((name) => name.includes("sojourn")),
      [],
    );
    t.truthy(metrics?.["dataplane.drops"]);
    t.truthy(metrics?.["dataplane.rate_down"]?.value);
    t.truthy(metrics?.["dataplane.utilization"]?.value);
  }
  if (s.blueprint) s.blueprint.dataplane.kind = "none";
  t.is(derive(s).total["dataplane.utilization"]?.value, null, "nothing enforces the plan");
});

// ---- UDP streams -------------------------------------------------------------------------------------------------

test("streams: payload and IP rates of what arrived, what was sent, loss of what was sent in the phase", (t) => {
  const s = synthetic();
  const down = addStream(s, 0);
  addStream(s, 1);
  const { total, by } = derive(s);
  // 900 of 1000 packets a second, 1000 bytes of payload, 1028 of IP.
  near(t, by[`flow/${down.id}`], "flood.goodput", 7.2e6, 1e-6);
  near(t, by["client/home-2"], "flood.throughput", 0.9 * 1028 * 8e3, 1e-6);
  near(t, by["client/home-1"], "flood.sent", 1028 * 8e3, 1e-6);
  near(t, total, "flood.goodput", 14.4e6, 1e-6);
  near(t, total, "flood.loss", 0.1);
  t.is(total["flood.loss"]?.count, 4000);
  t.is(total["flood.reordered"]?.value, 200);
  t.is(total["flood.goodput"]?.layer, "goodput");
  t.is(total["flood.throughput"]?.layer, "ip");
  t.is(total["flood.goodput_down"], undefined, "one direction only");
  t.is(total["flood.idle.goodput"], undefined);
  t.is(total["flood.ramp.goodput"]?.count, 4);
});

test("streams: what was under way when the run broke off is neither sent nor lost; what was not sent is told", (t) => {
  const s = synthetic();
  addStream(s, 0);
  const [row] = s.rows.udp_sent.filter(({ time }) => time === 2000 * MS);
  Object.assign(row as object, { lost: 0, pending: 100 });
  const [other] = s.rows.udp_sent.filter(({ time }) => time === 2100 * MS);
  Object.assign(other as object, { refused: 3, skipped: 4 });
  const { total } = derive(s);
  near(t, total, "flood.loss", 0.1);
  t.is(total["flood.loss"]?.count, 1900);
  t.is(total["flood.unsent"]?.value, 7);
});

test("streams that left no records are no data, not 0", (t) => {
  const s = synthetic();
  const stream = addStream(s, 0);
  addStream(s, 1);
  for (const name of ["udp_bin", "udp_sent"] as const)
    s.rows[name] = s.rows[name].filter((row) => row.stream !== stream.id);
  const { total, by } = derive(s);
  for (const name of ["flood.goodput", "flood.throughput", "flood.sent", "flood.loss", "flood.reordered"]) {
    t.is(by["client/home-1"]?.[name]?.value, null, name);
  }
  t.is(total["flood.goodput"]?.value, null, "a sum over the rest would understate");
});

test("drops, marks and retransmitted packets of the whole run", (t) => {
  const s = synthetic();
  for (const row of s.rows.tcp_info) row.total_retrans = (row.flow ?? 0) + ((row.time ?? 0) - 1100 * MS) / (100 * MS);
  const { total, by } = derive(s);
  // 35 records, counters 0, 1, 2 … 34 for AQM and twice that for overflow; two clients, two directions.
  t.is(total["dataplane.drops_run"]?.value, 4 * 34 * 3);
  t.is(total["dataplane.marks_run"]?.value, 4 * 34 * 3);
  t.is(by["client/home-1"]?.["dataplane.drops_run"]?.value, 2 * 34 * 3);
  t.true((total["dataplane.drops"]?.value ?? 0) < 4 * 34 * 3);
  t.is(by["flow/3"]?.["bulk.retransmitted_packets"]?.value, 3 + 21);
  t.is(total["bulk.retransmitted_packets"]?.value, 0 + 1 + 2 + 3 + 4 * 21);
});

test("what left a shaper, at the IP layer", (t) => {
  // 1500 frames of 1538 bytes a second, as the fixture has it.
  near(t, derive(synthetic()).by["client/home-1"], "dataplane.throughput_down", 1500 * (1538 - 14) * 8, 1e-6);
});
