import test, { type ExecutionContext } from "ava";
import { BULK, home, mqoe, scenario } from "../lab/helpers/mqoe.js";

/** Metrics of the only case of a scenario, on virtual time. */
async function metricsOf(t: ExecutionContext, toml: string, ...options: string[]) {
  const file = scenario(t, "sessions", toml);
  const run = await mqoe(["run", "--world", "hermetic", file, ...options]);
  const [only] = run.results?.cases ?? [];
  t.is(only?.runs[0]?.health.verdict, "ok", run.stdout + run.stderr);
  t.is(only?.accounting?.unaccounted, 0);
  const value = (name: string): number => {
    const found = only?.metrics[name]?.value;
    if (typeof found !== "number") throw new Error(`${name} is ${found}\n${run.stdout}${run.stderr}`);
    return found;
  };
  return { value, metrics: only?.metrics };
}

const PAGES = '[traffic.page]\nkind = "web"\nfrom = "home"\nto = "web"\nthink = "200ms"\n';

/** 2 round trips for the document, 9 for 49 objects over one open and five new connections (9 + 5 · 8). */
const ROUND_TRIPS = 11;

/** 50 answers of 1,000 bytes and their headers, and what requests and handshakes take, at 20 Mbit/s: some 3 ms. */
const SERIALISATION = 0.004;

test("a page on an idle line takes its round trips, and as long beside downloads behind fq_codel", async (t) => {
  const { value } = await metricsOf(t, home() + PAGES + BULK);
  const least = ROUND_TRIPS * 0.02;
  t.true(value("page.idle.plt.p50") >= least, `${value("page.idle.plt.p50")}`);
  t.true(value("page.idle.plt.p50") <= least + SERIALISATION, `${value("page.idle.plt.p50")}`);
  t.true(value("page.ttfb.p50") >= 0.04 && value("page.ttfb.p50") <= 0.043);
  t.true(value("page.plt_ratio.p50") < 1.05, `${value("page.plt_ratio.p50")}`);
  // Now and then one of a page's connections shares its queue with a download, and each of its objects waits 5 ms more.
  t.true(value("page.plt_ratio.p95") < 1.5, `${value("page.plt_ratio.p95")}`);
  t.true(value("page.pages") >= 6);
  t.is(value("page.failed"), 0);
});

test("behind a long FIFO the same page takes many times as long", async (t) => {
  const { value } = await metricsOf(
    t,
    home({ sqm: 'discipline = "pfifo", limit = 300', duration: "12s" }) + PAGES + BULK,
  );
  // 300 packets of 1,514 bytes are 180 ms; a CUBIC that fills 60 % of them leaves six round trips in the place of one.
  t.true(value("page.plt_ratio.p50") > 5, `${value("page.plt_ratio.p50")}`);
  t.is(value("page.failed"), 0);
});

const FILM = '[traffic.film]\nkind = "video"\nfrom = "home"\nto = "web"\n';

/** 4.7 Mbit/s of goodput; 90 % of it are 4.2. */
const LINE = { down: "5mbit", up: "1mbit", duration: "24s" };

test("video settles on the highest bitrate below nine tenths of the line, and never stalls", async (t) => {
  const { value } = await metricsOf(t, home(LINE) + FILM);
  t.is(value("film.bitrate"), 3e6);
  t.is(value("film.stalls"), 0);
  t.true(value("film.switches") <= 1, `${value("film.switches")}`);
  // The first segment: 4 s at 145 kbit/s, ± 20 %, and two round trips; in slow start, so at most another two.
  t.true(value("film.startup") > 0.04 && value("film.startup") < 0.3, `${value("film.startup")}`);
});

// 12 Mbit are under way when the line drops to a tenth: 25 s, and no more than 20 are buffered by then.
test("video on a line that becomes slow stands still until the segment under way has come, and then takes less", async (t) => {
  const slow = '[[change]]\nat = "loaded+6s"\nphase = "slow"\nset = { plan.line.down = "500kbit" }\n';
  const { value } = await metricsOf(t, home({ ...LINE, duration: "60s" }) + FILM + slow);
  t.is(value("film.stalls"), 0);
  t.true(value("film.slow.switches") >= 1);
  t.true(value("film.slow.stalls") >= 1);
  t.true(value("film.slow.stall_time") > 1 && value("film.slow.stall_ratio") < 1);
  // Probes take 100 frames of 106 bytes a second; of the rest 1,448 of 1,514 bytes are payload: 397 kbit/s.
  t.true(value("film.slow.goodput") > 0.37e6 && value("film.slow.goodput") < 0.4e6, `${value("film.slow.goodput")}`);
});

test("the same seed asks for and measures the same, bit for bit", async (t) => {
  const drawn =
    '[traffic.page]\nkind = "web"\nfrom = "home"\nto = "web"\npage = { objects = 20, size = { distribution = "pareto", min = "1kB", alpha = 1.2, max = "1MB" } }\nthink = { distribution = "exponential", mean = "300ms" }\n';
  const { metrics } = await metricsOf(t, home() + drawn + FILM, "--verify-determinism");
  t.true((metrics?.["page.plt.p50"]?.count ?? 0) > 1);
});
