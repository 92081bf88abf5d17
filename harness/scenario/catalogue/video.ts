import { COUNTED, LOADED, type Quantity, quantity, UNDER_LOAD, WHOLE_RUN } from "./quantity.js";

export const VIDEO: readonly Quantity[] = [
  quantity("bitrate", "bit/s", "Mean bitrate of the segments that arrived, by their place on the ladder.", LOADED),
  quantity("switches", "count", "Segments with another bitrate than the one before.", LOADED),
  quantity("stalls", "count", "How often playback stopped for want of content.", LOADED),
  quantity("stall_time", "s", "Time in which playback stood still, after it had begun.", LOADED),
  quantity("stall_ratio", "ratio", "That, of the time since playback began.", LOADED),
  quantity("buffer", "s", "Content that was there, each second.", { distribution: true, phases: UNDER_LOAD }),
  quantity("startup", "s", "From the first request to the first picture; of several clients the longest.", WHOLE_RUN),
  quantity("goodput", "bit/s", "Bytes of segments that arrived, also of the time in which none was asked for.", LOADED),
  quantity("failed", "count", "Segments whose connection broke.", { ...LOADED, ...COUNTED }),
];
