import test from "ava";
import { deriveMetrics, type Metrics } from "../../harness/metrics/index.js";
import type { Case, GameTraffic, VoipTraffic } from "../../harness/scenario/types.js";
import { type Behaviour, lose, MS, runOf, type Synthetic, synthetic } from "../recording/fixture.js";

/** The probes of a synthetic run as calls or games of another kind. */
function as(kind: "voip" | "game", behaviour: Behaviour = {}, deadline = 2 * MS): Synthetic {
  const s = synthetic({ clients: 2 }, behaviour);
  const traffic = s.case.traffic.map((each) =>
    each.name === "ping" ? ({ ...each, kind, deadline } as VoipTraffic | GameTraffic) : each,
  );
  return { ...s, case: { ...s.case, traffic } as Case };
}

const metrics = (s: Synthetic) => deriveMetrics(runOf(s));
const rounded = (of: Metrics | undefined, name: string, digits = 2) =>
  Number((of?.[name]?.value ?? Number.NaN).toFixed(digits));

// A packet of the fixture needs a quarter of its round trip up, and the rest down.
test("a call is rated by direction, and as bad as its worse one", (t) => {
  const { total } = metrics(as("voip", { idle: () => 0.02, loaded: () => 0.2 }));
  t.is(rounded(total, "ping.idle.r_up"), 93.04, "5 ms");
  t.is(rounded(total, "ping.r_up"), 91.76, "50 ms");
  t.is(rounded(total, "ping.r_down"), 89.54, "150 ms: the table's");
  t.is(rounded(total, "ping.mos_down", 3), 4.328);
  t.is(total["ping.r"]?.value, total["ping.r_down"]?.value);
  t.is(total["ping.mos"]?.unit, "score");
});

test("a call's delay holds twice the mean difference of consecutive packets, for the buffer that evens it out", (t) => {
  // Up 5 and 10 ms in turn: 7.5 on average, |IPDV| 5 ms; so 17.5 ms count. Down 15 and 30: 22.5 + 2 × 15.
  const { total } = metrics(as("voip", { loaded: (_, seq) => (seq % 2 === 0 ? 0.02 : 0.04) }));
  const even = metrics(as("voip", { loaded: () => 0.07 })).total;
  t.is(rounded(total, "ping.r_up"), rounded(even, "ping.r_up"), "70 ms / 4 = 17.5 ms");
  t.is(rounded(even, "ping.owd_up.mean", 4), 0.0175);
});

test("loss belongs to the direction that lost, and a call of which nothing is left is rated all the same", (t) => {
  const s = as("voip", { loaded: () => 0.2 });
  // One in a hundred of home-1 lost up: 1 % at 50 ms. Of home-2 all.
  s.rows.probe = s.rows.probe.map((row) => {
    const isLoaded = (row.time as number) >= 1000 * MS && (row.time as number) < 3200 * MS;
    return isLoaded && (row.probe === 1 || (row.seq as number) % 100 === 50) ? lose(row) : row;
  });
  const { total, by } = metrics(s);
  const [first, second] = [by["client/home-1"], by["client/home-2"]];
  t.is(rounded(first, "ping.r_up"), 73.83, "91.76 − 95 / 5.3");
  t.is(rounded(first, "ping.r_down"), 89.54, "the echo of a packet that never came was never said");
  t.is(rounded(first, "ping.r"), 73.83);
  t.true((second?.["ping.r_up"]?.value ?? 99) < 3);
  t.is(second?.["ping.r_down"]?.value, null, "nobody said anything");
  t.is(second?.["ping.mos"]?.value, 1);
  t.is(
    rounded(total, "ping.mos_up", 3),
    Number((((first?.["ping.mos_up"]?.value ?? 0) + 1) / 2).toFixed(3)),
    "the mean",
  );
});

test("a game's packets are late beyond the client's own idle median, and lost ones are", (t) => {
  // 25 ms of home-1 is 5 ms more than idle; home-2 is far away: 80 ms idle, every fourth 3 ms more.
  const s = as("game", {
    idle: (client) => (client === 0 ? 0.02 : 0.08),
    loaded: (client, seq) => (client === 0 ? 0.0219 : seq % 4 === 0 ? 0.083 : 0.08),
  });
  s.rows.probe = s.rows.probe.map((row) =>
    row.probe === 0 && (row.seq as number) % 10 === 5 && (row.time as number) >= 1000 * MS ? lose(row) : row,
  );
  const { total, by } = metrics(s);
  t.is(rounded(by["client/home-1"], "ping.late_packets", 4), 0.1, "within the deadline, one in ten lost");
  t.is(rounded(by["client/home-2"], "ping.late_packets", 4), 0.25);
  t.is(rounded(total, "ping.late_packets", 4), 0.175);
  t.is(total["ping.idle.late_packets"], undefined);
});
