import test, { type ExecutionContext } from "ava";
import { home, mqoe, scenario } from "../lab/helpers/mqoe.js";

/** Metrics of a home's RPM test on virtual time; intervals of half a second, so that it is short. */
async function measure(t: ExecutionContext, shape: Parameters<typeof home>[0], keys = "") {
  const traffic = `[traffic.test]\nkind = "rpm"\nfrom = "home"\nto = "web"\ninterval = "500ms"\n${keys}`;
  const run = await mqoe(["run", "--world", "hermetic", scenario(t, "rpm", home(shape) + traffic)]);
  const [only] = run.results?.cases ?? [];
  t.is(only?.runs[0]?.health.verdict, "ok", run.stdout + run.stderr);
  t.is(only?.accounting?.unaccounted, 0);
  return (name: string): number => {
    const found = only?.metrics[name]?.value;
    if (typeof found !== "number") throw new Error(`${name} is ${found}\n${run.stdout}${run.stderr}`);
    return found;
  };
}

/** A line of 20/5 Mbit/s, 20 ms from its server: 60,000 / 20 round trips a minute when it is empty. */
const EMPTY = 3000;
const LONG_ENOUGH = "16s";

test("behind fq_codel new connections keep their round trips, loaded ones wait for CoDel's target and for frames", async (t) => {
  const value = await measure(t, { duration: LONG_ENOUGH });
  // A packet of another flow's is on the wire: at most 0.6 ms of the 20.
  t.true(value("test.rpm_foreign") > EMPTY * 0.97 && value("test.rpm_foreign") < EMPTY, `${value("test.rpm_foreign")}`);
  // 5 ms of standing queue to twice as much, and up to two frames of 4 KiB of four connections': 26 to 45 ms.
  t.true(value("test.rpm_loaded") > 60 / 0.045 && value("test.rpm_loaded") < 60 / 0.026, `${value("test.rpm_loaded")}`);
  t.true(value("test.rpm_confidence") >= 1);
  t.is(value("test.failed"), 0);
  // 1,448 of 1,514 bytes are payload, 19.13 Mbit/s; probes and heads of frames take less than 3 %.
  t.true(value("test.goodput") > 18.5e6 && value("test.goodput") < 19.13e6, `${value("test.goodput")}`);
});

test("behind a long FIFO both kinds wait for the load: fair at best, where the empty line is good", async (t) => {
  const value = await measure(t, { sqm: 'discipline = "pfifo", limit = 300', duration: LONG_ENOUGH });
  // 300 packets are 180 ms, of which CUBIC leaves at least a third.
  for (const name of ["test.rpm", "test.rpm_foreign", "test.rpm_loaded"])
    t.true(value(name) > 60 / 0.4 && value(name) < 60 / 0.08, `${name} ${value(name)}`);
  t.true(value("test.http_l.p50") > 3 * value("ping.idle.rtt.p50"));
});

test("an upload is tested through the queue that it fills, not through its sender's socket", async (t) => {
  const value = await measure(t, { duration: LONG_ENOUGH }, 'direction = "up"\n');
  t.true(value("test.rpm_foreign") > EMPTY * 0.85, `${value("test.rpm_foreign")}`);
  // 20 ms, 5 to 10 of queue, and up to two frames of each of four connections at 10 Mbit/s: no more than 56. One socket that
  // holds its default buffer of 87 kB back would add 70 to that, and four of them 280.
  t.true(value("test.rpm_loaded") > 60 / 0.07, `${value("test.rpm_loaded")}`);
  t.is(value("test.rpm_up"), value("test.rpm"));
  t.true(value("test.goodput") > 9e6, `${value("test.goodput")}`);
});
