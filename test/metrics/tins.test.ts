import test from "ava";
import { deriveMetrics, type Metrics } from "../../harness/metrics/index.js";
import type { Row } from "../../harness/recording/index.js";
import { parseMetric, TIN, TINS } from "../../harness/scenario/metric-names.js";
import { MS, runOf, SECOND, type Synthetic, synthetic } from "../recording/fixture.js";

const CAKE = 3;

/**
 * Idle 0–1 s, loaded 1.2–3.2 s. cake's diffserv3: every second 1000 full frames of best effort and 100 of voice, which
 * begins at 2 s; the records come 3 ms after the second.
 */
function diffserv3(): Synthetic {
  const s = synthetic();
  const counted = (tin: number, second: number): Row => {
    const each = tin === 1 ? 1000 : 100;
    const seconds = tin === 1 ? second : second - 2;
    return {
      time: second * SECOND + 3 * MS,
      client: 0,
      direction: 0,
      tin,
      tins: 3,
      discipline: CAKE,
      out_packets: each * seconds,
      out_bytes: each * seconds * 1014,
      drops: 10 * seconds,
      marks: tin === 1 ? 20 * seconds : 0,
      ack_drops: seconds,
      delay_average: second * MS,
      delay_peak: (10 - second) * MS,
    };
  };
  for (const second of [1, 2, 3]) s.rows.dp_tin.push(counted(1, second));
  s.rows.dp_tin.push(counted(2, 3));
  return s;
}

const of = (metrics: Metrics | undefined, name: string) => metrics?.[`dataplane.${name}`]?.value;

test("tins: growth between the records nearest to a phase's ends, at the layers and units of the rest", (t) => {
  const { total, by } = deriveMetrics(runOf(diffserv3()));
  const home = by["client/home-1"];
  // From 1.003 s to 3.003 s.
  t.is(of(home, "tin.besteffort.drops"), 20);
  t.is(of(home, "tin.besteffort.drops_down"), 20);
  t.is(of(home, "tin.besteffort.marks"), 40);
  t.is(of(home, "tin.besteffort.ack_drops"), 2);
  t.is(of(home, "tin.besteffort.throughput_down"), 8e6);
  t.is(of(home, "tin.besteffort.delay_average_down"), 0.0025);
  t.is(of(home, "tin.besteffort.delay_peak_down"), 0.008);
  // Voice had no record before the phase: it counts from 0, since the phase began.
  t.is(of(home, "tin.voice.drops"), 10);
  t.is(home?.["dataplane.tin.voice.throughput_down"]?.layer, "ip");
  t.is(Math.round(of(home, "tin.voice.throughput_down") ?? 0), Math.round((100 * 8000) / 1.803));
  t.is(of(home, "tin.voice.share_down"), Number((100 / 2100).toPrecision(12)));
  t.deepEqual(of(total, "tin.voice.share_down"), of(home, "tin.voice.share_down"));
  t.is(of(home, "idle.tin.besteffort.drops"), 10);
  for (const never of ["tin.bulk.drops", "tin.voice.drops_up", "idle.tin.voice.drops", "ramp.tin.besteffort.drops"])
    t.is(of(home, never), undefined, never);
  t.is(by["client/home-2"]?.["dataplane.tin.voice.drops"], undefined);
});

test("tins: of a phase that begins between two sets, the nearer one counts", (t) => {
  const s = diffserv3();
  s.blueprint.timeline.phases = [{ name: "loaded", start: 1600 * MS, end: 3200 * MS }];
  // From 2.003 s to 3.003 s; at 1.003 s most of what came by 2 s was not in the phase.
  t.is(of(deriveMetrics(runOf(s)).total, "tin.besteffort.drops"), 10);
});

test("tins: another discipline begins to count anew; none of its numbers is negative", (t) => {
  const s = diffserv3();
  for (const row of s.rows.dp_tin) if ((row.time ?? 0) > 3 * SECOND && row.tin === 1) Object.assign(row, { drops: 4 });
  t.is(of(deriveMetrics(runOf(s)).total, "tin.besteffort.drops"), 4);
});

test("tins: without tins there is nothing to tell apart", (t) => {
  const s = diffserv3();
  for (const row of s.rows.dp_tin) Object.assign(row, { tins: 1, discipline: 2, tin: 0 });
  const { total } = deriveMetrics(runOf(s));
  t.deepEqual(
    Object.keys(total).filter((name) => name.includes(".tin.")),
    [],
  );
});

test("the ACK filter's drops are told apart from the AQM's", (t) => {
  const s = synthetic();
  s.rows.dp_client.forEach((row) => {
    row.drop_ack = (row.drop_aqm ?? 0) / 2;
  });
  const { total } = deriveMetrics(runOf(s));
  const aqm = deriveMetrics(runOf(synthetic())).total["dataplane.drops_aqm"]?.value ?? 0;
  t.true(aqm > 0);
  t.is(of(total, "drops_aqm"), aqm / 2);
  t.is(of(total, "ack_drops"), aqm / 2);
  t.is(of(total, "drops"), deriveMetrics(runOf(synthetic())).total["dataplane.drops"]?.value);
});

test("a recording that does not tell the ACK filter's drops has none, and the AQM's as it was", (t) => {
  const run = runOf(synthetic());
  const aqm = deriveMetrics(run).total["dataplane.drops_aqm"]?.value;
  delete run.tables.dp_client.columns.drop_ack;
  const { total } = deriveMetrics(run);
  t.is(of(total, "ack_drops"), null);
  t.is(of(total, "drops_aqm"), aqm);
});

test("names of tins in expectations: what is produced may be named, and nothing else", (t) => {
  const read = (name: string) => parseMetric(name, new Map());
  const { total } = deriveMetrics(runOf(diffserv3()));
  const made = Object.keys(total).filter((name) => name.includes(".tin."));
  t.true(made.length >= 30, `${made.length}`);
  for (const name of made) {
    const parsed = read(name);
    t.true(parsed.ok, name);
    if (parsed.ok) t.is(parsed.metric.quantity.unit, total[name]?.unit as never, name);
  }
  // Every quantity of the catalogue is made of one tin or another.
  const quantities = new Set(made.map((name) => name.split(".").at(-1)));
  t.deepEqual(
    TIN.map(({ name }) => name).filter((name) => !quantities.has(name) && !name.endsWith("_up")),
    [],
  );
  t.true(TINS.length === 12);
  const refusal = (name: string) => {
    const parsed = read(name);
    return parsed.ok ? "" : parsed.message;
  };
  t.regex(refusal("dataplane.tin.voise.drops"), /no tin "voise"; did you mean "voice"\? allowed: .*bulk.*tin7/u);
  t.regex(refusal("dataplane.tin.voice.dropz"), /no quantity "dropz"; did you mean "drops"\?/u);
  t.regex(refusal("dataplane.tin.voice"), /a quantity is missing/u);
  t.regex(refusal("dataplane.tin.voice.drops.p99"), /drops is one number; leave out ".p99"/u);
});
