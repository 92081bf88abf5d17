import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { type ConductHooks, type ConductOptions, conduct } from "../../harness/run/conductor.js";
import { loadCases } from "../../harness/scenario/index.js";

function setUp(t: ExecutionContext) {
  const out = mkdtempSync(join(tmpdir(), "mqoe-conduct-"));
  t.teardown(() => rmSync(out, { recursive: true }));
  const notes: string[] = [];
  const nothing = () => undefined;
  const hooks: ConductHooks = {
    building: nothing,
    phase: nothing,
    rates: nothing,
    note: (text) => notes.push(text),
    runStarted: nothing,
    runEnded: nothing,
    caseEnded: nothing,
  };
  const scenarioText = () => "";
  const options: ConductOptions = { out, command: "test", lab: "x", scenarioText, retries: 0, unfit: () => null };
  const read = (file: string) => JSON.parse(readFileSync(join(out, file), "utf8"));
  return { notes, hooks, options, read };
}

const TOML = `duration = "12s"
[plan.line]
down = "20mbit"
up = "20mbit"
sqm = { discipline = "fq_codel" }
[path.near]
rtt = "2ms"
[server.web]
path = "near"
[client.home]
plan = "line"
[traffic.ping]
kind = "probe"
from = "home"
to = "web"
`;

test("a case whose folder cannot be made ends the whole, with its name; the manifest keeps what was planned", async (t) => {
  const { hooks, notes, options, read } = setUp(t);
  const { cases } = loadCases(["two.toml"], {}, () => `${TOML}[matrix]\n"plan.line.down" = ["10mbit", "20mbit"]\n`);
  const full = () => {
    throw new Error("ENOSPC: no space left on device");
  };
  const unable = await conduct(cases, { ...options, scenarioText: full }, hooks, new AbortController().signal);
  t.regex(unable ?? "", /ENOSPC/);
  t.true(unable?.startsWith(cases[0]?.id ?? "?"));
  t.deepEqual(notes, [unable]);
  t.deepEqual(read("run.json").cases, []);
  t.is(read("run.json").planned.length, 2);
});
