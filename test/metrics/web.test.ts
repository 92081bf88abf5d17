import test, { type ExecutionContext } from "ava";
import { deriveMetrics, type Metrics } from "../../harness/metrics/index.js";
import { addBrowser, addPage, MS, runOf, type Synthetic, synthetic } from "../recording/fixture.js";

const derive = (s: Synthetic) => deriveMetrics(runOf(s));

function near(t: ExecutionContext, metrics: Metrics | undefined, name: string, expected: number): void {
  const value = metrics?.[name]?.value;
  t.true(
    typeof value === "number" && Math.abs(value - expected) <= 1e-9 * Math.max(1, expected),
    `${name} is ${value}, expected ${expected}`,
  );
}

test("page load times by phase, and each page as a multiple of its own client's idle median", (t) => {
  const s = synthetic();
  const [near1, far] = [addBrowser(s, 0), addBrowser(s, 1)];
  for (const [started, took] of [
    [100, 100],
    [300, 300],
    [700, 200],
    [1300, 400],
    [2000, 600],
  ] as const) {
    addPage(s, near1.id, started, took);
  }
  addPage(s, far.id, 100, 800);
  addPage(s, far.id, 1500, 1600);
  const { total, by } = derive(s);
  near(t, by["client/home-1"], "page.idle.plt.p50", 0.2);
  near(t, by["client/home-1"], "page.plt.p50", 0.4);
  near(t, by["client/home-1"], "page.plt.max", 0.6);
  near(t, by["client/home-1"], "page.plt_ratio.p50", 2);
  near(t, by["client/home-1"], "page.plt_ratio.p95", 3);
  near(t, by["client/home-2"], "page.plt_ratio.p50", 2);
  near(t, total, "page.plt_ratio.mean", (2 + 3 + 2) / 3);
  near(t, total, "page.pages", 3);
  near(t, total, "page.goodput", 4e6);
  near(t, total, "page.ttfb.max", 0.4);
  near(t, total, "page.object_time.min", 0.2);
  t.is(total["page.plt.p50"]?.count, 3);
  t.is(total["page.idle.plt_ratio.p50"], undefined);
});

test("a page that began while idle and met the load is in no phase, and one that ends after the load is in the load's", (t) => {
  const s = synthetic({ clients: 1 });
  const { id } = addBrowser(s, 0);
  addPage(s, id, 100, 100);
  addPage(s, id, 900, 500);
  addPage(s, id, 3000, 400);
  const { total } = derive(s);
  near(t, total, "page.idle.pages", 1);
  near(t, total, "page.idle.plt.max", 0.1);
  near(t, total, "page.plt.max", 0.4);
  t.is(total["page.cooldown.plt.p50"]?.value, null);
});

test("pages that failed or were broken off are counted and have no load time", (t) => {
  const s = synthetic({ clients: 1 });
  const { id } = addBrowser(s, 0);
  addPage(s, id, 100, 100);
  addPage(s, id, 1300, 300);
  addPage(s, id, 1700, 900, 1);
  addPage(s, id, 2800, 700, 2);
  const { total } = derive(s);
  near(t, total, "page.pages", 1);
  near(t, total, "page.failed", 1);
  near(t, total, "page.unfinished", 1);
  t.is(total["page.failed"]?.count, 3);
  near(t, total, "page.plt.max", 0.3);
  near(t, total, "page.plt_ratio.max", 3);
});

test("nothing to compare with, nothing recorded: no data, not 0", (t) => {
  const s = synthetic({ clients: 1 });
  const { id } = addBrowser(s, 0);
  t.is(derive(s).total["page.failed"]?.value, null);
  addPage(s, id, 1300, 300);
  const { total } = derive(s);
  near(t, total, "page.failed", 0);
  t.deepEqual(total["page.plt_ratio.p50"], { value: null, unit: "ratio", count: 0 });
});

test("a session that starts with the load has no idle metrics", (t) => {
  const s = synthetic({ clients: 1 });
  const { id } = addBrowser(s, 0, { start: 1000 * MS, stop: 3200 * MS });
  addPage(s, id, 1300, 300);
  t.is(derive(s).total["page.idle.plt.p50"], undefined);
});
