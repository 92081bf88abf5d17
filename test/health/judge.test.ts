import test from "ava";
import type { PhaseBlueprint } from "../../harness/blueprint/types.js";
import { judgeHealth, spoiledByMachine } from "../../harness/health/index.js";
import type { RunEvent } from "../../harness/recording/index.js";
import type { HealthCheck } from "../../harness/verdict/types.js";
import { linesWith } from "../blueprint/line.js";
import { addStream, MS, runOf, type Synthetic, synthetic } from "../recording/fixture.js";

const health = (s: Synthetic) => judgeHealth(runOf(s));
const named = (s: Synthetic, name: string): HealthCheck =>
  health(s).checks.find((check) => check.name === name) as HealthCheck;
const eventOf = (s: Synthetic, event: string, when?: string): RunEvent =>
  s.events.find((e) => e.event === event && (when === undefined || e.when === when)) as RunEvent;

test("a healthy run: every check is there, is ok and says what it saw", (t) => {
  const { verdict, checks } = health(synthetic());
  t.is(verdict, "ok");
  t.deepEqual(
    checks.map((check) => check.name),
    [
      "run-ended",
      "recording-complete",
      "recording-lost",
      "cpu-headroom",
      "generator-cpu",
      "machine-cpu",
      "steal",
      "generator-late",
      "probe-lateness",
      "probes-late",
      "kernel-drops",
      "rig-drops",
      "softnet-drops",
      "unaccounted",
      "clock-step",
      "timer-lateness",
      "stalls",
      "detours",
    ],
  );
  for (const check of checks) {
    t.is(check.verdict, "ok", `${check.name}: ${check.reason}`);
    t.regex(check.reason, /^.+\.$/);
    t.true(Number.isFinite(check.value) && Number.isFinite(check.limit));
  }
  t.is(named(synthetic(), "cpu-headroom").value, 0.3);
  t.is(named(synthetic(), "machine-cpu").value, 300 / 700);
});

test("in virtual time nothing is said of what cannot be late there: CPUs, timers and clocks", (t) => {
  const s = synthetic();
  if (s.blueprint) s.blueprint.world = "hermetic";
  t.deepEqual(
    health(s).checks.map((check) => check.name),
    [
      "run-ended",
      "recording-complete",
      "recording-lost",
      "probes-late",
      "kernel-drops",
      "rig-drops",
      "softnet-drops",
      "unaccounted",
    ],
  );
});

type Damage = (s: Synthetic) => void;
interface Example {
  what: string;
  damage: Damage;
  name: string;
  verdict: HealthCheck["verdict"];
  reason: RegExp;
}

const rows = (s: Synthetic, table: keyof Synthetic["rows"], change: (row: Record<string, number>) => object): void => {
  s.rows[table] = s.rows[table].map((row) => ({ ...row, ...change(row) }));
};

