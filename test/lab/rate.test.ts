import { BULK, fitRun, home, labTest, metric, scenario } from "./helpers/mqoe.js";

/** A deep FIFO keeps the queue from running empty, so that the shaper alone decides the rate. */
const LINE = { sqm: 'discipline = "pfifo", limit = 1000', rtt: "10ms", duration: "8s" };
const LOADED_SECONDS = 5.5;

/** TCP of eight flows, or UDP of 4 % more than the rate: one listens, the other never leaves the shaper idle. */
const LOADS = {
  tcp: () => BULK.replace("flows = 4", "flows = 8"),
  udp: (mbit: number) => `[traffic.flood]
kind = "udp"
from = "home"
to = "web"
direction = "down"
rate = "${mbit * 1.04}mbit"
`,
};

// TCP fills a gigabit only on a machine that has nothing else to do; what the machine cannot carry is invalid, not wrong.
for (const [load, mbit] of [
  ["udp", 1],
  ["tcp", 5],
  ["udp", 5],
  ["tcp", 20],
  ["udp", 50],
  ["tcp", 100],
  ["udp", 500],
] as const) {
  labTest(
    `${load}: shaped rate at ${mbit} Mbit/s is within −0.5 … 0 % of set, at the layer the plan accounts`,
    async (t) => {
      t.timeout(180_000);
      const rate = `${mbit}mbit`;
      const finished = await fitRun([scenario(t, "rate", home({ ...LINE, down: rate, up: rate }) + LOADS[load](mbit))]);
      const measured = metric(t, finished, 0, "dataplane.rate_down");
      const oneFrame = (1514 * 8) / LOADED_SECONDS;
      const error = measured / (mbit * 1e6) - 1;
      t.log(`${rate}: ${(measured / 1e6).toFixed(3)} Mbit/s (${(error * 100).toFixed(3)} %)`);
      t.true(measured <= mbit * 1e6 + oneFrame, `${measured} is above ${rate}`);
      t.true(measured >= mbit * 1e6 * 0.995 - oneFrame, `${measured} is more than 0.5 % below ${rate}`);
      t.is(finished.results?.cases[0]?.accounting.unaccounted, 0);
    },
  );
}
