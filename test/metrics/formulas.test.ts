import test from "ava";
import type { Framing } from "../../harness/blueprint/types.js";
import { meanOpinionScore, rFactor } from "../../harness/metrics/emodel.js";
import {
  canonicalName,
  framedBytes,
  goodputFraction,
  gradeOf,
  Shares,
  splitName,
} from "../../harness/metrics/index.js";
import { lossRuns } from "../../harness/metrics/loss-runs.js";
import { rtpJitter } from "../../harness/metrics/probe-stream.js";
import { reorderingOf } from "../../harness/metrics/reordering.js";
import { seededRng } from "../../harness/stats/index.js";
import { addStream, synthetic } from "../recording/fixture.js";

const framing = (given: Partial<Framing>): Framing => ({ base: "ip", overhead: 0, mpu: 0, cell: "none", ...given });
const ETHERNET = framing({ overhead: 38, mpu: 84 });
const FRAME = framing({ base: "frame" });

test("framing: algorithms.md §1.9's golden vectors", (t) => {
  const sizes = [28, 40, 64, 1280, 1480, 1500];
  const golden: [Framing, number[]][] = [
    [ETHERNET, [84, 84, 102, 1318, 1518, 1538]],
    [framing({ overhead: 18, mpu: 64 }), [64, 64, 82, 1298, 1498, 1518]],
    [framing({ overhead: 40, cell: "atm" }), [106, 106, 159, 1484, 1696, 1749]],
    [framing({ overhead: 30, cell: "ptm" }), [59, 72, 96, 1331, 1534, 1554]],
    [FRAME, sizes.map((size) => size + 14)],
  ];
  for (const [kind, expected] of golden) {
    t.deepEqual(
      sizes.map((size) => framedBytes(size, kind)),
      expected,
    );
  }
});

test("goodput fractions: metrics.md §1.8", (t) => {
  t.is(goodputFraction(FRAME, "ipv4", 1500), 1448 / 1514);
  t.is(goodputFraction(ETHERNET, "ipv4", 1500), 1448 / 1538);
  t.is(goodputFraction(framing({}), "ipv4", 1500), 1448 / 1500);
  t.is(goodputFraction(FRAME, "ipv6", 1500), 1428 / 1514);
});

test("RFC 3550 jitter: J += (|D| − J)/16", (t) => {
  t.is(rtpJitter([]), null);
  t.is(rtpJitter([5]), null);
  t.is(rtpJitter([10, 26]), 1);
  t.is(rtpJitter([10, 26, 26]), 1 - 1 / 16);
  t.is(rtpJitter([10, 26, 26, 10]), 0.9375 + (16 - 0.9375) / 16);
});

test("RFC 4737 reordering: s < NextExp", (t) => {
  const countReordered = (arrivals: number[]) => reorderingOf(arrivals).reordered;
  t.is(countReordered([0, 1, 2, 3]), 0);
  t.is(countReordered([0, 2, 1, 3]), 1);
  // RFC 4737 §5.3's example, numbered from 1: 4, 5 and 6 come after 9.
  t.is(countReordered([1, 2, 3, 7, 8, 9, 4, 5, 6]), 3);
  t.is(countReordered([0, 2, 4, 6]), 0, "a gap is loss, not reordering");
});

test("RFC 4737: extent and 3-reordering, its own example and a search by the definitions", (t) => {
  // 4, 5 and 6 come 3, 4 and 5 places after 7; only 4 directly follows three later ones.
  t.deepEqual(reorderingOf([1, 2, 3, 7, 8, 9, 4, 5, 6]), { reordered: 3, extent: 5, threeReordered: 1 });
  t.deepEqual(reorderingOf([0, 2, 1, 3]), { reordered: 1, extent: 1, threeReordered: 0 });
  t.deepEqual(reorderingOf([]), { reordered: 0, extent: 0, threeReordered: 0 });
  const random = seededRng(4737);
  for (let round = 0; round < 200; round++) {
    const s = Array.from({ length: 30 }, (_, i) => i)
      .map((seq) => ({ seq, key: seq + random.next() * 8 }))
      .sort((a, b) => a.key - b.key)
      .map(({ seq }) => seq);
    const late = s.flatMap((value, i) => {
      const j = s.findIndex((other) => other > value);
      return j >= 0 && j < i ? [i - j] : [];
    });
    const three = s.filter((value, i) => i >= 3 && s.slice(i - 3, i).every((other) => other > value)).length;
    t.deepEqual(reorderingOf(s), { reordered: late.length, extent: Math.max(0, ...late), threeReordered: three });
  }
});

test("RFC 3611 bursts and gaps: 16 packets received in a row end a burst, a single loss is none", (t) => {
  const runs = (text: string) => lossRuns([...text].map((letter) => letter === "x"));
  const received = (n: number) => ".".repeat(n);
  const none = { longest: 0, bursts: 0, longestBurst: 0, lostInBursts: 0 };
  t.deepEqual(runs(""), none);
  t.deepEqual(runs(received(40)), none);
  t.deepEqual(runs(`${received(3)}x${received(3)}`), { ...none, longest: 1 }, "before and after a stream all is well");
  t.deepEqual(runs(`x${received(15)}x`), { longest: 1, bursts: 1, longestBurst: 17, lostInBursts: 2 });
  t.deepEqual(runs(`x${received(16)}x`), { ...none, longest: 1 });
  t.deepEqual(runs(`xx${received(16)}xxx.x${received(99)}x`), {
    longest: 3,
    bursts: 2,
    longestBurst: 5,
    lostInBursts: 6,
  });
});