const examples: Example[] = [
  {
    what: "a busy dataplane reactor",
    damage: (s) => rows(s, "dp_reactor", (row) => ({ cpu: (row.time as number) * 0.95 })),
    name: "cpu-headroom",
    verdict: "invalid",
    reason: /^dataplane reactor 0 was on the CPU 95 % of the time: a busier reactor/,
  },
  {
    what: "a rather busy dataplane reactor",
    damage: (s) => rows(s, "dp_reactor", (row) => ({ cpu: (row.time as number) * 0.8 })),
    name: "cpu-headroom",
    verdict: "warn",
    reason: /80 %/,
  },
  {
    what: "one busy reactor of two",
    damage: (s) => {
      s.rows.dp_reactor.push(
        ...s.rows.dp_reactor.map((row) => ({ ...row, reactor: 3, cpu: (row.time as number) * 0.93 })),
      );
    },
    name: "cpu-headroom",
    verdict: "invalid",
    reason: /^dataplane reactor 3 /,
  },
  {
    what: "a busy generator",
    damage: (s) => rows(s, "traffic_reactor", (row) => ({ cpu: (row.time as number) * 0.99 })),
    name: "generator-cpu",
    verdict: "invalid",
    reason: /traffic reactor 0 .* 99 %/,
  },
  {
    what: "a busy machine",
    damage: (s) => Object.assign(eventOf(s, "counters", "traffic-end"), { cpu: { busy: 1690, total: 2700, steal: 0 } }),
    name: "machine-cpu",
    verdict: "invalid",
    reason: /^the machine was 98.6 % busy/,
  },
  {
    what: "a hypervisor that takes its time",
    damage: (s) =>
      Object.assign(eventOf(s, "counters", "traffic-end"), { cpu: { busy: 1300, total: 2700, steal: 210 } }),
    name: "steal",
    verdict: "invalid",
    reason: /took 30 %/,
  },
  {
    what: "a stream whose generator stood still",
    damage: (s) => {
      addStream(s, 0);
      rows(s, "udp_sent", (row) => ({ skipped: row.time === 2000 * MS ? 5 : 0 }));
    },
    name: "streams-skipped",
    verdict: "invalid",
    reason: /^5 of 2205 packets of UDP streams were left out, 20 ms and more after their time: a stream with holes/,
  },
  {
    what: "a stream whose socket refuses",
    damage: (s) => {
      addStream(s, 0);
      rows(s, "udp_sent", (row) => ({ refused: row.time === 2000 * MS ? 5 : 0 }));
    },
    name: "streams-refused",
    verdict: "invalid",
    reason: /^5 of 2205 packets of UDP streams were refused by their socket: a stream that/,
  },
  {
    what: "planned streams of which nothing was recorded",
    damage: (s) => {
      addStream(s, 0);
      s.rows.udp_sent = [];
    },
    name: "recording-complete",
    verdict: "invalid",
    reason: /^udp_sent is empty: what was not recorded/,
  },
  {
    what: "a stream that came in a burst",
    damage: (s) => {
      addStream(s, 0);
      rows(s, "udp_sent", (row) => ({ late_max: row.time === 2000 * MS ? 7 * MS : 0 }));
    },
    name: "streams-late",
    verdict: "warn",
    reason: /^the latest packet of a UDP stream left 7 ms after its time: packets that are caught up with/,
  },
  {
    what: "a stream's socket that was full",
    damage: (s) => {
      addStream(s, 0);
      rows(s, "udp_bin", () => ({ overruns: 40 }));
    },
    name: "streams-overrun",
    verdict: "invalid",
    reason: /^the receiving sockets of UDP streams dropped 40 packets: /,
  },
  {
    what: "one late probe",
    damage: (s) => rows(s, "traffic_reactor", (row) => ({ late_max: row.time === 2000 * MS ? 12 * MS : 0 })),
    name: "generator-late",
    verdict: "warn",
    reason: /^the latest probe left 12 ms after its time \(interval 10 ms\)/,
  },
  {
    what: "a generator that is behind, packet after packet, though never by an interval",
    damage: (s) =>
      rows(s, "probe", (row) =>
        (row.seq as number) % 50 === 7 ? { client_sent: (row.time as number) + 1.5 * MS } : {},
      ),
    name: "probe-lateness",
    verdict: "invalid",
    reason: /^one probe packet in a hundred left 1\.5 ms after its time or later: a generator that is late/,
  },
  {
    what: "probes never sent",
    damage: (s) => rows(s, "probe", (row) => ((row.seq as number) % 200 === 7 ? { flags: 4, client_sent: 0 } : {})),
    name: "probes-late",
    verdict: "invalid",
    reason: /^4 of 700 probes left more than an interval late or not at all/,
  },
  {
    what: "frames dropped by a full AF_XDP ring",
    damage: (s) => rows(s, "dp_reactor", () => ({ xsk_rx_dropped: 12 })),
    name: "kernel-drops",
    verdict: "invalid",
    reason: /^12 of 50000 frames were dropped by the kernel \(12 xsk_rx_dropped at dataplane reactor 0\)/,
  },
  {
    what: "frames dropped at links",
    damage: (s) =>
      Object.assign(eventOf(s, "counters", "end"), {
        endpoints: { "home-1": { tx: 9, tx_dropped: 5, xdp_drops: 400 } },
        ports: { "access/c0": { xdp_redirect_errors: 7 }, "core/t0": { tx_dropped: 1 } },
      }),
    name: "kernel-drops",
    verdict: "invalid",
    reason: /^13 of .*\(7 xdp_redirect_errors at access\/c0, 5 tx_dropped at home-1, 1 tx_dropped at core\/t0\)/,
  },
  {
    what: "a frame in a million",
    damage: (s) => {
      Object.assign(eventOf(s, "accounting"), { in: 1e6 });
      rows(s, "dp_reactor", () => ({ xsk_tx_invalid: 1 }));
    },
    name: "kernel-drops",
    verdict: "warn",
    reason: /^1 of 1000000 frames/,
  },
  {
    what: "frames lost for want of memory",
    damage: (s) => Object.assign(eventOf(s, "accounting"), { dropped: { aqm: 0, overflow: 0, path: 0, rig: 25 } }),
    name: "rig-drops",
    verdict: "invalid",
    reason: /^25 of 50000 frames were lost by the rig/,
  },
  {
    what: "a full CPU backlog",
    damage: (s) => Object.assign(eventOf(s, "counters", "traffic-end"), { softnet: { dropped: 107, squeezed: 0 } }),
    name: "softnet-drops",
    verdict: "invalid",
    reason: /^100 packets/,
  },
  {
    what: "unaccounted frames",
    damage: (s) => Object.assign(eventOf(s, "accounting"), { unaccounted: 1 }),
    name: "unaccounted",
    verdict: "invalid",
    reason: /^1 of 50000 frames are unaccounted for/,
  },
  {
    what: "more frames out than in",
    damage: (s) => Object.assign(eventOf(s, "accounting"), { unaccounted: -3 }),
    name: "unaccounted",
    verdict: "invalid",
    reason: /^-3 of/,
  },
  {
    what: "a complete run that gave no last accounting",
    damage: (s) => {
      s.events = s.events.filter((e) => e.event !== "accounting");
    },
    name: "unaccounted",
    verdict: "invalid",
    reason: /^the run is complete but has no last accounting/,
  },
  {
    what: "events of which only the last is left",
    damage: (s) => {
      s.events = [eventOf(s, "done")];
    },
    name: "unaccounted",
    verdict: "invalid",
    reason: /no last accounting/,
  },
  {
    what: "a clock step",
    damage: (s) => rows(s, "traffic_reactor", (row) => ({ clock_offset: (row.time as number) > 2e9 ? -2 * MS : 0 })),
    name: "clock-step",
    verdict: "invalid",
    reason: /moved 2 ms/,
  },
  {
    what: "records that were overwritten",
    damage: () => undefined,
    name: "recording-lost",
    verdict: "ok",
    reason: /^0 of \d+ records/,
  },
  {
    what: "late timers",
    damage: (s) => rows(s, "dp_reactor", () => ({ timer_late_max: 3 * MS })),
    name: "timer-lateness",
    verdict: "warn",
    reason: /3 ms late/,
  },
  {
    what: "a dead dataplane",
    damage: (s) => Object.assign(eventOf(s, "done"), { reason: "dataplane-died", error: "killed by SIGKILL" }),
    name: "run-ended",
    verdict: "invalid",
    reason: /"dataplane-died" \(killed by SIGKILL\)/,
  },
  {
    what: "an interrupted run",
    damage: (s) => Object.assign(eventOf(s, "done"), { reason: "interrupted" }),
    name: "run-ended",
    verdict: "invalid",
    reason: /"interrupted"/,
  },
  {
    what: "a run without an end",
    damage: (s) => s.events.pop(),
    name: "run-ended",
    verdict: "invalid",
    reason: /the harness was killed/,
  },
  {
    what: "a recording without the dataplane",
    damage: (s) => {
      s.rows.dp_reactor = [];
    },
    name: "recording-complete",
    verdict: "invalid",
    reason: /^dp_reactor is empty/,
  },
  {
    what: "a spool that could not write",
    damage: (s) => s.events.push({ event: "spool", time: 3.8, error: "ENOSPC on probe" }),
    name: "recording-complete",
    verdict: "invalid",
    reason: /ENOSPC/,
  },
];

