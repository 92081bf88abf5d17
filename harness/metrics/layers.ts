import type { Family, Framing } from "../blueprint/types.js";
import type { MetricValue } from "./types.js";

export const ETHERNET_HEADER = 14;
const IP_HEADER = { ipv4: 20, ipv6: 40 } as const;
const TCP_HEADER = 20;
/** RFC 7323 timestamps, padded to four bytes; Linux sends them on every segment by default. */
const TCP_TIMESTAMPS = 12;
export const UDP_HEADER = 8;

/** Bytes of the link that an IP packet of `ipBytes` costs, as tc accounts it (algorithms.md §1.9). */
export function framedBytes(ipBytes: number, framing: Framing): number {
  const base = framing.base === "frame" ? ipBytes + ETHERNET_HEADER : ipBytes;
  const length = Math.max(base + framing.overhead, framing.mpu);
  if (framing.cell === "atm") return Math.ceil(length / 48) * 53;
  if (framing.cell === "ptm") return length + Math.ceil(length / 64);
  return length;
}

/** UDP payload → bytes of the IP packet. */
export function udpPacketBytes(payload: number, family: Family): number {
  return payload + UDP_HEADER + IP_HEADER[family];
}

/** Bytes of a TCP segment without payload: an acknowledgement. */
export function tcpAckBytes(family: Family): number {
  return IP_HEADER[family] + TCP_HEADER + TCP_TIMESTAMPS;
}

/** TCP payload of a full segment. */
export function tcpPayloadBytes(mtu: number, family: Family): number {
  return mtu - tcpAckBytes(family);
}

/**
 * Goodput as a fraction of the rate that the plan accounts, for full-size segments with timestamps: 1448/1514 of an
 * Ethernet-framed rate at MTU 1500 (RFC 6349 §4.1.1 without timestamps and at its own layer).
 */
export function goodputFraction(framing: Framing, family: Family, mtu: number): number {
  return tcpPayloadBytes(mtu, family) / framedBytes(mtu, framing);
}

/** Which layer a plan's rate counts at: overhead beyond the frame is what the wire carries. */
export function accountedLayer(framing: Framing): NonNullable<MetricValue["layer"]> {
  if (framing.base === "frame") return "frame";
  return framing.overhead === 0 && framing.cell === "none" && framing.mpu === 0 ? "ip" : "wire";
}
