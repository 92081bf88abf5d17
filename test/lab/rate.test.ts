import { BULK, fitRun, home, labTest, metric, scenario } from "./helpers/mqoe.js";

/** A deep FIFO and eight flows keep the queue from running empty, so that the shaper alone decides the rate. */
const LOAD = BULK.replace("flows = 4", "flows = 8");

for (const [rate, mbit] of [
  ["5mbit", 5],
  ["20mbit", 20],
  ["100mbit", 100],
  ["500mbit", 500],
] as const) {
  labTest(`shaped rate at ${rate} is within −1 … 0 % of set, at the layer the plan accounts`, async (t) => {
    t.timeout(120_000);
    const text = home({ down: rate, up: rate, sqm: 'discipline = "pfifo", limit = 1000', rtt: "10ms", duration: "8s" });
    const finished = await fitRun([scenario(t, "rate", text + LOAD)]);
    const measured = metric(t, finished, 0, "dataplane.rate_down");
    const loadedSeconds = 5.5;
    const oneFrame = (1514 * 8) / loadedSeconds;
    const error = measured / (mbit * 1e6) - 1;
    t.log(`${rate}: ${(measured / 1e6).toFixed(3)} Mbit/s (${(error * 100).toFixed(3)} %)`);
    t.true(measured <= mbit * 1e6 + oneFrame, `${measured} is above ${rate}`);
    t.true(error >= -0.01, `${measured} is more than 1 % below ${rate}`);
    t.is(finished.results?.cases[0]?.accounting.unaccounted, 0);
  });
}