for (const { what, damage, name, verdict, reason } of examples) {
  test(`${name} is ${verdict}: ${what}`, (t) => {
    const s = synthetic();
    damage(s);
    const check = named(s, name);
    t.is(check.verdict, verdict, check.reason);
    t.regex(check.reason, reason);
    t.is(health(s).verdict, verdict === "invalid" ? "invalid" : "ok");
    if (verdict !== "ok") t.true(check.value > check.limit, `${check.value} against ${check.limit}`);
  });
}

test("each receiving socket of UDP streams counts once, with its last number", (t) => {
  const dropped = (direction: "down" | "up", cores: number[] = [0]): string => {
    const s = synthetic();
    s.blueprint.traffic.cores = cores;
    const [first, second] = [addStream(s, 0, direction), addStream(s, 1, direction)];
    rows(s, "udp_bin", ({ stream, time }) => ({
      overruns: stream === first.id ? Math.floor((time as number) / (100 * MS)) : stream === second.id ? 7 : 0,
    }));
    return named(s, "streams-overrun").reason;
  };
  t.regex(dropped("down"), /dropped 42 packets/, "35 and 7: every client has a socket of its own");
  t.regex(dropped("up"), /dropped 35 packets/, "both streams tell of their server's one socket");
  t.regex(dropped("up", [0, 1]), /dropped 42 packets/, "which is one for each reactor");
});

