import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import type { ExecutionContext } from "ava";
import type { FlowBlueprint, ProbeBlueprint, TrafficBlueprint } from "../../../harness/blueprint/types.js";
import { column, decodeSegment, joinTables, type Table } from "../../../harness/recording/index.js";
import { ROOT } from "./mqoe.js";

const NATIVE = join(ROOT, "build/native/mqoe-native");
const MS = 1e6;

const ip = (...args: string[]): string =>
  execFileSync("ip", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

/** A client and a server namespace joined by one veth; permanent neighbours, as in a lab. */
export class Pair {
  readonly client: string;
  readonly server: string;

  /** `rate`: a token bucket filter on both ends (kernel tbf), e.g. `20mbit`. */
  constructor(t: ExecutionContext, name: string, rate: string | null) {
    this.client = `h4-${name}-c`;
    this.server = `h4-${name}-s`;
    this.remove();
    t.teardown(() => this.remove());
    for (const netns of [this.client, this.server]) ip("netns", "add", netns);
    ip("link", "add", "eth0", "netns", this.client, "type", "veth", "peer", "name", "eth0", "netns", this.server);
    this.configure(this.client, 1, 2, rate);
    this.configure(this.server, 2, 1, rate);
  }

  private configure(netns: string, own: number, peer: number, rate: string | null): void {
    const mac = (host: number): string => `02:00:00:00:00:0${host}`;
    ip("-n", netns, "link", "set", "eth0", "address", mac(own), "up");
    ip("-n", netns, "addr", "add", `10.99.0.${own}/24`, "dev", "eth0");
    ip("-n", netns, "addr", "add", `fd99::${own}/64`, "dev", "eth0", "nodad");
    ip("-n", netns, "neigh", "add", `10.99.0.${peer}`, "lladdr", mac(peer), "dev", "eth0", "nud", "permanent");
    ip("-n", netns, "neigh", "add", `fd99::${peer}`, "lladdr", mac(peer), "dev", "eth0", "nud", "permanent");
    if (rate !== null) {
      const tbf = ["root", "tbf", "rate", rate, "burst", "5k", "latency", "40ms"];
      execFileSync("tc", ["-n", netns, "qdisc", "add", "dev", "eth0", ...tbf]);
    }
  }

  /** Takes the server's end of the link down or up. */
  link(state: "down" | "up"): void {
    ip("-n", this.server, "link", "set", "eth0", state);
  }

  /** `ip` in the client's namespace. */
  inClient(...args: string[]): void {
    ip("-n", this.client, ...args);
  }

  /** TCP sockets of both namespaces, one a line, without the heading. */
  sockets(): string[] {
    return [this.client, this.server].flatMap((netns) =>
      execFileSync("ip", ["netns", "exec", netns, "ss", "-Htan"], { encoding: "utf8" })
        .split("\n")
        .filter((line) => line !== ""),
    );
  }

  private remove(): void {
    for (const netns of [this.client, this.server]) {
      try {
        ip("netns", "del", netns);
      } catch {
        // It is not there: that is what is wanted.
      }
    }
  }

  blueprint(part: Partial<TrafficBlueprint>): TrafficBlueprint {
    const endpoint = (name: string, netns: string, host: number) => ({
      id: 0,
      name,
      netns: `/run/netns/${netns}`,
      ipv4: [`10.99.0.${host}`],
      ipv6: [`fd99::${host}`],
    });
    return {
      schema: "mqoe-traffic/1",
      lab: "h4",
      seed: 1,
      cores: [-1],
      clients: [endpoint("home", this.client, 1)],
      servers: [endpoint("web", this.server, 2)],
      flows: [],
      probes: [],
      streams: [],
      sampleInterval: 100 * MS,
      duration: 2000 * MS,
      ...part,
    };
  }
}

export function flow(part: Partial<FlowBlueprint>): FlowBlueprint {
  return {
    id: 0,
    traffic: "bulk",
    client: 0,
    server: 0,
    direction: "down",
    family: "ipv4",
    port: 9000,
    clientPort: 0,
    host: 0,
    congestionControl: "cubic",
    dscp: 0,
    ecn: false,
    start: 0,
    stop: 2000 * MS,
    ...part,
  };
}

export function probe(part: Partial<ProbeBlueprint>): ProbeBlueprint {
  return {
    id: 0,
    traffic: "ping",
    client: 0,
    server: 0,
    family: "ipv4",
    port: 9100,
    clientPort: 0,
    host: 0,
    interval: 10 * MS,
    size: 64,
    dscp: 0,
    ecn: 0,
    start: 0,
    stop: 2000 * MS,
    timeout: 300 * MS,
    ...part,
  };
}

interface Answer {
  event: string;
  pid: number;
  segments: { type: string; writer: string; path: string }[];
  info: Record<string, unknown>;
  message?: string;
  code?: string;
}

/** One record, by field name. */
export type Sample = { [field: string]: number };

/** `mqoe-native traffic` with both ends of its control channel. */
export class TrafficProcess {
  readonly child: ChildProcess;
  readonly exit: Promise<number | null>;
  private readonly lines: AsyncIterator<string>;
  private readonly reader: Interface;
  /** Held open, so that the recording outlives the process. */
  private segments: { type: string; fd: number }[] = [];

  constructor(t: ExecutionContext, blueprint: TrafficBlueprint) {
    const folder = mkdtempSync(join(tmpdir(), "mqoe-traffic-"));
    const file = join(folder, "traffic.json");
    writeFileSync(file, JSON.stringify(blueprint));
    this.child = spawn(NATIVE, ["traffic", "--blueprint", file], { stdio: ["pipe", "pipe", "ignore"] });
    this.exit = new Promise((resolve) => this.child.on("close", resolve));
    if (this.child.stdout === null) throw new Error("no standard output");
    this.reader = createInterface({ input: this.child.stdout });
    this.lines = this.reader[Symbol.asyncIterator]();
    t.teardown(async () => {
      this.child.kill("SIGKILL");
      await this.exit;
      for (const { fd } of this.segments) closeSync(fd);
      rmSync(folder, { recursive: true, force: true });
    });
  }

  async answer(): Promise<Answer> {
    const line = await this.lines.next();
    if (line.done) throw new Error("the process closed its standard output");
    const answer = JSON.parse(line.value) as Answer;
    if (answer.event === "ready") {
      this.segments = answer.segments.map(({ type, path }) => ({ type, fd: openSync(path, "r") }));
    }
    return answer;
  }

  say(command: object): void {
    this.child.stdin?.write(`${JSON.stringify(command)}\n`);
  }

  /** Starts a little in the future. CLOCK_MONOTONIC is what hrtime reads. */
  go(): void {
    this.say({ op: "go", t0: Number(process.hrtime.bigint()) + 50 * MS });
  }

  /** Every record of a type, from all reactors, read from the memfds themselves. */
  records(type: string): Sample[] {
    const tables = this.segments.filter((segment) => segment.type === type).map(({ fd }) => readMemfd(fd));
    return rowsOf(joinTables(type, tables));
  }
}

/** A live segment is a ring; these tests write less than its capacity, so it reads like a spool file of `head` records. */
function readMemfd(fd: number): Table {
  const bytes = readFileSync(`/proc/self/fd/${fd}`);
  const head = Number(bytes.readBigUInt64LE(128));
  const capacity = Number(bytes.readBigUInt64LE(16));
  if (head > capacity) throw new Error(`a ring of ${capacity} records was overrun (${head} written)`);
  return decodeSegment(bytes.subarray(0, bytes.readUInt32LE(8) + head * bytes.readUInt32LE(12)), "memfd");
}

function rowsOf(table: Table): Sample[] {
  const names = Object.keys(table.columns);
  return Array.from({ length: table.rows }, (_, row) =>
    Object.fromEntries(names.map((name) => [name, column(table, name)[row] as number])),
  );
}
