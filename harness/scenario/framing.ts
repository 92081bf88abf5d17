import { z } from "zod";
import { oneOf } from "./suggest.js";
import type { Plan } from "./types.js";

/**
 * How many bytes of the subscriber's link a frame costs: tc's keywords (tc-cake(8), tc-stab(8)) and their numbers.
 * With a keyword or a number, the network-layer length plus `overhead` is what counts; `raw` counts the frame as it is.
 */
type Framing = Plan["framing"];

/** What a keyword says; what it leaves out stays as the keywords before it have it. */
interface Keyword {
  /** Added to that of the keywords before it. */
  overhead: number;
  mpu?: number;
  cell?: Framing["cell"];
  /** The frame counts, or the sum begins anew. */
  resets?: "frame" | "ip";
}

const atm = (overhead: number): Keyword => ({ overhead, cell: "atm" });
const ptm = (overhead: number): Keyword => ({ overhead, cell: "ptm" });

const KEYWORDS: Readonly<Record<string, Keyword>> = {
  raw: { overhead: 0, cell: "none", resets: "frame" },
  ethernet: { overhead: 38, mpu: 84 },
  "ether-vlan": { overhead: 4 },
  docsis: { overhead: 18, mpu: 64, cell: "none" },
  "pppoe-ptm": ptm(30),
  "bridged-ptm": ptm(22),
  "pppoe-vcmux": atm(32),
  "pppoe-llcsnap": atm(40),
  "pppoa-vcmux": atm(10),
  "pppoa-llc": atm(14),
  "bridged-vcmux": atm(24),
  "bridged-llcsnap": atm(32),
  "ipoa-vcmux": atm(8),
  "ipoa-llcsnap": atm(16),
  conservative: { ...atm(48), resets: "ip" },
};

export const OVERHEADS = Object.keys(KEYWORDS) as [string, ...string[]];

const keyword = z.enum(OVERHEADS);
/** tc's ranges. */
const bytes = z.int().min(-64).max(256);

export const framingKeys = {
  overhead: z
    .union([keyword, bytes, z.array(keyword).min(1)], {
      error: `expected one of ${oneOf(OVERHEADS)}, a list of them, or bytes beyond the IP packet (−64 … 256)`,
    })
    .default("raw")
    .describe(
      'What the line adds to each packet: one of tc\'s keywords, several that add up – `["ethernet", "ether-vlan"]` –, or bytes beyond the IP packet.',
    ),
  vlan: z.int().min(0).max(2).default(0).describe("VLAN tags on the line, 4 bytes each, as `ether-vlan` adds them."),
  mpu: z.int().min(0).max(256).optional().describe("Smallest unit that is charged, bytes. Default: the keyword's."),
  atm: z.boolean().optional().describe("53-byte cells of 48. Default: the keyword's."),
  ptm: z.boolean().optional().describe("64b/65b coding. Default: the keyword's."),
};

interface FramingSpec {
  overhead: string | number | readonly string[];
  vlan: number;
  mpu?: number | undefined;
  atm?: boolean | undefined;
  ptm?: boolean | undefined;
}

/** The framing of a plan; `atm` and `ptm` at once are the caller's to refuse. */
export function framingOf({ overhead, vlan, mpu, ...cells }: FramingSpec): Framing {
  const written = typeof overhead === "object" ? overhead : [overhead];
  const preset = written.reduce<Framing>(extended, { keyword: "", base: "ip", overhead: 0, mpu: 0, cell: "none" });
  return {
    keyword: written.join(" "),
    base: preset.base,
    overhead: preset.overhead + 4 * vlan,
    mpu: mpu ?? preset.mpu,
    cell: cellOf(preset.cell, cells.atm, cells.ptm),
  };
}

/** What tc makes of its words in their order: overheads add up, the last to say anything else has it. */
function extended(before: Framing, next: string | number): Framing {
  if (typeof next === "number") return { ...before, overhead: next };
  const { overhead, mpu = before.mpu, cell = before.cell, resets } = KEYWORDS[next] as Keyword;
  const sum = (resets === undefined ? before.overhead : 0) + overhead;
  return { ...before, base: resets ?? "ip", overhead: sum, mpu, cell };
}

function cellOf(preset: Framing["cell"], withCells?: boolean, coded?: boolean): Framing["cell"] {
  if (withCells) return "atm";
  if (coded) return "ptm";
  const switchedOff = (preset === "atm" && withCells === false) || (preset === "ptm" && coded === false);
  return switchedOff ? "none" : preset;
}