test("streams of a run that ended before they began leave nothing to record", (t) => {
  const s = synthetic();
  addStream(s, 0);
  s.rows.udp_sent = [];
  Object.assign(eventOf(s, "done"), { reason: "interrupted" });
  t.is(named(s, "recording-complete").verdict, "ok");
  t.is(health(s).verdict, "invalid");
});

test("lost records are counted over all tables", (t) => {
  const run = runOf(synthetic());
  run.tables.probe.lost = 2;
  run.tables.tcp_bin.lost = 3;
  const check = judgeHealth(run).checks.find((c) => c.name === "recording-lost");
  t.is(check?.verdict, "invalid");
  t.is(check?.value, 5);
});

test("a damaged segment makes a run invalid, a missing environment does not", (t) => {
  const run = runOf(synthetic());
  run.problems.push("/r/environment.json: no such file");
  t.is(judgeHealth(run).verdict, "ok");
  run.problems.push("/r/samples/x.probe.seg: holds 4 bytes");
  t.is(judgeHealth(run).verdict, "invalid");
});

test("being preempted between two clock reads is no clock step", (t) => {
  const s = synthetic();
  for (const row of s.rows.traffic_reactor) if (row.time === 2000 * MS) row.clock_offset = 5 * MS;
  t.is(named(s, "clock-step").verdict, "ok");
});

test("nothing recorded at all: invalid, and every number finite", (t) => {
  const s = synthetic();
  for (const name of Object.keys(s.rows) as (keyof typeof s.rows)[]) s.rows[name] = [];
  s.events = [];
  for (const run of [runOf(s), { ...runOf(s), blueprint: null }]) {
    const { verdict, checks } = judgeHealth(run);
    t.is(verdict, "invalid");
    for (const check of checks) t.true(Number.isFinite(check.value) && Number.isFinite(check.limit), check.name);
  }
});

const spoiled = (...damages: Damage[]): string | null => {
  const s = synthetic();
  for (const damage of damages) damage(s);
  return spoiledByMachine(runOf(s));
};
const damageOf = (what: string): Damage => examples.find((example) => example.what === what)?.damage as Damage;

