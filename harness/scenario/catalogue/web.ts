import { COUNTED, DISTRIBUTION, NOT_IDLE, type Quantity, quantity } from "./quantity.js";

export const WEB: readonly Quantity[] = [
  quantity("plt", "s", "Page load time: from the first SYN to the last byte of the last object.", DISTRIBUTION),
  quantity("plt_ratio", "ratio", "Page load time, of the median of the client's idle pages.", {
    distribution: true,
    phases: NOT_IDLE,
  }),
  quantity("ttfb", "s", "From the first SYN, or the request over a kept connection, to a document's first byte.", {
    distribution: true,
  }),
  quantity("object_time", "s", "From the asking for an object beside the document to its last byte.", DISTRIBUTION),
  quantity("pages", "count", "Pages begun in the phase that came completely."),
  quantity("failed", "count", "Pages begun in the phase of which an object failed.", COUNTED),
  quantity("unfinished", "count", "Pages begun in the phase that were not over when the traffic ended."),
  quantity("goodput", "bit/s", "Bytes of objects that arrived, also of the time between pages."),
];
