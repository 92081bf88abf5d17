import type { VideoTraffic } from "../../scenario/types.js";
import type { Rng } from "../../stats/index.js";
import type { VideoScript } from "../types.js";

/** Segments whose size is drawn; then they come again. */
const SIZES = 256;

/** The video that one client watches, and how its player goes about it. */
export function videoScript(traffic: VideoTraffic, random: Rng): VideoScript {
  const { segment, buffer, startup, resume, adaptation, bitrates, variation } = traffic;
  const count = variation === 0 ? 1 : SIZES;
  const sizes = Array.from({ length: count }, () => Math.round(1000 * (1 + variation * (2 * random.next() - 1))));
  return { kind: "video", segment, buffer, startup, resume, adaptation, bitrates, sizes };
}