test("only what the machine spoiled may be made again", (t) => {
  t.is(spoiled(), null);
  for (const what of [
    "a busy machine",
    "a hypervisor that takes its time",
    "probes never sent",
    "a stream whose generator stood still",
    "a full CPU backlog",
  ]) {
    t.regex(spoiled(damageOf(what)) ?? "", /\.$/, what);
  }
  for (const what of [
    "unaccounted frames",
    "frames lost for want of memory",
    "frames dropped at links",
    "a recording without the dataplane",
    "a dead dataplane",
    "a complete run that gave no last accounting",
    "a busy dataplane reactor",
    "a stream whose socket refuses",
    "planned streams of which nothing was recorded",
  ]) {
    t.is(spoiled(damageOf(what)), null, what);
    t.is(spoiled(damageOf("a busy machine"), damageOf(what)), null, `${what}, on a busy machine`);
  }
});

test("each kind of dataplane must have recorded what it records, and is asked for nothing else", (t) => {
  const check = (
    kind: NonNullable<Synthetic["blueprint"]>["dataplane"]["kind"],
    ...empty: (keyof Synthetic["rows"])[]
  ) => {
    const s = synthetic();
    if (s.blueprint) s.blueprint.dataplane.kind = kind;
    for (const table of empty) s.rows[table] = [];
    const judged = health(s);
    const names = judged.checks.map(({ name }) => name);
    return [
      judged.verdict,
      named(s, "recording-complete").reason,
      names.includes("cpu-headroom"),
      names.includes("timer-lateness"),
    ];
  };
  const fine = ["ok", "all samples are there."];
  t.deepEqual(check("afxdp"), [...fine, true, true]);
  t.deepEqual(check("kernel"), [...fine, false, false]);
  t.deepEqual(check("none"), [...fine, false, false]);
  t.deepEqual(check("external", "dp_client"), [...fine, false, false], "mqoe only counts beside the command");
  t.is(check("kernel", "dp_client")[0], "invalid");
  t.is(check("none", "dp_reactor")[0], "invalid");
  t.is(check("external", "dp_reactor")[0], "invalid");
});

