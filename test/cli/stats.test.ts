import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import type { SqmBlueprint } from "../../harness/blueprint/types.js";
import { UsageError } from "../../harness/cli/exit.js";
import { findRun } from "../../harness/cli/stored-run.js";
import { type JournalContent, thisProcess } from "../../harness/lab/journal.js";
import { queueStates } from "../../harness/metrics/index.js";
import { type Row, readNewest } from "../../harness/recording/index.js";
import { tcRate, tcSize, tcTime } from "../../harness/report/terminal/tc-format.js";
import { renderQueue, renderSummary } from "../../harness/report/terminal.js";
import { mqoe } from "../lab/helpers/mqoe.js";
import { MS, SECOND, type Synthetic, synthetic, writeRunFolder } from "../recording/fixture.js";
import { scratchFolder } from "../scratch.js";

const FQ_CODEL = 2;
const CAKE = 3;
const CAKE_SQM: SqmBlueprint = {
  discipline: "cake",
  tins: "diffserv4",
  rtt: 100 * MS,
  isolation: "dual-dsthost",
  nat: false,
  wash: true,
  ackFilter: "off",
  ingress: false,
  splitGso: false,
  memoryLimit: 0,
  autorateIngress: false,
};
const FQ_CODEL_SQM: SqmBlueprint = {
  discipline: "fq_codel",
  target: 5 * MS,
  interval: 100 * MS,
  quantum: 1514,
  flows: 1024,
  limit: 10240,
  memoryLimit: 32 * 1024 * 1024,
  ecn: true,
  ceThreshold: -1,
};

function cakeTin(time: number, tin: number, more: Row = {}): Row {
  return {
    time,
    client: 0,
    direction: 0,
    tin,
    threshold: [1.25e6, 20e6, 10e6, 5e6][tin] ?? 0,
    target: tin === 0 ? 14_530_560 : 5 * MS,
    interval: tin === 0 ? 109_530_560 : 100 * MS,
    memory_used: 4224,
    memory_limit: 4 * 1024 * 1024,
    capacity: 20e6,
    quantum: 300,
    tins: 4,
    discipline: CAKE,
    ...more,
  };
}

/** Two clients; home-1 has cake down, without traffic in Video, and fq_codel up. home-2 was silent. */
function recorded(): Synthetic {
  const s = synthetic();
  const [home] = s.blueprint.dataplane.clients;
  if (home === undefined) throw new Error("the fixture has no client");
  home.down.sqm = CAKE_SQM;
  home.up.sqm = FQ_CODEL_SQM;
  const busy = {
    delay_peak: 8_912_000,
    delay_average: 4_321_000,
    delay_base: 12_000,
    out_packets: 20_400,
    out_bytes: 30_885_600,
    drops: 31,
    marks: 207,
    ack_drops: 5,
    way_hits: 12,
    way_misses: 22,
    way_collisions: 1,
    backlog_packets: 6,
    backlog_bytes: 9084,
    sparse_flows: 1,
    bulk_flows: 4,
    max_len: 1514,
    quantum: 610,
  };
  const voice = { delay_peak: 7000, out_packets: 300, out_bytes: 64_200, max_len: 214, way_misses: 1 };
  const fq = {
    client: 0,
    direction: 1,
    out_packets: 700,
    out_bytes: 63_000,
    marks: 2,
    drops: 3,
    drop_overlimit: 1,
    max_len: 1514,
    new_flow_count: 17,
    sparse_flows: 0,
    bulk_flows: 2,
    capacity: 5e6,
    tins: 1,
    discipline: FQ_CODEL,
  };
  for (const second of [1, 2, 3]) {
    const time = second * SECOND;
    const grown = (row: Row): Row => ({ ...row, out_packets: ((row.out_packets ?? 0) * second) / 3 });
    s.rows.dp_tin.push(cakeTin(time, 0), cakeTin(time, 1, grown(busy)), cakeTin(time, 3, grown(voice)));
    s.rows.dp_tin.push({ time, ...grown(fq) });
  }
  return s;
}

