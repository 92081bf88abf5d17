import test from "ava";
import { BULK, home, metric, mqoe, scenario } from "../lab/helpers/mqoe.js";

/** A call, a game and a stream whose rate, gaps and sizes vary, on a line 20 ms from the server. */
const TRAFFIC = `[traffic.call]
kind = "voip"
from = "home"
to = "web"
[traffic.play]
kind = "game"
from = "home"
to = "web"
`;

const STREAM = `[traffic.flood]
kind = "udp"
from = "home"
to = "web"
rate = "4mbit"
gaps = "poisson"
mix = [{ size = 12, weight = 7 }, { size = 548, weight = 4 }, { size = 1472 }]
pattern = { shape = "bursts", on = "500ms", off = "500ms", low = "1mbit" }
`;

test.serial(
  "a call on an idle line 20 ms away has the E-model's R of 10 ms; in a FIFO under load nothing is left of it",
  async (t) => {
    const file = scenario(t, "call", home({ duration: "12s", sqm: 'discipline = "pfifo"' }) + TRAFFIC + BULK);
    const finished = await mqoe(["run", "--world", "hermetic", file]);
    t.is(finished.code, 0, finished.stdout + finished.stderr);
    const value = (name: string) => metric(t, finished, 0, name);
    // 10 ms each way is R = 92.85, 11 ms 92.81: what a packet takes on the line is between them.
    t.true(value("call.idle.r_down") > 92.81 && value("call.idle.r_down") < 92.85, `${value("call.idle.r_down")}`);
    t.true(value("call.idle.r_up") > 92.81 && value("call.idle.r_up") < 92.85, `${value("call.idle.r_up")}`);
    t.is(value("call.idle.loss"), 0);
    t.true(value("call.mos_down") < 3.6, `${value("call.mos_down")}`);
    t.is(value("call.mos"), Math.min(value("call.mos_down"), value("call.mos_up")));
    t.true(value("play.late_packets") > 0.9, `${value("play.late_packets")}`);
  },
);

test.serial(
  "a stream's bursts, gaps and sizes come to the rate that they say, and every packet is accounted for",
  async (t) => {
    const file = scenario(t, "stream", home({ duration: "12s" }) + STREAM);
    const finished = await mqoe(["run", "--world", "hermetic", file]);
    t.is(finished.code, 0, finished.stdout + finished.stderr);
    const value = (name: string) => metric(t, finished, 0, name);
    // Half of the time 4 Mbit/s, half of it 1: 2.5, and what a Poisson process of some thousand packets strays.
    t.true(Math.abs(value("flood.sent") - 2.5e6) < 0.2e6, `${value("flood.sent")}`);
    t.is(value("flood.loss"), 0);
    t.is(value("flood.unsent"), 0);
    t.is(value("dataplane.unaccounted"), 0);
    // The mean of the mix is 312.3 bytes of payload, 340.3 of IP.
    t.true(Math.abs(value("flood.goodput") / value("flood.throughput") - 312.3 / 340.3) < 0.01);
  },
);
