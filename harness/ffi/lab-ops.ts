/**
 * The operations of the lab engine (native/lab). Namespaces are named by path, `/run/netns/NAME`; addresses are text.
 * Each operation's answer is the type of the same name in `LabResults`.
 */
export type LabOp =
  /** Makes a namespace; EEXIST when the name is taken, whoever holds it. Its interfaces get no link-local addresses. */
  | { op: "netns_add"; path: string }
  | { op: "netns_del"; path: string; missing_ok?: boolean }
  /** Writes below /proc/sys, as the namespace sees it: `"net/ipv4/ip_forward": "1"`. */
  | { op: "sysctl"; netns: string; values: Record<string, string> }
  /** A pair of veths, each made in its own namespace, with one queue; both stay down. */
  | { op: "veth_add"; mtu: number; a: LabVethEnd; b: LabVethEnd }
  /** Loads the XDP switches of both sides, for that many ports a side and that many trunks. */
  | { op: "xdp_open"; access: string; core: string; ports: number; shards: number }
  /**
   * Puts a client's or server's interface into service: addresses as /32 and /128, permanent gateway neighbours with
   * the endpoint's own MAC, default routes, offloads off, and the XDP stub that a redirect into it needs.
   */
  | {
      op: "endpoint";
      netns: string;
      ifname: string;
      mac: string;
      mtu: number;
      ipv4: string[];
      ipv6: string[];
      gateway4?: string;
      gateway6?: string;
      sysctl?: Record<string, string>;
      /** Of TCP that starts to send here, in packets; absent: the kernel's. */
      initcwnd?: number;
    }
  /** The far end of an endpoint's veth pair. `ipv4` and `ipv6` (addresses or prefixes) leave the trunk by this port. */
  | { op: "port"; side: LabSide; netns: string; ifname: string; shard: number; ipv4: string[]; ipv6: string[] }
  /** Which shard the frames of servers belong to, by destination. */
  | { op: "route"; side: "core"; shard: number; ipv4: string[]; ipv6: string[] }
  /** The lab's end of a trunk. */
  | { op: "trunk"; side: LabSide; netns: string; ifname: string; shard: number }
  /**
   * The dataplane's end of a trunk. An AF_XDP dataplane attaches its own program; `stub` attaches one that passes,
   * which a kernel that forwards by itself needs for the redirect into the trunk.
   */
  | { op: "trunk_peer"; netns: string; ifname: string; mac: string; stub?: boolean }
  /** Nothing leaves by the default route any more, what open sockets would send included. */
  | { op: "silence"; netns: string; families: ("ipv4" | "ipv6")[] }
  /** Counters of the XDP switches and of every link but lo in these namespaces. */
  | { op: "counters"; namespaces: string[] };

export type LabSide = "access" | "core";

export interface LabVethEnd {
  netns: string;
  name: string;
  mac?: string;
}

/** What an operation answers; those not named here answer `{}`. */
export interface LabResults {
  /** Interface indexes of both ends. */
  veth_add: { a: number; b: number };
  endpoint: { ifindex: number };
  port: { ifindex: number; slot: number };
  trunk: { ifindex: number };
  trunk_peer: { ifindex: number };
  counters: LabCounters;
}

export type LabResult = Partial<LabResults[keyof LabResults]> & Record<string, unknown>;

/** Frames, since xdp_open. */
export interface LabSideCounters {
  /** Unicast IPv4 and IPv6 frames that endpoints sent into their ports. */
  in: number;
  redirected_to_trunks: number;
  redirected_to_ports: number;
  /** ARP, ND, MLD, multicast, broadcast, link-local, not IP: dropped, never forwarded. */
  control: number;
  /** Unicast that belongs to no shard or no port: dropped. */
  unmatched: number;
}

export interface LabCounters {
  access: LabSideCounters;
  core: LabSideCounters;
  /** Frames that reached an endpoint, before its stack saw them. */
  delivered: number;
  /** `<netns path>/<ifname>` → counters. The xdp_* are veth's own, summed over queues. */
  links: Record<string, LabLinkCounters>;
}

export interface LabLinkCounters {
  rx_packets: number;
  tx_packets: number;
  rx_dropped: number;
  tx_dropped: number;
  rx_errors: number;
  tx_errors: number;
  /** Dropped by the root qdisc; not part of tx_dropped. */
  qdisc_drops: number;
  xdp_packets?: number;
  xdp_drops?: number;
  xdp_redirect?: number;
  /** Frames lost on the way to a redirect: refused, or no memory (veth's rx_queue_N_drops). */
  xdp_redirect_errors?: number;
  xdp_tx_errors?: number;
  /** Redirected frames that did not fit into the peer's ring. The kernel counts them in tx_dropped as well. */
  xdp_xmit_errors?: number;
}
