import { z } from "zod";
import { common, congestionControl, ecn, type TrafficCommon } from "./common.js";
import { type Drawn, drawnSize, drawnTime } from "./drawn.js";

/** A page: its document, which says what else there is, and the other objects; sizes are bytes. */
export interface Page {
  document: Drawn;
  /** Beside the document. */
  objects: number;
  object: Drawn;
  /** Bytes of the whole page: what is drawn is scaled to it. null = it weighs what is drawn. */
  weight: number | null;
}

const fixed = (value: number): Drawn => ({ distribution: "fixed", value });
/** Objects of real pages are of very different sizes; the spread, not the sum, is ours. */
const spread: Drawn = { distribution: "lognormal", median: 10_000, sigma: 1.5, max: null };

/** Pages by name. docs/traffic.md says where each comes from. */
export const PAGES = {
  rfc7928: { document: fixed(1000), objects: 49, object: fixed(1000), weight: null },
  simple: { document: fixed(10_000), objects: 5, object: fixed(7000), weight: null },
  complex: { document: fixed(300_000), objects: 25, object: fixed(10_000), weight: null },
  mobile: { document: fixed(18_000), objects: 65, object: spread, weight: 2_311_000 },
  desktop: { document: fixed(18_000), objects: 70, object: spread, weight: 2_652_000 },
} as const satisfies Record<string, Page>;

const own = z.strictObject({
  document: drawnSize().prefault("10kB").describe("Bytes of the document, which comes first and alone."),
  objects: z.int().min(0).max(1000).describe("How many others there are."),
  size: drawnSize().prefault("10kB").describe("Bytes of each of them."),
});

/** Of what is neither a name nor a table; what is wrong in a table is said by itself. */
const PAGE = `expected one of ${Object.keys(PAGES).join(", ")}, or a page such as { objects = 30, size = "15kB" }`;

export const web = z.strictObject({
  kind: z.literal("web"),
  ...common,
  page: z
    .union([z.enum(Object.keys(PAGES) as [keyof typeof PAGES]), own], {
      error: () => PAGE,
    })
    .default("rfc7928")
    .describe(
      'What a page is: `rfc7928` (50 objects of 1 kB, the least that RFC 7928 §7.2 asks for), `simple` (10 kB and 5 objects of 7 kB), `complex` (300 kB and 25 of 10 kB; both of RFC 7640 appendix B), `mobile` (2,311 kB, 66 objects), `desktop` (2,652 kB, 71 objects; medians of the HTTP Archive, October 2024), or a page of one\'s own: `{ document = "20kB", objects = 30, size = "15kB" }`, where a size may be a distribution.',
    ),
  pages: z
    .int()
    .min(1)
    .max(16)
    .default(1)
    .describe(
      "Different pages of each client, visited in turn; where sizes are drawn, they differ. One, so that load times compare.",
    ),
  connections: z.int().min(1).max(32).default(6).describe("Over which the objects of a page come, at once."),
  reuse: z
    .boolean()
    .default(false)
    .describe("Connections are kept for the next page; otherwise each page opens its own."),
  think: drawnTime()
    .prefault("2s")
    .describe("Between the end of a page and the next one: a time or a distribution. After a failure at least 1 s."),
  idle: z
    .boolean()
    .default(true)
    .describe(
      "It runs from the start to the end, as probes do: pages of the idle phase are what `plt_ratio` is measured against. `false`: in ramp and loaded, as other load.",
    ),
  congestion_control: congestionControl(),
  ecn: ecn(),
});

export interface WebTraffic extends TrafficCommon {
  kind: "web";
  page: Page;
  pages: number;
  connections: number;
  reuse: boolean;
  think: Drawn;
  idle: boolean;
  congestionControl: string;
  ecn: boolean;
}

export function resolveWeb(spec: z.output<typeof web>, shared: TrafficCommon): WebTraffic {
  const { page, pages, connections, reuse, think, idle, ecn, congestion_control: congestionControl } = spec;
  const own = typeof page === "string" ? PAGES[page] : { ...page, object: page.size, weight: null };
  const { document, objects, object, weight } = own;
  return {
    kind: "web",
    ...shared,
    page: { document, objects, object, weight },
    pages,
    connections,
    reuse,
    think,
    idle,
    congestionControl,
    ecn,
  };
}
