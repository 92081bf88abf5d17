import test, { type ExecutionContext } from "ava";
import { deriveMetrics, type Metrics } from "../../harness/metrics/index.js";
import { idealTime } from "../../harness/metrics/transfer.js";
import { addLoader, addTransfer, runOf, type Synthetic, synthetic } from "../recording/fixture.js";

const derive = (s: Synthetic) => deriveMetrics(runOf(s));

function near(t: ExecutionContext, metrics: Metrics | undefined, name: string, expected: number): void {
  const value = metrics?.[name]?.value;
  t.true(
    typeof value === "number" && Math.abs(value - expected) <= 1e-9 * Math.max(1, expected),
    `${name} is ${value}, expected ${expected}`,
  );
}

test("the ideal: two round trips and the bytes at the line's goodput", (t) => {
  t.is(idealTime(100_000, 20e6, 8e6), 0.04 + 0.1);
  t.is(idealTime(100_000, 20e6, null), 0.04);
  t.is(idealTime(1_000_000, 0, 8e6), 1);
});

test("transfers by the phase in which they began: how long they took, and against the ideal", (t) => {
  const s = synthetic({ clients: 2 });
  const [first, second] = [addLoader(s, 0).id, addLoader(s, 1).id];
  addTransfer(s, first, 1100, 100); // ramp
  addTransfer(s, first, 1500, 100);
  addTransfer(s, first, 1700, 300);
  addTransfer(s, second, 1600, 500);
  const { total, by } = derive(s);
  near(t, by["client/home-1"], "file.ramp.fct.p50", 0.1);
  near(t, by["client/home-1"], "file.fct.min", 0.1);
  near(t, by["client/home-1"], "file.fct.max", 0.3);
  near(t, by[`flow/${second}`], "file.fct.mean", 0.5);
  near(t, total, "file.fct.mean", 0.3);
  near(t, total, "file.fct_connect.max", 0.02);
  near(t, total, "file.completed", 3);
  near(t, total, "file.failed", 0);
  // 20 Mbit/s with 38 bytes to an IP packet: 1448 of 1538 are payload; the path's round trip is 20 ms.
  const ideal = 0.04 + 800_000 / ((20e6 * 1448) / 1538);
  near(t, by["client/home-1"], "file.slowdown.min", 0.1 / ideal);
  near(t, by["client/home-2"], "file.slowdown.p50", 0.5 / ideal);
});

test("what failed or was broken off is counted and has no time; what was never connected is a connect failure", (t) => {
  const s = synthetic({ clients: 1 });
  const { id } = addLoader(s, 0);
  addTransfer(s, id, 1500, 100);
  addTransfer(s, id, 1700, 700, 1);
  addTransfer(s, id, 2900, 300, 2);
  const { total } = derive(s);
  near(t, total, "file.completed", 1);
  near(t, total, "file.failed", 1);
  near(t, total, "file.unfinished", 1);
  near(t, total, "file.connect_failures", 1);
  t.is(total["file.fct.p50"]?.count, 1);
  t.is(total["file.fct_connect.p50"]?.count, 2);
});

test("goodput is what the bins say, and none of it is a share that somebody starves of", (t) => {
  const s = synthetic({ clients: 1 });
  const { id } = addLoader(s, 0);
  const { total, by } = derive(s);
  near(t, total, "file.goodput", 2e6);
  t.is(by[`flow/${id}`]?.["file.cwnd.p50"]?.value, by["flow/0"]?.["bulk.cwnd.p50"]?.value);
  t.is(total["file.starvation"]?.value, null);
  t.is(total["file.completed"]?.value, null);
});