test("a qdisc drops by intent where qdiscs are the dataplane, and nowhere else", (t) => {
  const drops = (kind: NonNullable<Synthetic["blueprint"]>["dataplane"]["kind"], port: string) => {
    const s = synthetic();
    if (s.blueprint) s.blueprint.dataplane.kind = kind;
    eventOf(s, "counters", "end").ports = { [port]: { qdisc_drops: 7 } };
    return named(s, "kernel-drops").reason;
  };
  t.regex(drops("afxdp", "dataplane/core0"), /^7 of .*\(7 qdisc_drops at dataplane\/core0/);
  t.regex(drops("none", "dataplane/core0"), /^7 of/);
  t.regex(drops("kernel", "access/trunk0"), /^7 of/);
  t.regex(drops("kernel", "dataplane/core0"), /^0 of/);
  t.regex(drops("external", "dataplane/ifb0"), /^0 of/);
});

test("a machine that stands still: stalls that add up to a hundredth of the load spoil a p99, single ones do not", (t) => {
  const stalled = (table: "dp_reactor" | "traffic_reactor", field: string, times: number[], ns: number) => {
    const s = synthetic();
    for (const row of s.rows[table]) if (times.includes(row.time as number)) row[field] = ns;
    return named(s, "stalls");
  };
  // The loaded phase is 2 s long: 1 % is 20 ms.
  t.like(stalled("dp_reactor", "timer_late_max", [1500 * MS, 1700 * MS], 12 * MS), {
    verdict: "invalid",
    value: 0.012,
  });
  t.like(stalled("traffic_reactor", "late_max", [1500 * MS, 2500 * MS], 12 * MS), { verdict: "invalid", value: 0.012 });
  t.like(stalled("dp_reactor", "timer_late_max", [1500 * MS], 12 * MS), { verdict: "warn", value: 0.006 });
  t.like(stalled("dp_reactor", "timer_late_max", [500 * MS], 500 * MS), { verdict: "ok", value: 0 }, "not under load");
  t.like(
    stalled("dp_reactor", "timer_late_max", every100(), 4 * MS),
    { verdict: "ok", value: 0 },
    "as late as timers are",
  );
  const s = synthetic();
  for (const row of s.rows.dp_reactor) row.timer_late_max = 30 * MS;
  t.regex(spoiledByMachine(runOf(s)) ?? "", /dataplane's timers were more than 5 ms overdue for 30\.?0* % of the load/);
});

const every100 = () => Array.from({ length: 35 }, (_, i) => (i + 1) * 100 * MS);

test("probe packets that wait where there is no queue are the machine's: path and sojourn explain the rest", (t) => {
  const delayed = (share: number, sojourn: number) => {
    // The path's 20 ms, and 30 ms more for some of the probes under load.
    const s = synthetic({ clients: 1 }, { loaded: (_, seq) => (seq % 100 < share ? 0.05 : 0.02) });
    for (const row of s.rows.dp_client) row.sojourn_max = sojourn;
    return s;
  };
  t.like(named(delayed(0, 0), "detours"), { verdict: "ok", value: 0 });
  t.is(named(delayed(10, 0), "detours").verdict, "invalid");
  t.like(named(delayed(10, 30 * MS), "detours"), { verdict: "ok", value: 0 }, "they waited in the queue under test");
  const slow = delayed(10, 0);
  for (const path of slow.blueprint.dataplane.paths) path.down.rate = 1e6;
  t.is(
    health(slow).checks.find(({ name }) => name === "detours"),
    undefined,
    "a path that queues explains anything",
  );
});

test("phases that changes cut out of loaded are under load as well", (t) => {
  const s = synthetic();
  s.blueprint.timeline.phases = s.blueprint.timeline.phases.flatMap((phase): PhaseBlueprint[] => {
    const dropped = { name: "dropped", of: "loaded", start: 2200 * MS, end: phase.end };
    return phase.name === "loaded" ? [{ ...phase, end: dropped.start }, dropped] : [phase];
  });
  for (const row of s.rows.dp_reactor) {
    if ([2500 * MS, 2700 * MS].includes(row.time as number)) row.timer_late_max = 12 * MS;
    // On the CPU for 30 % of the time, and all of it after the change.
    row.cpu = (row.time as number) * 0.3 + Math.max(0, Math.min(row.time as number, 3200 * MS) - 2200 * MS) * 0.7;
  }
  t.like(named(s, "stalls"), { verdict: "invalid", value: 0.012 });
  t.true(Math.abs(named(s, "cpu-headroom").value - 0.65) < 0.02, `${named(s, "cpu-headroom").value}`);
});

test("a path that a change makes longer explains the time of the packets that take it from then on", (t) => {
  // 20 ms until 2.2 s, 70 ms from then on.
  const s = synthetic({ clients: 1 }, { loaded: (_, seq) => (seq >= 220 ? 0.07 : 0.02) });
  for (const row of s.rows.dp_client) row.sojourn_max = 0;
  const set = [{ path: 0, ...linesWith(52.5 * MS, 17.5 * MS) }];
  t.is(named(s, "detours").verdict, "invalid", "nobody said that it would");
  s.blueprint.timeline.changes = [{ at: 2200 * MS, text: "path.metro.rtt = 70ms", set }];
  t.like(named(s, "detours"), { verdict: "ok", value: 0 });
  s.blueprint.timeline.changes = [{ at: 2900 * MS, text: "path.metro.rtt = 70ms", set }];
  t.is(named(s, "detours").verdict, "invalid", "it was longer before it should have been");
  const limited = [{ path: 0, ...linesWith(15 * MS, 5 * MS, 1e6) }];
  s.blueprint.timeline.changes = [{ at: 2900 * MS, text: "path.metro.rate = 1mbit", set: limited }];
  t.is(
    health(s).checks.find(({ name }) => name === "detours"),
    undefined,
    "a path that queues explains anything",
  );
});