test("E-model: the table of metrics.md §1.6, exact", (t) => {
  const table = [
    [0, 0, 93.21, 4.409],
    [20, 0, 92.53, 4.396],
    [100, 0, 90.66, 4.355],
    [150, 0, 89.54, 4.328],
    [150, 1, 71.61, 3.672],
    [250, 3, 40.14, 2.071],
    [400, 0, 62.25, 3.216],
  ] as const;
  for (const [ms, percent, r, mos] of table) {
    const found = rFactor(ms / 1e3, percent / 100);
    t.is(Number(found.toFixed(2)), r, `R of ${ms} ms, ${percent} %`);
    t.is(Number(meanOpinionScore(found).toFixed(3)), mos, `MOS of ${ms} ms, ${percent} %`);
  }
  t.is(meanOpinionScore(-1), 1);
  t.is(meanOpinionScore(3), 1, "no opinion is worse than bad");
  t.is(meanOpinionScore(101), 4.5);
  t.true(rFactor(0, 1) < 3, "nothing of the call is left");
});

test("grades", (t) => {
  t.deepEqual([0, 0.005, 0.03, 0.06, 0.2, 0.4, 9].map(gradeOf), [6, 5, 4, 3, 2, 1, 1]);
});

test("names: the default phase is not written", (t) => {
  t.is(canonicalName("ping.loaded.rtt.p99.9"), "ping.rtt.p99.9");
  t.is(canonicalName("ping.rtt.p99"), "ping.rtt.p99");
  t.is(canonicalName("loaded.loss"), "loaded.loss", "a traffic may be called loaded");
  t.deepEqual(splitName("ping.idle.rtt.p50", ["idle"]), { traffic: "ping", phase: "idle", quantity: "rtt" });
  t.deepEqual(splitName("ping.rtt.p50", ["idle"]), { traffic: "ping", phase: "loaded", quantity: "rtt" });
  t.deepEqual(splitName("ping.loss", ["idle"]), { traffic: "ping", phase: "loaded", quantity: "loss" });
});

test("the goodput ceiling of a share leaves room for headers, probes and acknowledgements", (t) => {
  const { blueprint } = synthetic({ clients: 1, flows: 2 });
  const shares = new Shares(blueprint);
  // A probe of 48 bytes is 76 at the IP layer, 114 framed; 100 a second.
  const probes = 114 * 8 * 100;
  const near = (actual: number | null, expected: number): boolean =>
    t.true(Math.abs((actual as number) - expected) < 1e-3, `${actual}, expected ${expected}`);
  near(shares.goodputCeiling("home-1", "down", 20e6), ((20e6 - probes) * 1448) / 1538);
  near(shares.flowCeiling(blueprint.traffic.flows[0] as never, 20e6), ((20e6 - probes) * 1448) / 1538 / 2);
  t.is(shares.goodputCeiling("home-1", "up", 5e6), 0, "no flow goes up");
  const up = {
    ...(blueprint.traffic.flows[0] as object),
    id: 9,
    direction: "up",
  } as (typeof blueprint.traffic.flows)[0];
  blueprint.traffic.flows.push(up);
  // One acknowledgement (52 bytes, 90 framed) for every second of the 20e6·1448/1538/(1448·8) segments a second down.
  const acks = (20e6 / 1538 / 8 / 2) * 90 * 8;
  const ceiling = new Shares(blueprint).goodputCeiling("home-1", "up", 5e6);
  near(ceiling, ((5e6 - probes - acks) * 1448) / 1538);
  t.is(shares.share("home-1", "down"), 20e6);
  t.is(shares.share("nobody", "down"), null);
});

test("a stream may have what it sends, or its fair part of the line; TCP the rest", (t) => {
  const s = synthetic({ clients: 1, flows: 1 });
  const near = (actual: number | null, expected: number): boolean =>
    t.true(Math.abs((actual as number) - expected) < 1e-3, `${actual}, expected ${expected}`);
  const stream = addStream(s, 0); // 1000 bytes are 1028 of IP and 1066 framed, 1000 a second: 8.528 Mbit/s
  const shares = new Shares(s.blueprint);
  const line = 20e6 - 114 * 8 * 100; // the probe is off
  near(shares.streamCeiling(stream, 20e6, "goodput"), 8e6);
  near(shares.streamCeiling(stream, 20e6, "ip"), 1028 * 8e3);
  near(shares.goodputCeiling("home-1", "down", 20e6), ((line - 1066 * 8e3) * 1448) / 1538);
  stream.interval = 100_000; // ten times as much: half of the line each
  near(new Shares(s.blueprint).streamCeiling(stream, 20e6, "ip"), ((line / 2) * 1028) / 1066);
  near(new Shares(s.blueprint).goodputCeiling("home-1", "down", 20e6), ((line / 2) * 1448) / 1538);
  t.is(shares.streamCeiling(stream, null, "ip"), null);
});
