import type { SessionBlueprint } from "../../harness/blueprint/types.js";
import { fitRun, home, labTest, metric, scenario } from "./helpers/mqoe.js";
import { Pair, type Sample, TrafficProcess } from "./helpers/traffic.js";

const MS = 1e6;

function session(part: Partial<SessionBlueprint>): SessionBlueprint {
  return {
    id: 0,
    traffic: "files",
    client: 0,
    server: 0,
    family: "ipv4",
    port: 9300,
    congestionControl: "cubic",
    dscp: 0,
    ecn: false,
    host: 0,
    rtt: 0,
    start: 0,
    stop: 1500 * MS,
    script: { kind: "transfers", loop: "closed", transfers: [{ wait: 10 * MS, up: 0, down: 20_000 }] },
    ...part,
  };
}

labTest(
  "sessions on two reactors, over both families: each transfer is recorded once, and all its bytes come",
  async (t) => {
    t.timeout(20_000);
    const pair = new Pair(t, "sessions", null);
    const ups = Array.from({ length: 40 }, (_, n) => ({ wait: n * 30 * MS, up: 30_000, down: 0 }));
    const sessions = [
      session({ id: 3 }),
      session({ id: 4, dscp: 46 }),
      session({ id: 5, family: "ipv6" }),
      session({ id: 6, port: 9301, script: { kind: "transfers", loop: "open", transfers: ups } }),
    ];
    const process = new TrafficProcess(t, pair.blueprint({ cores: [-1, -1], sessions }));
    t.is((await process.answer()).event, "ready");
    process.go();
    t.is((await process.answer()).event, "done");
    process.say({ op: "stop" });
    const stopped = await process.answer();
    t.is(stopped.event, "stopped");
    t.like(stopped.info, { strays: 0, sockets: 0 });
    const sum = (records: Sample[], key: string): number => records.reduce((total, r) => total + (r[key] ?? 0), 0);
    for (const { id } of sessions) {
      const made = process.records("transfer").filter((r) => r.session === id);
      const bytes = sum(
        process.records("tcp_bin").filter((r) => r.flow === id),
        "bytes",
      );
      const complete = made.filter((r) => r.result === 0);
      t.is(made.filter((r) => r.result === 1).length, 0, "none failed");
      t.deepEqual(
        made.map((r) => r.index).sort((a, b) => (a ?? 0) - (b ?? 0)),
        made.map((_, n) => n),
      );
      t.true(complete.length > (id === 6 ? 38 : 20), `${complete.length}`);
      const whole = sum(complete, "up_bytes") + sum(complete, "down_bytes");
      t.true(bytes >= whole && bytes <= whole + 30_000 * (made.length - complete.length), `${bytes} of ${whole}`);
    }
  },
);

labTest("transfers alone on a line take two round trips and their bytes at its rate", async (t) => {
  t.timeout(240_000);
  const text = home({ down: "20mbit", up: "20mbit", sqm: 'discipline = "pfifo", limit = 1000' });
  // 40 packets at once are more than the line's 50 kB of rate times distance: slow start costs nothing.
  const files = `[traffic.files]
kind = "tcp"
from = "home"
to = "web"
size = "500kB"
initial_window = 40
`;
  const finished = await fitRun([scenario(t, "files", text + files)]);
  const value = (name: string): number => metric(t, finished, 0, name);
  t.is(value("files.failed"), 0);
  t.true(value("files.completed") > 3);
  const slowdown = value("files.slowdown.p50");
  t.true(slowdown > 0.97 && slowdown < 1.1, `${slowdown}`);
});
