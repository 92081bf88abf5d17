import test, { type ExecutionContext } from "ava";
import { deriveMetrics, type Metrics } from "../../harness/metrics/index.js";
import { addFilm, addMoment, addPlayer, MS, runOf, type Synthetic, synthetic } from "../recording/fixture.js";

const derive = (s: Synthetic) => deriveMetrics(runOf(s));

function near(t: ExecutionContext, metrics: Metrics | undefined, name: string, expected: number): void {
  const value = metrics?.[name]?.value;
  t.true(
    typeof value === "number" && Math.abs(value - expected) <= 1e-9 * Math.max(1, expected),
    `${name} is ${value}, expected ${expected}`,
  );
}

test("stalls, bitrates, switches, buffer and the first picture", (t) => {
  const s = synthetic({ clients: 1 });
  addFilm(s, addPlayer(s, 0).id);
  const { total, by } = derive(s);
  near(t, total, "film.startup", 0.1);
  near(t, total, "film.stalls", 1);
  near(t, total, "film.stall_time", 0.3);
  near(t, total, "film.stall_ratio", 0.3 / 2);
  near(t, total, "film.bitrate", (2e6 + 2e6 + 1e6) / 3);
  near(t, total, "film.switches", 2);
  near(t, total, "film.failed", 0);
  near(t, total, "film.buffer.max", 2.4); // at 3 s
  near(t, total, "film.buffer.min", 0.1); // at 2 s
  t.is(total["film.buffer.p50"]?.count, 2);
  near(t, total, "film.ramp.bitrate", 1e6);
  near(t, total, "film.ramp.switches", 0);
  near(t, total, "film.ramp.stalls", 0);
  t.is(by["client/home-1"]?.["film.stalls"]?.value, 1);
  t.is(total["film.idle.stalls"], undefined);
});

test("a stall that goes on over the end of a phase counts where it began, its time where it passed", (t) => {
  const s = synthetic({ clients: 1 });
  s.blueprint.timeline.phases = [
    { name: "idle", start: 0, end: 1000 * MS },
    { name: "ramp", start: 1000 * MS, end: 1200 * MS },
    { name: "loaded", start: 1200 * MS, end: 2200 * MS },
    { name: "slow", start: 2200 * MS, end: 3500 * MS, of: "loaded" },
  ];
  addFilm(s, addPlayer(s, 0).id);
  const { total } = derive(s);
  near(t, total, "film.stalls", 1);
  near(t, total, "film.stall_time", 0.1);
  near(t, total, "film.slow.stalls", 0);
  near(t, total, "film.slow.stall_time", 0.2);
  near(t, total, "film.slow.switches", 2);
});

test("several viewers: stalls add up, bitrates are pooled, the longest start counts", (t) => {
  const s = synthetic();
  addFilm(s, addPlayer(s, 0).id);
  const { id } = addPlayer(s, 1);
  addMoment(s, id, 1000, "started");
  addMoment(s, id, 1500, "failed", [104]);
  addMoment(s, id, 1900, "segment", [2e6, 1000, 1]);
  addMoment(s, id, 1900, "plays", [900 * MS, 1000, 1]);
  addMoment(s, id, 2900, "stalls", [0, 0, 1]);
  const { total, by } = derive(s);
  near(t, total, "film.startup", 0.9);
  near(t, total, "film.stalls", 2);
  near(t, total, "film.failed", 1);
  near(t, total, "film.bitrate", (2e6 + 2e6 + 1e6 + 2e6) / 4);
  near(t, by["client/home-2"], "film.stall_time", 0.3); // to its stop: playback never went on
  near(t, by["client/home-2"], "film.stall_ratio", 0.3 / 1.3);
});

test("never played: no startup and no ratio; nothing recorded: no data at all", (t) => {
  const s = synthetic({ clients: 1 });
  const { id } = addPlayer(s, 0);
  const names = ["startup", "stalls", "stall_time", "stall_ratio", "bitrate", "switches", "failed"];
  for (const name of names) t.is(derive(s).total[`film.${name}`]?.value, null, name);
  addMoment(s, id, 1000, "started");
  const { total } = derive(s);
  for (const name of ["startup", "stall_ratio", "bitrate"]) t.is(total[`film.${name}`]?.value, null, name);
  near(t, total, "film.stalls", 0);
});
