import test from "ava";
import { deriveSeries } from "../../harness/metrics/index.js";
import type { RunSeries } from "../../harness/metrics/series.js";
import type { RunSeries as ReportSeries } from "../../harness/report/types.js";
import { addBrowser, addPlayer, addStream, lose, MS, runOf, synthetic } from "../recording/fixture.js";

const seriesOf = (s: ReturnType<typeof synthetic>, max?: number): RunSeries => deriveSeries(runOf(s), max) as RunSeries;

test("series carry every sample: latency per packet, throughput and queues at 10 Hz", (t) => {
  const s = synthetic({}, { goodput: (flow) => (flow + 1) * 1e6 });
  const row = s.rows.probe.find((r) => r.probe === 0 && r.time === 1500 * MS) as object;
  Object.assign(row, lose(row as never));
  const series: ReportSeries = seriesOf(s);
  t.deepEqual(series.phases[2], { name: "loaded", start: 1.2, end: 3.2, loaded: true });
  t.deepEqual(
    series.phases.map(({ loaded }) => loaded),
    [false, false, true, false],
  );
  const [latency] = series.latency;
  t.is(latency?.client, "home-1");
  t.is(latency?.time.length, 350);
  t.is(latency?.time[150], 1.5);
  t.is(latency?.rtt[150], null);
  t.is(latency?.rtt[151], 0.025);
  const [throughput] = series.throughput;
  t.is(throughput?.time.length, 22);
  t.is(throughput?.time[0], 1.1);
  t.is(throughput?.down[5], 3e6);
  t.is(throughput?.up[5], 0);
  const queue = series.queue.find((q) => q.client === "home-2" && q.direction === "up");
  t.is(queue?.time.length, 35);
  t.deepEqual([queue?.drops[0], queue?.drops[1], queue?.marks[1]], [0, 3, 3]);
  t.deepEqual([queue?.sojournP50[3], queue?.sojournP99[3], queue?.sojournMax[3]], [0.002, 0.008, 0.01]);
});

test("what pages and video read is in a client's throughput", (t) => {
  const s = synthetic({ clients: 1 }, { goodput: () => 1e6 });
  addBrowser(s, 0);
  addPlayer(s, 0);
  const [throughput] = seriesOf(s).throughput;
  t.is(throughput?.time[0], 0.1); // pages are loaded while idle, too
  t.is(throughput?.down[0], 2e6);
  t.is(throughput?.down[15], 2 * 1e6 + 2e6 + 2e6); // two flows, pages, video
  t.is(throughput?.up[15], 0);
});

test("one-way delays are in the series as well", (t) => {
  const [latency] = seriesOf(synthetic()).latency;
  t.is(latency?.owdUp[0], 0.005);
  t.is(latency?.owdDown[0], 0.015);
});

test("over budget whole clients are left out, those that suffered least first", (t) => {
  const s = synthetic({ clients: 4 }, { loaded: (client) => [0.03, 0.09, 0.02, 0.06][client] as number });
  const series = seriesOf(s, 750);
  t.deepEqual(
    series.latency.map((l) => l.client),
    ["home-2", "home-4"],
  );
  t.deepEqual(
    series.throughput.map((l) => l.client),
    ["home-2", "home-4"],
  );
  t.deepEqual([...new Set(series.queue.map((q) => q.client))], ["home-2", "home-4"]);
});

test("no recording: empty series; no blueprint: none", (t) => {
  const s = synthetic();
  for (const name of Object.keys(s.rows) as (keyof typeof s.rows)[]) s.rows[name] = [];
  const series = seriesOf(s);
  t.deepEqual(series.throughput, []);
  t.deepEqual(series.queue, []);
  t.deepEqual(series.latency[0]?.rtt, []);
  t.is(deriveSeries({ ...runOf(s), blueprint: null }), null);
});

test("streams add to the throughput of their clients", (t) => {
  const s = synthetic({}, { goodput: () => 1e6 });
  addStream(s, 0, "up");
  const { throughput } = seriesOf(s);
  t.is(throughput[0]?.up[5], 7.2e6);
  t.is(throughput[0]?.down[5], 2e6);
  t.is(throughput[1]?.up[5], 0);
});

test("a phase that a change cuts out of the load is under load, too", (t) => {
  const s = synthetic();
  s.blueprint.timeline.phases = s.blueprint.timeline.phases.map((phase) =>
    phase.name === "cooldown" ? { ...phase, name: "dropped", of: "loaded" } : phase,
  );
  t.deepEqual(
    seriesOf(s).phases.map(({ name, loaded }) => [name, loaded]),
    [
      ["idle", false],
      ["ramp", false],
      ["loaded", true],
      ["dropped", true],
    ],
  );
});
