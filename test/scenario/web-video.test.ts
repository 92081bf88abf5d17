import test from "ava";
import type { Traffic } from "../../harness/scenario/types.js";
import { GOOD, lines, load } from "./helpers.js";

const WITH = (kind: string, keys = "") =>
  `${GOOD}\n[traffic.x]\nkind = "${kind}"\nfrom = "home-1"\nto = "web"\n${keys}\n`;

function trafficOf(kind: string, keys = ""): Traffic | undefined {
  const loaded = load(WITH(kind, keys));
  if (loaded.cases.length === 0) throw new Error(lines(loaded).join("\n"));
  return loaded.cases[0]?.traffic.find(({ name }) => name === "x");
}

/** The messages about a table that is wrong, without their places. */
const refusal = (kind: string, keys: string) =>
  lines(load(WITH(kind, keys))).map((line) => line.replace(/^[^ ]+ /u, ""));

test("web: what is left out is RFC 7928's page over six connections, two seconds apart, from the start of the run", (t) => {
  const kilobyte = { distribution: "fixed", value: 1000 };
  t.like(trafficOf("web"), {
    page: { document: kilobyte, objects: 49, object: kilobyte, weight: null },
    pages: 1,
    connections: 6,
    reuse: false,
    think: { distribution: "fixed", value: 2e9 },
    idle: true,
    congestionControl: "cubic",
    ecn: false,
  });
  t.like(trafficOf("web", 'page = "desktop"'), { page: { objects: 70, weight: 2_652_000 } });
});

test("web: a page of one's own, with drawn sizes and times", (t) => {
  const page =
    'page = { document = "20kB", objects = 30, size = { distribution = "pareto", min = "1kB", alpha = 1.2 } }';
  t.like(trafficOf("web", `${page}\nthink = { distribution = "exponential", mean = "5s" }`), {
    page: {
      document: { distribution: "fixed", value: 20_000 },
      objects: 30,
      object: { distribution: "pareto", min: 1000, alpha: 1.2, max: null },
      weight: null,
    },
    think: { distribution: "exponential", mean: 5e9 },
  });
  const mean = trafficOf(
    "web",
    'page = { objects = 3, size = { distribution = "lognormal", mean = "10kB", sigma = 1 } }',
  );
  t.like(mean, { page: { object: { distribution: "lognormal", median: 10_000 / Math.exp(0.5), sigma: 1 } } });
});

test("web: what is wrong is said with what is allowed", (t) => {
  const cases: [string, RegExp][] = [
    ['page = "heavy"', /traffic\.x\.page: expected one of rfc7928, simple, complex, mobile, desktop/u],
    ['page = { size = "15kB" }', /traffic\.x\.page\.objects: is missing/u],
    ['page = { objects = 5, size = "15mbit" }', /traffic\.x\.page\.size: .*15mbit/u],
    [
      'page = { objects = 5, size = { distribution = "normal" } }',
      /traffic\.x\.page\.size\.distribution: "normal" is not allowed/u,
    ],
    [
      'page = { objects = 5, size = { distribution = "lognormal", sigma = 1 } }',
      /needs exactly one of median and mean/u,
    ],
    ["page = { objekts = 3 }", /traffic\.x\.page: unknown key "objekts"; did you mean "objects"\? allowed: document/u],
    ['think = "2kB"', /traffic\.x\.think: "2kB" is a size, here a time is needed; write e\.g\. "15ms" \([^)]*\)$/u],
    ["connections = 33", /traffic\.x\.connections: 33 is too large; at most 32/u],
    ['think = "2"', /traffic\.x\.think: /u],
    ["size = 5", /unknown key "size"/u],
  ];
  for (const [keys, expected] of cases) {
    const found = refusal("web", keys);
    t.is(found.length, 1, `${keys}: ${found.join("\n")}`);
    t.regex(found[0] ?? "", expected);
  }
});

test("video: what is left out is dash.js's player on Apple's ladder", (t) => {
  t.like(trafficOf("video"), {
    bitrates: [145e3, 365e3, 730e3, 1100e3, 2e6, 3e6, 4500e3, 6e6, 7800e3],
    segment: 4e9,
    buffer: 30e9,
    startup: 4e9,
    resume: 4e9,
    variation: 0.2,
    adaptation: "dynamic",
  });
});

test("video: a ladder that does not rise and a buffer that cannot play are refused", (t) => {
  const cases: [string, RegExp][] = [
    ['bitrates = ["1mbit", "1mbit"]', /traffic\.x\.bitrates: bitrates must rise/u],
    ["bitrates = []", /traffic\.x\.bitrates: must not be empty/u],
    ['buffer = "7s"', /traffic\.x\.buffer: 7s hold less than two segments; at least 8s are allowed/u],
    ['startup = "27s"', /traffic\.x\.startup: a buffer of 30s is never that full; at most 26s are allowed/u],
    ['adaptation = "bba"', /traffic\.x\.adaptation: "bba" is not allowed/u],
  ];
  for (const [keys, expected] of cases) {
    const found = refusal("video", keys);
    t.is(found.length, 1, `${keys}: ${found.join("\n")}`);
    t.regex(found[0] ?? "", expected);
  }
});

test("one client negotiates ECN or it does not, in whatever kind of traffic", (t) => {
  const [found = ""] = refusal("video", "ecn = true");
  t.regex(found, /traffic\.x\.ecn: "x" wants ECN and "bulk" does not/u);
});

const RATIO = '\n[[expect]]\nmetric = "x.plt_ratio.p95"\nbelow = 3\n';

test("web: a ratio to idle pages needs idle pages", (t) => {
  t.deepEqual(refusal("web", RATIO), []);
  const [found = "", ...others] = refusal("web", `idle = false\n${RATIO}`);
  t.regex(found, /nothing produces "x\.plt_ratio\.p95": with idle = false "x" loads no page while the line is idle/u);
  t.deepEqual(others, []);
});
