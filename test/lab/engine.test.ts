import { execFile, execFileSync, spawn } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import anyTest, { type ExecutionContext } from "ava";
import { LabEngine, LabError } from "../../harness/ffi/lab-engine.js";
import type { LabOp } from "../../harness/ffi/lab-ops.js";
import { findNative } from "../../harness/ffi/native.js";
import { EngineLab, MAC } from "./helpers/engine-lab.js";

const isRoot = process.getuid?.() === 0;
const test = isRoot ? anyTest.serial : anyTest.skip;
if (!isRoot) {
  anyTest("the lab engine", (t) => {
    t.log("skipped: needs root");
    t.pass();
  });
}

const PREFIX = `mqt-${process.pid}`;
const path = (name: string): string => `/run/netns/${PREFIX}-${name}`;

async function withEngine(body: (engine: LabEngine) => Promise<void>): Promise<void> {
  const engine = await LabEngine.open();
  try {
    await body(engine);
  } finally {
    await engine.close();
  }
}

async function withLab(clients: number, body: (lab: EngineLab) => Promise<void>): Promise<void> {
  await withEngine(async (engine) => {
    const lab = new EngineLab(engine, PREFIX, clients);
    try {
      await body(lab);
    } finally {
      await lab.remove();
    }
  });
}

async function failure(t: ExecutionContext, engine: LabEngine, ...ops: LabOp[]): Promise<LabError> {
  return (await t.throwsAsync(engine.run(ops), { instanceOf: LabError })) as LabError;
}

interface IrttResult {
  stats: { rtt: { min: number; median: number; max: number }; packets_sent: number; packets_received: number };
}

/** Rows of /proc/net/snmp and snmp6 of a namespace that must be zero: `Tcp: … InCsumErrors`, `Ip6InHdrErrors` … */
async function checksumErrors(lab: EngineLab, name: string): Promise<number> {
  const rows = (await lab.run(name, "cat", "/proc/net/snmp")).split("\n").map((line) => line.split(" "));
  let sum = 0;
  rows.forEach((row, i) => {
    const at = row.indexOf("InCsumErrors");
    if (at > 0) sum += Number(rows[i + 1]?.[at]);
  });
  const six = await lab.run(name, "cat", "/proc/net/snmp6");
  for (const [, value] of six.matchAll(/InCsumErrors\s+(\d+)/g)) sum += Number(value);
  return sum;
}

test("two endpoints talk through both switches: no noise, no loss, right checksums, IPv4 and IPv6", async (t) => {
  t.timeout(60_000);
  await withLab(1, async (lab) => {
    await lab.build();
    await sleep(1500); // router solicitations and MLD reports would come within a second
    const quiet = await lab.counters();
    for (const side of [quiet.access, quiet.core]) t.deepEqual([side.in, side.control, side.unmatched], [0, 0, 0]);
    for (const [link, counters] of Object.entries(quiet.links)) t.is(counters.tx_packets, 0, link);

    const shown = await lab.run("client-1", "ip", "-json", "-details", "link", "show", "eth0");
    t.like(JSON.parse(shown)[0], { gso_max_segs: 1 }, "TCP builds one segment at a time");

    lab.forwardByKernel();
    const stopIrtt = await lab.serve("server", /server address|starting|listen/i, "irtt", "server");
    for (const address of ["10.9.0.1", "[fd00:9::1]"]) {
      const args = ["-i", "10ms", "-d", "500ms", "-q", "-o", "-", address];
      const result = JSON.parse(await lab.run("client-1", "irtt", "client", ...args)) as IrttResult;
      t.is(result.stats.packets_received, result.stats.packets_sent, address);
      t.true(result.stats.packets_sent > 20, address); // on a busy machine irtt skips some
      t.true(result.stats.rtt.median < 5e6, `${address}: median ${result.stats.rtt.median} ns`);
    }
    await stopIrtt();

    const stopIperf = await lab.serve("server", /listening/, "iperf3", "-s", "--forceflush");
    for (const [address, ...reverse] of [["10.9.0.1"], ["fd00:9::1"], ["10.9.0.1", "-R"]] as [string, ...string[]][]) {
      const report = JSON.parse(await lab.run("client-1", "iperf3", "-c", address, "-t", "1", "-J", ...reverse));
      const rate = report.end.sum_received.bits_per_second as number;
      t.log(
        `iperf3 ${address} ${reverse}: ${(rate / 1e6).toFixed(0)} Mbit/s, ${report.end.sum_sent.retransmits} retransmits`,
      );
      t.true(rate > 100e6);
    }
    await stopIperf();

    for (const name of ["client-1", "server"]) t.is(await checksumErrors(lab, name), 0, name);
    await sleep(100);
    const { access, core, delivered, links } = await lab.counters();
    let lost = 0;
    for (const [link, counters] of Object.entries(links)) {
      if (!link.endsWith("/eth0")) lost += counters.tx_dropped + (counters.xdp_redirect_errors ?? 0);
    }
    t.is(access.in + core.in, delivered + lost, "every frame is delivered or counted as lost");
    t.deepEqual([access.unmatched, core.unmatched], [0, 0]);
    t.is(access.in, access.redirected_to_trunks);
    t.is(links[`${lab.path("client-1")}/eth0`]?.tx_packets, access.in);
  });
});

