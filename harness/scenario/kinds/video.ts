import { z } from "zod";
import { printTime } from "../../units/index.js";
import { percent, rate, time } from "../quantities.js";
import { common, congestionControl, ecn, type TrafficCommon } from "./common.js";

/** bit/s: the average bitrates that Apple's HLS authoring specification gives for H.264, 416 × 234 to 1920 × 1080. */
const LADDER = [
  "145kbit",
  "365kbit",
  "730kbit",
  "1100kbit",
  "2mbit",
  "3mbit",
  "4500kbit",
  "6mbit",
  "7800kbit",
] as const;

export const video = z
  .strictObject({
    kind: z.literal("video"),
    ...common,
    bitrates: z
      .array(rate({ min: [1000, "1kbit"] }))
      .min(1)
      .max(16)
      .prefault([...LADDER])
      .refine((rates) => rates.every((one, n) => n === 0 || one > (rates[n - 1] as number)), {
        error: "bitrates must rise from one to the next; write the lowest first",
      })
      .describe(
        "The ladder: average bitrates that the video is there in, from the lowest. Default: Apple's HLS authoring specification, H.264.",
      ),
    segment: time({ min: [1e9, "1s"], max: [60e9, "60s"] })
      .prefault("4s")
      .describe("Playing time of a segment, which is one request."),
    buffer: time({ min: [2e9, "2s"], max: [300e9, "300s"] })
      .prefault("30s")
      .describe("Content that is held at most: the next segment is asked for when it fits. At least two segments."),
    startup: time()
      .prefault("4s")
      .describe("Content that playback waits for at first. One segment less than `buffer`, at most."),
    resume: time()
      .prefault("4s")
      .describe("Content that playback waits for after a stall. One segment less than `buffer`, at most."),
    variation: percent({ zero: true, max: [0.9, "90%"] })
      .prefault("20%")
      .describe(
        "How much a segment may be larger or smaller than its bitrate makes it, drawn from the seed, uniformly.",
      ),
    adaptation: z
      .enum(["dynamic", "throughput", "bola"])
      .default("dynamic")
      .describe(
        "Which bitrate the next segment has. `throughput`: the highest below 90 % of a moving average of the throughput; `bola`: by the buffer alone; `dynamic`: throughput while the buffer is low, BOLA above, as dash.js does by default (docs/traffic.md).",
      ),
    congestion_control: congestionControl(),
    ecn: ecn(),
  })
  .superRefine(({ segment, buffer, startup, resume }, context) => {
    const refuse = (key: string, message: string): void => context.addIssue({ code: "custom", path: [key], message });
    if (buffer < 2 * segment) {
      refuse(
        "buffer",
        `${printTime(buffer)} hold less than two segments; at least ${printTime(2 * segment)} are allowed`,
      );
      return;
    }
    // Without room for what is missing, playback would never begin.
    for (const [key, wanted] of Object.entries({ startup, resume })) {
      if (wanted <= buffer - segment) continue;
      const most = `at most ${printTime(buffer - segment)} are allowed: the buffer less one segment`;
      refuse(key, `a buffer of ${printTime(buffer)} is never that full; ${most}`);
    }
  });

export interface VideoTraffic extends TrafficCommon {
  kind: "video";
  /** bit/s, ascending */
  bitrates: number[];
  /** ns of content, as the others. */
  segment: number;
  buffer: number;
  startup: number;
  resume: number;
  variation: number;
  adaptation: "dynamic" | "throughput" | "bola";
  congestionControl: string;
  ecn: boolean;
}

export function resolveVideo(spec: z.output<typeof video>, shared: TrafficCommon): VideoTraffic {
  const { bitrates, segment, buffer, startup, resume, variation, adaptation, ecn } = spec;
  return {
    kind: "video",
    ...shared,
    bitrates,
    segment,
    buffer,
    startup,
    resume,
    variation,
    adaptation,
    congestionControl: spec.congestion_control,
    ecn,
  };
}
