import { z } from "zod";
import type { Life, TrafficCommon } from "./common.js";
import { exec } from "./exec.js";
import { game } from "./game.js";
import { type ProbeTraffic, probe, resolveProbe } from "./probe.js";
import { rpm } from "./rpm.js";
import { resolveTcp, type TcpTraffic, tcp } from "./tcp.js";
import { resolveUdp, type UdpTraffic, udp } from "./udp.js";
import { resolveVideo, type VideoTraffic, video } from "./video.js";
import { voip } from "./voip.js";
import { resolveWeb, type WebTraffic, web } from "./web.js";

/** [traffic.*]: one file for each kind has its part of the schema, what a case contains of it, and how one becomes the other. */
export const traffic = z
  .discriminatedUnion("kind", [tcp, udp, probe, rpm, voip, web, video, game, exec])
  .describe("Load, or a measurement.");

export type TrafficSpec = z.output<typeof traffic>;

export type Traffic = TcpTraffic | ProbeTraffic | UdpTraffic | WebTraffic | VideoTraffic;

export type { Life, ProbeTraffic, TcpTraffic, TrafficCommon, UdpTraffic, VideoTraffic, WebTraffic };

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
    default:
      throw new Error(`mqoe: traffic kind "${spec.kind}" passed the checks without being built; please report this`);
  }
}
