import { z } from "zod";
import type { Life, TrafficCommon } from "./common.js";
import { type ExecMetric, type ExecTraffic, exec, resolveExec } from "./exec.js";
import { type GameTraffic, game, resolveGame } from "./game.js";
import { type Isochronous, type ProbeTraffic, probe, resolveProbe } from "./probe.js";
import { type RpmTraffic, resolveRpm, rpm } from "./rpm.js";
import { resolveTcp, type TcpTraffic, tcp } from "./tcp.js";
import { resolveUdp, type UdpTraffic, udp } from "./udp.js";
import { resolveVideo, type VideoTraffic, video } from "./video.js";
import { resolveVoip, type VoipTraffic, voip } from "./voip.js";
import { resolveWeb, type WebTraffic, web } from "./web.js";

/** [traffic.*]: one file for each kind has its part of the schema, what a case contains of it, and how one becomes the other. */
export const traffic = z
  .discriminatedUnion("kind", [tcp, udp, probe, rpm, voip, web, video, game, exec])
  .describe("Load, or a measurement.");

export type TrafficSpec = z.output<typeof traffic>;

export type Traffic =
  | TcpTraffic
  | ProbeTraffic
  | UdpTraffic
  | RpmTraffic
  | VoipTraffic
  | GameTraffic
  | WebTraffic
  | VideoTraffic
  | ExecTraffic;

export type {
  ExecMetric,
  ExecTraffic,
  GameTraffic,
  Isochronous,
  Life,
  ProbeTraffic,
  RpmTraffic,
  TcpTraffic,
  TrafficCommon,
  UdpTraffic,
  VideoTraffic,
  VoipTraffic,
  WebTraffic,
};

/** Kinds that are sent and measured as probes: packets on the clock, which the server echoes. */
const ECHOED = ["probe", "voip", "game"] as const;
type Echoed = (typeof ECHOED)[number];

export function isEchoed<T extends { kind: string }>(of: T): of is T & { kind: Echoed } {
  return (ECHOED as readonly string[]).includes(of.kind);
}

export function resolveTraffic(spec: TrafficSpec, shared: TrafficCommon): Traffic {
  switch (spec.kind) {
    case "tcp":
      return resolveTcp(spec, shared);
    case "probe":
      return resolveProbe(spec, shared);
    case "udp":
      return resolveUdp(spec, shared);
    case "web":
      return resolveWeb(spec, shared);
    case "video":
      return resolveVideo(spec, shared);
    case "voip":
      return resolveVoip(spec, shared);
    case "game":
      return resolveGame(spec, shared);
    case "rpm":
      return resolveRpm(spec, shared);
    case "exec":
      return resolveExec(spec, shared);
  }
}
