import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { BULK, home, labTest, metric, namespaces, scenario, startMqoe } from "./helpers/mqoe.js";

/** What slow start has lost in the FIFO is sent again before the rate is judged. */
const LINE = home({ duration: "8s", sqm: 'discipline = "pfifo", limit = 100' }).replace('ramp = "1s"', 'ramp = "3s"');

/** Three hosts behind one circuit; connections of the first and the second in IPv4, of the third in IPv6. */
const HOSTS = `${LINE.replace('plan = "line"', 'plan = "line"\nhosts = 3')}
${BULK.replace("flows = 4", "flows = 2\nhost = 1")}
${BULK.replace("bulk", "second").replace("flows = 4", "flows = 1\nhost = 2")}
${BULK.replace("bulk", "third").replace("flows = 4", 'flows = 1\nhost = 3\nfamily = "ipv6"')}
[traffic.turns]
kind = "tcp"
from = "home"
to = "web"
direction = "up"
flows = 3
[traffic.flood]
kind = "udp"
from = "home"
to = "web"
rate = "1mbit"
host = 3
[traffic.six]
kind = "probe"
from = "home"
to = "web"
family = "ipv6"
host = 2
`;

/** What the server's connections come from: address → how many, by the server's port. */
function peersOf(netns: string): Record<string, string[]> {
  const text = execFileSync("ip", ["netns", "exec", netns, "ss", "-Htn", "state", "established"], { encoding: "utf8" });
  const peers: Record<string, string[]> = {};
  for (const line of text.split("\n").filter(Boolean)) {
    const [, , own = "", peer = ""] = line.trim().split(/\s+/u);
    const port = own.slice(own.lastIndexOf(":") + 1);
    peers[port] = [...(peers[port] ?? []), peer.slice(0, peer.lastIndexOf(":"))].sort();
  }
  return peers;
}

for (const dataplane of ["afxdp", "kernel"]) {
  labTest(`hosts behind one circuit: traffic comes from its host's address, through ${dataplane}`, async (t) => {
    t.timeout(120_000);
    const lab = `mqhosts-${dataplane}`;
    const file = scenario(t, "hosts", HOSTS);
    const run = startMqoe(["run", file, "--dataplane", dataplane, "--lab", lab]);
    const events = join(run.out, "hosts/run-1/events.jsonl");
    const isLoaded = () => existsSync(events) && readFileSync(events, "utf8").includes('"loaded"');
    while (!isLoaded() && run.child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 20));
    const peers = peersOf(`${lab}-web`);
    const finished = await run.finished;
    t.deepEqual(
      peers,
      {
        5001: ["100.64.0.1", "100.64.0.1"],
        5002: ["100.64.0.2"],
        5003: ["[fd6d:716f:6500:2::3]"],
        5004: ["100.64.0.1", "100.64.0.2", "100.64.0.3"],
      },
      finished.stderr,
    );
    for (const name of ["bulk", "second", "third", "flood"])
      t.true(metric(t, finished, 0, `${name}.goodput`) > 1e5, name);
    // While nothing fills the FIFO, whose tail drops meet probes as well.
    for (const name of ["ping", "six"]) t.is(metric(t, finished, 0, `${name}.idle.loss`), 0, name);
    const accounting = finished.results?.cases[0]?.accounting;
    t.like(accounting, { unaccounted: 0, held: 0 });
    // One circuit: all hosts together get the plan's rate, which is at the IP layer here or above it.
    const rate = metric(t, finished, 0, "dataplane.rate_down");
    t.true(rate <= 20.02e6 && rate >= 18e6, `${rate} bit/s`);
    t.deepEqual(namespaces(lab), []);
  });
}
