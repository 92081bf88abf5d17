import test from "ava";
import { makeBlueprint } from "../../harness/blueprint/index.js";
import type { Case } from "../../harness/scenario/types.js";
import { GOOD, lines, load } from "./helpers.js";

const flood = (settings: string) =>
  `${GOOD}\n[traffic.flood]\nkind = "udp"\nfrom = "home-1"\nto = "web"\nrate = "8mbit"\nsize = 972\n${settings}`;

function streamOf(settings: string) {
  const loaded = load(flood(settings));
  if (!loaded.cases[0]) throw new Error(lines(loaded).join("\n"));
  return makeBlueprint(loaded.cases[0] as Case, { lab: "mq-1a2b", seed: 1, cores: 2 }).traffic.streams[0];
}

// 972 bytes are 1000 of IP: 8 Mbit/s is a packet each millisecond. Load lasts 10 s.
const MS = 1e6;

test("a constant stream is what it was: no pattern, no mix", (t) => {
  const stream = streamOf("");
  t.like(stream, { interval: MS, size: 972 });
  for (const key of ["pattern", "gaps", "mix"]) t.false(key in (stream ?? {}), key);
});

test("bursts and sawteeth repeat, with the mean of the whole as their interval", (t) => {
  const bursts = streamOf('pattern = { shape = "bursts", on = "2s", off = "3s" }\n');
  t.deepEqual(bursts?.pattern, {
    period: 5000 * MS,
    pieces: [
      { from: 0, interval: MS },
      { from: 2000 * MS, interval: 0 },
    ],
  });
  t.is(bursts?.interval, 2.5 * MS, "two fifths of the time");
  const cut = streamOf('pattern = { shape = "bursts", on = "4s", off = "4s", low = "4mbit" }\n');
  t.deepEqual(cut?.pattern?.pieces[1], { from: 4000 * MS, interval: 2 * MS });
  t.is(cut?.interval, Math.round((10_000 * MS) / 8000), "4 s at 1000, 4 s at 500, 2 s at 1000");
  const saw = streamOf('pattern = { shape = "sawtooth", period = "4s", steps = 5 }\n');
  t.deepEqual(
    saw?.pattern?.pieces.map(({ from, interval }) => [from / MS, interval / MS]),
    [
      [0, 0],
      [800, 4],
      [1600, 2],
      [2400, 1.333333],
      [3200, 1],
    ],
  );
});

test("steps last until the next one, the rate until the first; what lies beyond the load is left out", (t) => {
  const steps = (list: string) => streamOf(`pattern = { shape = "steps", steps = [${list}] }\n`);
  const stream = steps('{ at = "3s", rate = "16mbit" }, { at = "5s", rate = "0mbit" }, { at = "20s", rate = "1mbit" }');
  t.deepEqual(stream?.pattern, {
    period: 10_000 * MS,
    pieces: [
      { from: 0, interval: MS },
      { from: 3000 * MS, interval: MS / 2 },
      { from: 5000 * MS, interval: 0 },
    ],
  });
  t.is(steps('{ at = "0s", rate = "0mbit" }, { at = "20s", rate = "1mbit" }'), undefined, "never sends in this load");
});

test("gaps and sizes are drawn where the packets are sent; the rate is that of the mean size", (t) => {
  const stream = streamOf('gaps = "poisson"\nmix = [{ size = 72, weight = 3 }, { size = 1272 }]\n');
  t.like(stream, { gaps: "poisson", size: 372, interval: 400_000 });
  t.deepEqual(stream?.mix, [
    { size: 72, weight: 3 },
    { size: 1272, weight: 1 },
  ]);
});

test("what makes no sense is refused where it stands", (t) => {
  const found = (settings: string) => lines(load(flood(settings)))[0] ?? "";
  t.regex(found("mix = [{ size = 1473 }]\n"), /:40:\d+: traffic\.flood\.mix\[1\]\.size: 1473 bytes do not fit an mtu/u);
  t.regex(found('pattern = { shape = "bursts", low = "8mbit" }\n'), /pattern\.low: must be less than rate/u);
  t.regex(
    found('pattern = { shape = "steps", steps = [{ at = "3s", rate = "1mbit" }, { at = "3s", rate = "2mbit" }] }\n'),
    /pattern\.steps\[2\]\.at: must be later/u,
  );
  t.regex(
    found('pattern = { shape = "steps", steps = [{ at = "3s", rate = "9gbit" }] }\n'),
    /1125000 packets of 1000 bytes a second; at most 1000000/u,
  );
  t.regex(found('pattern = { shape = "sawtoth" }\n'), /"sawtoth" is not allowed; did you mean "sawtooth"\?/u);
  t.regex(found('pattern = { shape = "bursts", on = "1us" }\n'), /"1us" is too small; at least 1ms/u);
});