test("frames for nobody are unmatched, and never reach a trunk or a port", async (t) => {
  await withLab(1, async (lab) => {
    await lab.build();
    const program = `const s = require("dgram").createSocket("udp4"); let n = 0;
      const next = () => (n++ < 5 ? s.send("x", 9, "203.0.113.9", next) : s.close()); next();`;
    await lab.run("server", process.execPath, "-e", program);
    const { core } = await lab.counters();
    t.deepEqual([core.in, core.redirected_to_trunks, core.unmatched], [5, 0, 5]);
  });
});

test("a namespace whose name is taken stays as it is", async (t) => {
  execFileSync("ip", ["netns", "add", `${PREFIX}-foreign`]);
  t.teardown(() => void execFileSync("ip", ["netns", "del", `${PREFIX}-foreign`]));
  const before = statSync(path("foreign")).ino;
  await withEngine(async (engine) => {
    const error = await failure(t, engine, { op: "netns_add", path: path("foreign") });
    t.is(error.code, "EEXIST");
    t.regex(error.message, /^open O_EXCL namespace \/run\/netns\/mqt-\d+-foreign: File exists: .* \(EEXIST\)$/);
  });
  t.is(statSync(path("foreign")).ino, before);
});

test("errors name the system call, the object and the reason; what was done before stays done", async (t) => {
  await withEngine(async (engine) => {
    const [a, b] = [path("a"), path("b")];
    const veth: LabOp = { op: "veth_add", mtu: 1500, a: { netns: a, name: "c1" }, b: { netns: b, name: "eth0" } };
    try {
      await engine.run([{ op: "netns_add", path: a }, { op: "netns_add", path: b }, veth]);
      const taken = await failure(t, engine, veth);
      t.is(taken.message, `RTM_NEWLINK veth c1 in ${PREFIX}-a: File exists (EEXIST)`);
      const peerTaken = await failure(t, engine, { ...veth, a: { netns: a, name: "c2" } });
      t.is(peerTaken.message, `RTM_NEWLINK veth eth0 in ${PREFIX}-b: File exists (EEXIST)`);
      const nowhere = await failure(t, engine, { op: "sysctl", netns: path("none"), values: {} });
      t.is(
        nowhere.message.split(": is the lab running?")[0],
        `open namespace ${path("none")}: No such file or directory`,
      );
      t.is(nowhere.code, "ENOENT");
      const setting = await failure(t, engine, { op: "sysctl", netns: a, values: { "net/ipv4/no_such": "1" } });
      t.regex(setting.message, /^open sysctl net\/ipv4\/no_such in .*: this kernel has no such setting \(ENOENT\)$/);
      const foreign = await failure(t, engine, { op: "sysctl", netns: a, values: { "kernel/panic": "1" } });
      t.is(foreign.code, "EINVAL");
      const early = await failure(t, engine, { op: "trunk", side: "core", netns: a, ifname: "c1", shard: 0 });
      t.regex(early.message, /xdp_open first/);
      const many: LabOp[] = Array.from({ length: 100 }, () => ({ op: "sysctl", netns: a, values: {} }));
      many[80] = { op: "sysctl", netns: path("none"), values: {} };
      t.is((await failure(t, engine, ...many)).opIndex, 80, "counted over all batches");
    } finally {
      await engine.run([a, b].map((each) => ({ op: "netns_del", path: each })));
    }
    const gone = await failure(t, engine, { op: "netns_del", path: a });
    t.is(gone.code, "ENOENT");
  });
});