const CAKE_TEXT = `qdisc cake client home-1 down bandwidth 20Mbit diffserv4 dual-dsthost nonat wash no-ack-filter rtt 100ms noatm overhead 38 mpu 84
 Sent 30949800 bytes 20700 pkt (dropped 36, marked 207)
 backlog 9084b 6p
 memory used: 4224b of 4Mb
 capacity estimate: 20Mbit

                     Bulk  Best Effort        Video        Voice
  thresh         1250Kbit       20Mbit            -        5Mbit
  target           14.5ms          5ms            -          5ms
  interval          110ms        100ms            -        100ms
  pk_delay            0us       8.91ms            -          7us
  av_delay            0us       4.32ms            -          0us
  sp_delay            0us         12us            -          0us
  backlog              0b        9084b            -           0b
  pkts                  0        20400            -          300
  bytes                 0     30885600            -        64200
  way_inds              0           12            -            0
  way_miss              0           22            -            1
  way_cols              0            1            -            0
  drops                 0           31            -            0
  marks                 0          207            -            0
  ack_drop              0            5            -            0
  sp_flows              0            1            -            0
  bk_flows              0            4            -            0
  un_flows              0            0            -            0
  max_len               0         1514            -          214
  quantum             300          610            -          300
`;

const FQ_CODEL_TEXT = `qdisc fq_codel client home-1 up bandwidth 5Mbit limit 10240p flows 1024 quantum 1514 target 5ms interval 100ms memory_limit 32Mb ecn noatm overhead 38 mpu 84
 Sent 63000 bytes 700 pkt (dropped 3, marked 2)
 backlog 0b 0p
  maxpacket 1514 drop_overlimit 1 new_flow_count 17 ecn_mark 2
  new_flows_len 0 old_flows_len 2
`;

const SUMMARY_TEXT = `client        qdisc     bandwidth       sent   pkts  dropped  marks  ack_drop  backlog  pk_delay
home-1  down  cake         20Mbit  30949800b  20700       36    207         5    9084b    8.91ms
home-1  up    fq_codel      5Mbit     63000b    700        3      2         0       0b         -
`;

function statesOf(s: Synthetic) {
  const run = writeRunFolder(scratchFolder("mqoe-stats-"), s);
  const problems: string[] = [];
  const states = queueStates(readNewest(run, "dp_tin", 2.5 * SECOND, problems), s.blueprint);
  return { states, problems };
}

test("a queue is told as tc -s qdisc tells it, from its newest records", (t) => {
  const { states, problems } = statesOf(recorded());
  t.deepEqual(problems, []);
  t.deepEqual(states.map(renderQueue), [CAKE_TEXT, FQ_CODEL_TEXT]);
  t.is(renderSummary(states), SUMMARY_TEXT);
});

test("a change while the run goes on: its settings hold from then, and tins of before are gone", (t) => {
  const s = recorded();
  const shaper = { ...(s.blueprint.dataplane.clients[0] as { down: object }).down, rate: 10e6 } as never;
  const besteffort = { ...CAKE_SQM, tins: "besteffort" as const };
  const set = [{ client: 0, direction: "down" as const, shaper: { ...(shaper as object), sqm: besteffort } as never }];
  s.blueprint.timeline.changes.push({ at: 3100 * MS, set, stages: [], text: "" });
  const one = { tins: 1, capacity: 10e6, out_packets: 5 };
  s.rows.dp_tin.push(cakeTin(3500 * MS, 0, one));
  const [down] = statesOf(s).states;
  t.is(down?.tins.length, 1);
  t.is(down?.tins[0]?.title, "Tin 0");
  t.regex(renderQueue(down as never), /^qdisc cake client home-1 down bandwidth 10Mbit besteffort /u);
});

test("a qdisc of Linux's that is none of ours goes by its own name", (t) => {
  const s = recorded();
  const [home] = s.blueprint.dataplane.clients;
  if (home) home.up.sqm = { discipline: "tc", args: "sfq perturb 10", rate: 5e6 };
  for (const row of s.rows.dp_tin) if (row.direction === 1) row.discipline = 255;
  const text = renderQueue(statesOf(s).states[1] as never);
  t.is(text.split("\n")[0], "qdisc sfq client home-1 up bandwidth 5Mbit perturb 10 noatm overhead 38 mpu 84");
});

test("tc's numbers", (t) => {
  t.deepEqual([0, 999, 1000, 64_000, 1_250_000, 20e6, 1e9, 2.5e9].map(tcRate), [
    "0bit",
    "999bit",
    "1Kbit",
    "64Kbit",
    "1250Kbit",
    "20Mbit",
    "1Gbit",
    "2500Mbit",
  ]);
  t.deepEqual([0, 1000, 4224, 4 * 1024 ** 2, 15_503_360].map(tcSize), ["0b", "1000b", "4224b", "4Mb", "15140Kb"]);
  t.deepEqual([0, 999, 8000, 5e6, 14_530_560, 1.2e9].map(tcTime), ["0us", "0us", "8us", "5ms", "14.5ms", "1.2s"]);
});

