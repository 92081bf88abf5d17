import { execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";
import type { LabEngine } from "../../../harness/ffi/lab-engine.js";
import type { LabCounters, LabOp } from "../../../harness/ffi/lab-ops.js";
import { findNative } from "../../../harness/ffi/native.js";

export const MAC = "02:00:00:00:00:01";
const GATEWAY = { gateway4: "10.255.255.254", gateway6: "fd00:ff::1" };

export interface TestEndpoint {
  name: string;
  inner: "access" | "core";
  ipv4: string;
  ipv6: string;
}

/** A lab made of nothing but engine operations: some clients, one server, one trunk each side, a bare middle. */
export class EngineLab {
  readonly endpoints: TestEndpoint[];
  private readonly servers: (() => Promise<void>)[] = [];

  constructor(
    readonly engine: LabEngine,
    readonly prefix: string,
    clients: number,
  ) {
    this.endpoints = [
      { name: "server", inner: "core", ipv4: "10.9.0.1", ipv6: "fd00:9::1" },
      ...Array.from({ length: clients }, (_, i): TestEndpoint => {
        const [ipv4, ipv6] = [`10.${16 + (i >> 8)}.${i & 255}.2`, `fd00:1::${(i + 1).toString(16)}`];
        return { name: `client-${i + 1}`, inner: "access", ipv4, ipv6 };
      }),
    ];
  }

  path(name: string): string {
    return `/run/netns/${this.prefix}-${name}`;
  }

  get namespaces(): string[] {
    return ["dataplane", "access", "core", ...this.endpoints.map(({ name }) => name)].map((name) => this.path(name));
  }

  /** The stages in order; a test may time them apart. */
  stages(): Record<string, LabOp[]> {
    const quiet = { "net/ipv6/conf/all/disable_ipv6": "1", "net/ipv6/conf/default/disable_ipv6": "1" };
    const [access, core, dataplane] = [this.path("access"), this.path("core"), this.path("dataplane")];
    const clients = this.endpoints.filter(({ inner }) => inner === "access");
    return {
      namespaces: [
        ...this.namespaces.map((path): LabOp => ({ op: "netns_add", path })),
        ...[access, core].map((netns): LabOp => ({ op: "sysctl", netns, values: quiet })),
        { op: "xdp_open", access, core, ports: this.endpoints.length, shards: 1 },
      ],
      links: [
        { op: "veth_add", mtu: 1500, a: { netns: access, name: "t0" }, b: { netns: dataplane, name: "a0", mac: MAC } },
        { op: "veth_add", mtu: 1500, a: { netns: core, name: "t0" }, b: { netns: dataplane, name: "k0", mac: MAC } },
        ...this.endpoints.map((e, i): LabOp => {
          const b = { netns: this.path(e.name), name: "eth0", mac: MAC };
          return { op: "veth_add", mtu: 1500, a: { netns: this.path(e.inner), name: `p${i}` }, b };
        }),
      ],
      endpoints: this.endpoints.map((e): LabOp => {
        const own = { netns: this.path(e.name), ifname: "eth0", mac: MAC, mtu: 1500 };
        return {
          op: "endpoint",
          ...own,
          ipv4: [e.ipv4],
          ipv6: [e.ipv6],
          ...GATEWAY,
          sysctl: { "net/ipv4/tcp_ecn": "1" },
        };
      }),
      ports: [
        { op: "trunk", side: "access", netns: access, ifname: "t0", shard: 0 },
        { op: "trunk", side: "core", netns: core, ifname: "t0", shard: 0 },
        { op: "trunk_peer", netns: dataplane, ifname: "a0", mac: MAC, stub: true },
        { op: "trunk_peer", netns: dataplane, ifname: "k0", mac: MAC, stub: true },
        ...this.endpoints.map((e, i): LabOp => {
          const at = { side: e.inner, netns: this.path(e.inner), ifname: `p${i}`, shard: 0 };
          return { op: "port", ...at, ipv4: [e.ipv4], ipv6: [e.ipv6] };
        }),
        { op: "route", side: "core", shard: 0, ipv4: clients.map((c) => c.ipv4), ipv6: clients.map((c) => c.ipv6) },
      ],
    };
  }

  async build(): Promise<void> {
    for (const ops of Object.values(this.stages())) await this.engine.run(ops);
  }

  /** Ends the servers, which would keep their namespaces alive, and removes everything. */
  async remove(): Promise<void> {
    await Promise.all(this.servers.map((stop) => stop()));
    await this.engine.run(this.namespaces.map((path) => ({ op: "netns_del", path, missing_ok: true })));
  }

  async counters(): Promise<LabCounters> {
    const [counters] = await this.engine.run([{ op: "counters", namespaces: this.namespaces }]);
    return counters as unknown as LabCounters;
  }

  /** Lets the kernel itself forward between the trunks. */
  forwardByKernel(): void {
    const netns = `${this.prefix}-dataplane`;
    const ip = (...args: string[]) => execFileSync("ip", ["-n", netns, ...args]);
    const settings = ["net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"];
    execFileSync(findNative().binary, ["exec", "--netns", `/run/netns/${netns}`, "--", "sysctl", "-qw", ...settings]);
    for (const { inner, ipv4, ipv6 } of this.endpoints) {
      const dev = inner === "access" ? "a0" : "k0";
      for (const address of [ipv4, ipv6]) {
        ip("route", "add", address, "dev", dev);
        ip("neigh", "add", address, "lladdr", MAC, "dev", dev, "nud", "permanent");
      }
    }
  }

  /** Runs a program inside an endpoint and returns what it printed. */
  async run(name: string, ...command: string[]): Promise<string> {
    const args = ["exec", "--netns", this.path(name), "--", ...command];
    return (await promisify(execFile)(findNative().binary, args, { timeout: 20_000, maxBuffer: 1 << 26 })).stdout;
  }

  /** Starts a server program there and waits for a line that says it listens; call the result to end it. */
  async serve(name: string, ready: RegExp, ...command: string[]): Promise<() => Promise<void>> {
    const child = spawn(findNative().binary, ["exec", "--netns", this.path(name), "--", ...command]);
    const exited = once(child, "exit");
    const stop = async () => {
      child.kill("SIGKILL");
      await exited;
    };
    this.servers.push(stop);
    let said = "";
    await new Promise<void>((resolve, reject) => {
      const listen = (chunk: Buffer) => {
        said += chunk;
        if (ready.test(said)) resolve();
      };
      child.stdout.on("data", listen);
      child.stderr.on("data", listen);
      child.on("error", reject);
      child.on("exit", () => reject(new Error(`${command[0]} ended: ${said}`)));
    });
    return stop;
  }
}