test("bad fields are refused by name, with what is allowed", async (t) => {
  const port = { op: "port", side: "access", netns: path("x"), ifname: "p0", shard: 0, ipv4: [], ipv6: [] };
  const endpoint = { op: "endpoint", netns: path("x"), ifname: "eth0", mac: MAC, mtu: 1500, ipv4: [], ipv6: [] };
  const bad: [object, RegExp][] = [
    [{ op: "explode" }, /unknown operation "explode": Invalid argument: it is one of netns_add netns_del .* counters/],
    [{}, /field "op"/],
    [{ op: "netns_add", path: "/etc/passwd" }, /field "path": .*\/run\/netns\/NAME/],
    [{ op: "netns_del", path: "/run/netns/../../etc/passwd" }, /field "path"/],
    [{ op: "netns_del", path: "/run/netns/.." }, /field "path"/],
    [{ op: "netns_add", path: path("x"), pth: 1 }, /unknown field "pth"; it takes: path/],
    [{ ...port, side: "left" }, /field "side": .*"access" or "core"/],
    [{ ...port, shard: -1 }, /field "shard": .*an integer from 0 to 255/],
    [{ ...port, ipv4: "10.0.0.1" }, /field "ipv4": .*an array of strings/],
    [{ ...endpoint, mac: "01:00:5e:00:00:01" }, /field "mac": .*unicast MAC/],
    [{ ...endpoint, mtu: 0 }, /field "mtu"/],
    [{ ...endpoint, ifname: "a-name-too-long-for-linux" }, /field "ifname"/],
    [{ op: "route", side: "access", shard: 0 }, /field "side": .*"core"/],
    [{ op: "xdp_open", access: path("x"), core: path("y"), ports: 0, shards: 1 }, /field "ports"/],
  ];
  await withEngine(async (engine) => {
    for (const [op, message] of bad) {
      const error = await failure(t, engine, op as LabOp);
      t.regex(error.message, message);
      t.deepEqual([error.syscall, error.code], ["lab", "EINVAL"]);
    }
  });
});

test("one engine per process; it can be opened again after it was closed", async (t) => {
  await withEngine(async () => {
    await t.throwsAsync(LabEngine.open(), { message: /mqoe_lab_open lab engine: EBUSY/ });
  });
  await withEngine(async (engine) => void t.deepEqual(await engine.run([]), []));
});

/** thread name → its network namespace, for all threads of this process. */
function threadNamespaces(): [string, string][] {
  return readdirSync("/proc/self/task").map((task) => {
    const at = `/proc/self/task/${task}`;
    return [readFileSync(`${at}/comm`, "utf8").trim(), readlinkSync(`${at}/ns/net`)];
  });
}

test("no thread but the engine's own ever changes its namespace, and that one comes home", async (t) => {
  const home = readlinkSync("/proc/self/ns/net");
  await withLab(20, async (lab) => {
    const wandering = new Set<string>();
    const watch = setInterval(() => {
      for (const [thread, netns] of threadNamespaces()) if (netns !== home) wandering.add(thread);
    }, 1);
    await lab.build();
    clearInterval(watch);
    t.deepEqual([...wandering], ["mqoe-lab"]);
    t.deepEqual(
      threadNamespaces().filter(([, netns]) => netns !== home),
      [],
    );
  });
});