function journal(lab: string, run: string | null, owner = thisProcess()): JournalContent {
  return { lab, folder: `/run/mqoe/${lab}`, owner, run, created: [] };
}

test("RUN or LAB: what is meant, and what there is instead", (t) => {
  const root = scratchFolder("mqoe-stats-");
  const run = writeRunFolder(join(root, "out"), recorded());
  for (const n of [2, 10]) mkdirSync(join(root, "out", "home", `run-${n}`, "samples"), { recursive: true });
  mkdirSync(join(root, "out", "home", "run-11")); // begun, nothing recorded yet
  writeFileSync(join(root, "out", "run.json"), JSON.stringify({ schema: "mqoe-run/1", cases: ["home"] }));
  const any = { case: undefined, repeat: undefined };
  const out = join(root, "out");
  t.is(findRun(out, any), join(out, "home", "run-10"));
  t.is(findRun(out, { case: "home", repeat: 1 }), run);
  t.is(findRun(join(out, "home"), { case: undefined, repeat: 2 }), join(out, "home", "run-2"));
  t.is(findRun(run, any), run);
  const refused = (word: string, choice: object, labs: JournalContent[] = []) =>
    t.throws(() => findRun(word, { ...any, ...choice }, () => labs), { instanceOf: UsageError })?.message ?? "";
  t.regex(refused(out, { case: "office" }), /no case "office" .*cases: home/u);
  t.regex(refused(out, { repeat: 7 }), /--repeat 7: home has no such run; runs: 1, 2, 10/u);
  t.regex(refused(run, { repeat: 1 }), /is one run already/u);
  t.regex(refused(root, {}), /is no run of mqoe/u);

  const dead = { ...thisProcess(), start: "1" };
  const labs = [journal("mq-ab", "/r/1"), journal("mq-ac", null), journal("mq-dead", "/r/2", dead)];
  t.is(
    findRun("mq-ab", any, () => labs),
    "/r/1",
  );
  t.is(
    findRun("mq-abc", any, () => [...labs, journal("mq-abcd", "/r/3")]),
    "/r/3",
  );
  t.regex(
    refused("mq-a", {}, labs),
    /beginning of several labs: mq-ab or mq-ac|beginning of several labs: mq-ab, mq-ac/u,
  );
  t.regex(refused("mq-ac", {}, labs), /lab mq-ac records nothing/u);
  t.regex(refused("mq-dead", {}, labs), /no lab of that name is running; running: mq-ab/u);
  t.regex(refused("mq-x", {}), /no such folder, and no lab is running/u);
});

test("the command: text, JSON, and errors that say what exists", async (t) => {
  const s = recorded();
  const run = writeRunFolder(scratchFolder("mqoe-stats-"), s);
  const text = await mqoe(["stats", run, "home-1"]);
  t.is(text.code, 0, text.stderr);
  t.is(text.stdout, `${s.blueprint.case}, seed 1, 3.0 s from its start\n\n${CAKE_TEXT}\n${FQ_CODEL_TEXT}`);
  const json = JSON.parse((await mqoe(["stats", run, "--json"])).stdout);
  t.is(json.schema, "mqoe-stats/1");
  const [down] = json.queues;
  t.is(down.tins[1].name, "besteffort");
  t.is(down.tins[1].delay_peak, 0.008912);
  t.is(down.tins[1].ack_drops, 5);
  const unknown = await mqoe(["stats", run, "home-3"]);
  t.is(unknown.code, 2);
  t.regex(unknown.stderr, /there is no client "home-3"; .*clients: .*home-1.*home-2/u);
  const silent = await mqoe(["stats", run, "home-2"]);
  t.is(silent.code, 3);
  t.regex(silent.stderr, /no queue has seen traffic yet/u);
  writeFileSync(join(run, "run.json"), "{}");
  const watched = await mqoe(["stats", run, "home-1", "--watch"]);
  t.is(watched.code, 0, watched.stderr);
  t.true(watched.stdout.endsWith(`${FQ_CODEL_TEXT}\n`));
  const wrong = await mqoe(["stats", run, "--watch", "often"]);
  t.is(wrong.code, 2);
});
