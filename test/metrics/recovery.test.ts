import test from "ava";
import { deriveMetrics } from "../../harness/metrics/index.js";
import { type Packet, recoveryTime } from "../../harness/metrics/recovery.js";
import { lose, MS, runOf, SECOND, type Synthetic, synthetic } from "../recording/fixture.js";
import { GOOD, lines, load } from "../scenario/helpers.js";

const PHASE = { start: 10 * SECOND, end: 20 * SECOND };

/** A packet every 10 ms from 10 to 20 s; `late` by seconds from the start of the phase. */
function packets(late: (seconds: number) => boolean): Packet[] {
  return Array.from({ length: 1000 }, (_, i) => ({ due: PHASE.start + i * 10 * MS, late: late(i / 100) }));
}
const seconds = (late: (at: number) => boolean) => (recoveryTime(packets(late), PHASE) ?? Number.NaN) / SECOND;

test("latency that is up for three seconds and then back took three", (t) => {
  t.is(
    seconds((at) => at < 3),
    3,
  );
  t.is(
    seconds(() => false),
    0,
  );
});

test("it is the last time that counts: whoever falls back has not recovered", (t) => {
  t.is(
    seconds((at) => at < 1 || (at >= 5 && at < 6.5)),
    6.5,
  );
});

test("one packet in twenty may be late: p95 does not see it, one more it does", (t) => {
  const every = (n: number) => (at: number) => Math.round(at * 100) % 100 < n;
  t.is(seconds(every(5)), 0);
  t.is(seconds(every(6)), 10, "not back when the phase ends: all of it");
});

test("a spike shorter than a twentieth of a second is none; one at the very end counts once it fills a window", (t) => {
  t.is(
    seconds((at) => at >= 4 && at < 4.05),
    0,
  );
  t.is(
    seconds((at) => at >= 4 && at < 4.06),
    4.06,
  );
  t.is(
    seconds((at) => at >= 9.96),
    0,
  );
  t.is(
    seconds((at) => at >= 9.9),
    10,
  );
});

test("a phase shorter than a second is one window; without packets there is no time", (t) => {
  const short = { start: 0, end: 500 * MS };
  const all = Array.from({ length: 50 }, (_, i) => ({ due: i * 10 * MS, late: i < 10 }));
  t.is(recoveryTime(all, short), 500 * MS);
  t.is(recoveryTime(all.slice(10), short), 0);
  t.is(recoveryTime([], short), null);
});

/** Loaded: 1.2 to 3.2 s, after a ramp of 0.2 s; a packet every 10 ms, 20 ms idle. */
const loadedFor = (late: number, extra: number): Synthetic =>
  synthetic({}, { loaded: (client, seq) => (client === 0 && seq * 10 < 1000 + late ? 0.02 + extra : 0.021) });

test("recovery_time: of each client from the start of the ramp, beyond its own idle median; all together is the last", (t) => {
  const { total, by } = deriveMetrics(runOf(loadedFor(500, 0.05)));
  t.is(by["client/home-1"]?.["ping.recovery_time"]?.value, 0.5);
  t.is(by["client/home-2"]?.["ping.recovery_time"]?.value, 0);
  t.is(total["ping.recovery_time"]?.value, 0.5);
  t.is(total["ping.recovery_time"]?.unit, "s");
  t.is(total["ping.ramp.recovery_time"]?.value, 0.2, "it is not back when the ramp ends");
  t.is(total["ping.idle.recovery_time"], undefined);
  t.is(deriveMetrics(runOf(loadedFor(500, 0.03))).total["ping.recovery_time"]?.value, 0, "30 ms is the default");
});

test("recovered_below says what is back", (t) => {
  const s = loadedFor(500, 0.02);
  const probe = s.case.traffic.find(({ kind }) => kind === "probe");
  Object.assign(probe as object, { recoveredBelow: 10 * MS });
  t.is(deriveMetrics(runOf(s)).total["ping.recovery_time"]?.value, 0.5);
});

test("in a phase that a change opens it counts from there; a lost packet is a late one", (t) => {
  const s = synthetic({ clients: 1 });
  const { timeline } = s.blueprint;
  timeline.phases = timeline.phases.flatMap((phase) =>
    phase.name === "loaded"
      ? [
          { ...phase, end: 2000 * MS },
          { name: "dropped", of: "loaded", start: 2000 * MS, end: phase.end },
        ]
      : [phase],
  );
  s.rows.probe = s.rows.probe.map((row) => {
    const due = row.time as number;
    return due >= 2000 * MS && due < 2300 * MS && due % (20 * MS) === 0 ? lose(row) : row;
  });
  const { total } = deriveMetrics(runOf(s));
  // Every second packet is lost until 2.28 s.
  t.is(total["ping.dropped.recovery_time"]?.value, 0.29);
  t.is(total["ping.recovery_time"]?.value, 0);
});

test("without an idle phase there is nothing to be back at", (t) => {
  const s = synthetic();
  s.blueprint.timeline.phases = s.blueprint.timeline.phases.slice(1);
  t.is(deriveMetrics(runOf(s)).total["ping.recovery_time"], undefined);
});

/** GOOD: 3 s ramp, 7 s loaded, of which the last three are the phase. */
const DROP = '\n[[change]]\nat = "loaded+4s"\nphase = "dropped"\nset = { plan.home.down = "5mbit" }\n';
const expect = (metric: string, bound: string) => `\n[[expect]]\nmetric = "${metric}"\nat_most = "${bound}"\n`;

test("a bound must be less than what never recovers counts with, and is a time", (t) => {
  const said = (metric: string, bound: string) => lines(load(GOOD + DROP + expect(metric, bound))).join("\n");
  t.is(said("ping.dropped.recovery_time", "2.9s"), "");
  t.regex(said("ping.dropped.recovery_time", "3s"), /"3s" is not less than the 3s that are looked at/u);
  t.is(said("ping.recovery_time", "6.9s"), "");
  t.regex(said("ping.recovery_time", "7s"), /"7s" is not less than the 7s that are looked at/u);
  t.regex(said("ping.idle.recovery_time", "1s"), /recovery_time does not exist in the idle phase/u);
  t.regex(said("ping.dropped.recovery_time.p95", "1s"), /recovery_time is one number/u);
  const matrix = `[matrix]\n"plan.home.down" = ["20mbit", "10mbit"]\n${GOOD}`;
  const over = lines(load(`${matrix}${DROP}${expect("ping.dropped.recovery_time", "1s over base")}`)).join();
  t.regex(over, /a case that does not recover has no time to compare with/u);
});