test("200 clients: built and removed, with progress", async (t) => {
  t.timeout(60_000);
  await withLab(200, async (lab) => {
    const heard: number[] = [];
    let total = 0;
    for (const [stage, ops] of Object.entries(lab.stages())) {
      const started = performance.now();
      await lab.engine.run(ops, (done) => heard.push(done));
      const ms = performance.now() - started;
      total += ms;
      t.log(`${stage}: ${ops.length} operations, ${ms.toFixed(0)} ms, ${(ms / 200).toFixed(3)} ms per client`);
    }
    t.log(`set-up: ${total.toFixed(0)} ms`);
    t.true(heard.length >= 16 && heard.includes(64), "a report at least after each batch");
    const { links } = await lab.counters();
    t.is(Object.keys(links).length, 2 * (2 + lab.endpoints.length));
    const started = performance.now();
    await lab.remove();
    t.log(`teardown: ${(performance.now() - started).toFixed(0)} ms`);
    t.deepEqual(
      readdirSync("/run/netns").filter((name) => name.startsWith(PREFIX)),
      [],
    );
    t.true(total < 10_000, "seconds would mean a kernel cost that grows with the number of clients");
  });
});

test("exec shows the namespace's own interfaces, drops privileges, and explains failures", async (t) => {
  await withEngine(async (engine) => {
    const netns = path("exec");
    await engine.run([{ op: "netns_add", path: netns }]);
    t.teardown(async () => withEngine(async (again) => void (await again.run([{ op: "netns_del", path: netns }]))));
    const exec = (...args: string[]) => promisify(execFile)(findNative().binary, ["exec", ...args]);
    t.is((await exec("--netns", netns, "--", "ls", "/sys/class/net")).stdout, "lo\n");
    const id = await exec(
      "--netns",
      netns,
      "--uid",
      "65534",
      "--gid",
      "65534",
      "--",
      "sh",
      "-c",
      "id -u; id -g; id -G",
    );
    t.is(id.stdout, "65534\n65534\n65534\n");
    const refused = async (...args: string[]) =>
      (await t.throwsAsync(exec(...args))) as Error & { code: number; stderr: string };
    const missing = await refused("--netns", path("none"), "--", "true");
    t.is(missing.code, 125);
    t.regex(
      missing.stderr,
      /^mqoe-native exec: open namespace \/run\/netns\/\S+: No such file or directory \(ENOENT\); .+\n$/,
    );
    const notFound = await refused("--netns", netns, "--", "/no/such/program");
    t.is(notFound.code, 127);
    t.regex(notFound.stderr, /^mqoe-native exec: execvp \/no\/such\/program: No such file or directory \(ENOENT\)\n$/);
    t.is((await refused("--netns", netns, "--uid", "1", "--", "true")).code, 2);
  });
});

test("what exec runs dies with its starter, also after a change of user", async (t) => {
  await withEngine(async (engine) => {
    const netns = path("orphan");
    await engine.run([{ op: "netns_add", path: netns }]);
    t.teardown(async () => withEngine(async (again) => void (await again.run([{ op: "netns_del", path: netns }]))));
    for (const user of [[], ["--uid", "65534", "--gid", "65534"]]) {
      const args = JSON.stringify(["exec", "--netns", netns, ...user, "--", "sleep", "60"]);
      const program = `const c = require("child_process").spawn(process.argv[1], ${args}); console.log(c.pid); setInterval(() => {}, 1e6)`;
      const starter = spawn(process.execPath, ["-e", program, findNative().binary]);
      const pid = Number(await new Promise((resolve) => starter.stdout.once("data", resolve)));
      await until(() => readFileSync(`/proc/${pid}/comm`, "utf8") === "sleep\n");
      starter.kill("SIGKILL");
      await until(() => isGone(pid));
      t.pass();
    }
  });
});

/** Dead, reaped or not: where no init reaps, a killed orphan stays a zombie. */
function isGone(pid: number): boolean {
  try {
    return /^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return true;
  }
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 5000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`not within 5 s: ${condition}`);
    await sleep(10);
  }
}
