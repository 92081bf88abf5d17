import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import type { DataplaneAccounting } from "../../harness/ffi/native-process.js";
import { readRun } from "../../harness/recording/index.js";
import { BULK, home, mqoe, scenario } from "../lab/helpers/mqoe.js";
import { tshark } from "../lab/helpers/tshark.js";

const CAPTURES = `[capture.line]
from = "home"
[capture.kept]
from = "home"
phases = ["idle"]
keep = "always"
`;
const bound = (ms: number) => `[[expect]]\nmetric = "ping.rtt.p99"\nbelow = "${ms}ms"\n`;

test.serial("a case that fails keeps its captures, one that passes only those to be kept always", async (t) => {
  const files = [1, 400].map((ms) => scenario(t, `below-${ms}`, `${home()}${BULK}${CAPTURES}${bound(ms)}`));
  const done = await mqoe(["run", "--world", "hermetic", ...files, "--pcap", "on-fail"]);
  t.is(done.code, 1, done.stdout + done.stderr);
  const captures = (name: string) => readdirSync(join(done.out, name, "run-1/captures")).sort();
  t.deepEqual(captures("below-1"), ["kept.pcapng", "line.pcapng", "pcap.pcapng"]);
  t.deepEqual(captures("below-400"), ["kept.pcapng"]);
  const told = (done.results?.cases ?? []).map(({ runs }) => runs[0]?.captures?.map(({ name }) => name).sort());
  t.deepEqual(told, [["kept", "line", "pcap"], ["kept"]]);

  const { dir, events } = readRun(join(done.out, "below-1/run-1"));
  const accounting = events.find(({ event }) => event === "accounting")?.dataplane as DataplaneAccounting;
  const packets = tshark(join(dir, "captures/pcap.pcapng"));
  t.is(packets.filter(({ way }) => way === "in").length, accounting.in);
  t.is(packets.filter(({ comment }) => comment === "dropped: aqm").length, accounting.dropped.aqm);
  t.true(accounting.dropped.aqm > 0);
  // Idle: nothing but probes, every 10 ms, both ways, for a second.
  const idle = tshark(join(dir, "captures/kept.pcapng"));
  t.true(idle.every(({ sourcePort }) => sourcePort !== null));
  t.is(idle.filter(({ way }) => way === "out").length, 100);
  t.true(existsSync(join(done.out, "report.html")));
});
