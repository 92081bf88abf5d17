import test from "ava";
import type { Framing } from "../../harness/blueprint/types.js";
import {
  canonicalName,
  framedBytes,
  goodputFraction,
  gradeOf,
  Shares,
  splitName,
} from "../../harness/metrics/index.js";
import { countReordered, rtpJitter } from "../../harness/metrics/probe-stream.js";
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
  t.is(countReordered([0, 1, 2, 3]), 0);
  t.is(countReordered([0, 2, 1, 3]), 1);
  // RFC 4737 §5.3's example, numbered from 1: 4, 5 and 6 come after 9.
  t.is(countReordered([1, 2, 3, 7, 8, 9, 4, 5, 6]), 3);
  t.is(countReordered([0, 2, 4, 6]), 0, "a gap is loss, not reordering");
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
