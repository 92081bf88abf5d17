import type { Traffic } from "../../scenario/types.js";
import type { Direction } from "../types.js";

/** Flows start within this time, each at its own seeded moment: no two SYNs of a run leave in one burst. */
export const STAGGER = 200e6;

/**
 * Where ports are counted from. Servers': every traffic and direction has one of its own, so that a listener serves
 * alike items only. Clients': every client counts anew, in a namespace of its own. All below 32768, where Linux takes
 * its own ports from.
 */
export const PORTS = {
  tcp: { server: 5001, client: 10001 },
  /** Requests and answers; a client's connections take ports from 20001 on, by the seed (exchange_connect.c). */
  session: { server: 6001 },
  probe: { server: 7001, client: 10001 },
  /** Beside probes, which are UDP too. */
  stream: { server: 8001, client: 20001 },
} as const;

/** Indexes of endpoints by name, their hosts, and the emulated round trip between two of them. */
export interface Directory {
  client(name: string): number;
  /** Addresses behind a client's circuit. */
  hosts(client: string): number;
  server(name: string): number;
  /** ns */
  rtt(client: string, server: string): number;
}

/**
 * Index of the address that connection `n` of a client, of one traffic and direction, uses: the host that the scenario
 * names, or each in turn.
 */
export function hostOf({ host, life }: Traffic, client: string, directory: Directory, n = 0): number {
  return host === null ? (n + (life?.first ?? 0)) % directory.hosts(client) : host - 1;
}

/** A server's ports: one for each traffic and direction, and for each version of it where it has lives. */
export function portPerTraffic(first: number): (traffic: Traffic, direction?: Direction) => number {
  const ports = new Map<string, number>();
  return ({ name, life }, direction = "down") => {
    const key = `${name} ${life?.version ?? 0} ${direction}`;
    const port = ports.get(key) ?? first + ports.size;
    ports.set(key, port);
    return port;
  };
}

/** Where Linux takes its own ports from. */
const KERNELS_PORTS = 32_768;

/** Numbers that go up by one for each client by itself; at the kernel's own ports they begin again: those are long closed. */
export function countPerClient(first: number): (client: string) => number {
  const next = new Map<string, number>();
  return (client) => {
    const port = next.get(client) ?? first;
    next.set(client, port + 1 < KERNELS_PORTS ? port + 1 : first);
    return port;
  };
}

/** Of a traffic that has one. */
export function directionsOf({ direction }: { direction: "down" | "up" | "both" }): Direction[] {
  return direction === "both" ? ["down", "up"] : [direction];
}
