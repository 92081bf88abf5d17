import type { Plan, Sqm } from "../scenario/types.js";

/**
 * Settings of an endpoint's namespace. Few, each with a reason; everything else stays as the kernel has it, because
 * the kernel's TCP is part of what is tested.
 */
export interface SysctlNeeds {
  /** Does an ECN flow start or end here? */
  ecn: boolean;
  /** Are connections opened here, one after another, all the time? */
  asking?: boolean;
  /** The largest window that a flow here may need, bytes. */
  window: number;
  /** Do programs of the scenario's own run here? */
  programs?: boolean;
}

export function sysctlsOf({ ecn, window, asking = false, programs = false }: SysctlNeeds): Record<string, string> {
  const max = windowLimit(window);
  return {
    // ssthresh and RTT of a closed connection would start the next one to the same host: runs would not be alike.
    "net/ipv4/tcp_no_metrics_save": "1",
    // 1 = ask and accept, 0 = neither: what the scenario says, not what the distribution's default is.
    "net/ipv4/tcp_ecn": ecn ? "1" : "0",
    // Hundreds of connections start within 200 ms; a SYN cookie would take the options of some of them away.
    "net/ipv4/tcp_syncookies": "0",
    "net/ipv4/tcp_max_syn_backlog": "65536",
    // A flow keeps its hash when a retransmission times out: over veth the sender's hash reaches Linux's qdiscs, and a
    // new one would move the flow to another queue, which no router between real machines could see.
    "net/core/txrehash": "0",
    // The receive window must never be the bottleneck; autotuning starts from the kernel's defaults and may go so far.
    "net/ipv4/tcp_rmem": `4096 131072 ${max}`,
    "net/ipv4/tcp_wmem": `4096 65536 ${max}`,
    // A port is free again a second after its connection has ended, not a minute: thousands of short ones have enough.
    ...(asking ? { "net/ipv4/tcp_tw_reuse": "1" } : {}),
    ...(programs ? FOR_PROGRAMS : {}),
  };
}

/** They are ordinary users, who may ping and listen on any port in here: nobody else's network is at stake. */
const FOR_PROGRAMS = { "net/ipv4/ping_group_range": "0 2147483647", "net/ipv4/ip_unprivileged_port_start": "0" };

const MIB = 2 ** 20;

/**
 * Buffer limit for a window: twice for sk_buff overhead (tcp_adv_win_scale), twice for the round trip that autotuning
 * lags behind; between 16 and 512 MiB. A limit allocates nothing.
 */
function windowLimit(window: number): number {
  return Math.min(Math.max(Math.ceil((4 * window) / MIB), 16), 512) * MIB;
}

/** Bytes in flight when path and queue of a client are full: rate × rtt + queue, the larger direction. */
export function windowOf(plan: Plan, rtt: number, mtu: number): number {
  const inDirection = (rate: number, sqm: Sqm) => (rate * rtt) / 8e9 + queueBytes(sqm, mtu);
  return Math.max(inDirection(plan.down, plan.sqmDown), inDirection(plan.up, plan.sqmUp));
}

function queueBytes(sqm: Sqm, mtu: number): number {
  const bytes = "limit" in sqm ? sqm.limit * (mtu + 14) : 0;
  return sqm.discipline === "fq_codel" ? Math.min(bytes, sqm.memoryLimit) : bytes;
}
