import type { Client } from "../scenario/types.js";

/**
 * Addresses of a lab. Clients get the carrier-grade NAT block (RFC 6598), servers the benchmarking block (RFC 2544),
 * both families a /64 each of one unique local prefix (RFC 4193; its 40 bits spell "mqoe\0"), so that nothing
 * of a lab can be mistaken for an address of the machine's own networks.
 */
const CLIENTS_IPV4 = ipv4(100, 64, 0, 0);
const SERVERS_IPV4 = ipv4(198, 18, 0, 0);
const CLIENTS_IPV6 = "fd6d:716f:6500:2::";
const SERVERS_IPV6 = "fd6d:716f:6500:1::";

/** The one MAC of a lab (locally administered, "mqoe" and a 1): nobody ever needs to ask for another. */
export const MAC = "02:6d:71:6f:65:01";

/** Next hop of everybody, on every link: a permanent neighbour, never resolved. */
export const GATEWAY = { ipv4: "169.254.1.1", ipv6: "fe80::1" } as const;

/** Of one endpoint: as many of each family as it has hosts. */
export interface Addresses {
  ipv4: string[];
  ipv6: string[];
}

export function serverAddresses(index: number): Addresses {
  return { ipv4: [dotted(SERVERS_IPV4 + index + 1)], ipv6: [`${SERVERS_IPV6}${(index + 1).toString(16)}`] };
}

/**
 * Addresses of all clients in order, one of each family for every host behind the circuit: a fixed one is the first
 * host's, all others are the next free ones. 100.64.0.0/10 holds four million, the language allows one.
 */
export function clientAddresses(clients: readonly Client[]): Addresses[] {
  const fixed4 = new Set(clients.map((client) => client.ipv4));
  const fixed6 = new Set(clients.flatMap(({ ipv6 }) => (ipv6 === undefined ? [] : [canonicalIpv6(ipv6)])));
  const next4 = counter((n) => dotted(CLIENTS_IPV4 + n), fixed4);
  const next6 = counter((n) => `${CLIENTS_IPV6}${n.toString(16)}`, fixed6);
  return clients.map(({ hosts, ipv4: own4, ipv6: own6 }) => ({
    ipv4: addressesOfHosts(hosts, own4, next4),
    ipv6: addressesOfHosts(hosts, own6 === undefined ? undefined : canonicalIpv6(own6), next6),
  }));
}

function addressesOfHosts(hosts: number, own: string | undefined, next: () => string): string[] {
  return Array.from({ length: hosts }, (_, host) => (host === 0 && own !== undefined ? own : next()));
}

function counter(make: (n: number) => string, taken: ReadonlySet<string | undefined>): () => string {
  let n = 0;
  return () => {
    do n += 1;
    while (taken.has(make(n)));
    return make(n);
  };
}

/** One spelling for each address (RFC 5952). */
function canonicalIpv6(address: string): string {
  return new URL(`http://[${address}]/`).hostname.slice(1, -1);
}

function ipv4(a: number, b: number, c: number, d: number): number {
  return ((a * 256 + b) * 256 + c) * 256 + d;
}

function dotted(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join(".");
}
