import { z } from "zod";
import type { Plan } from "./types.js";

/**
 * How many bytes of the subscriber's link a frame costs: tc's keywords (tc-cake(8), tc-stab(8)) and their numbers.
 * With a keyword or a number, the network-layer length plus `overhead` is what counts; `raw` counts the frame as it is.
 */
type Framing = Plan["framing"];
type Preset = Omit<Framing, "keyword">;

const ip = (overhead: number, cell: Framing["cell"] = "none", mpu = 0): Preset => ({ base: "ip", overhead, mpu, cell });

const PRESETS: Readonly<Record<string, Preset>> = {
  raw: { base: "frame", overhead: 0, mpu: 0, cell: "none" },
  ethernet: ip(38, "none", 84),
  docsis: ip(18, "none", 64),
  "pppoe-ptm": ip(30, "ptm"),
  "bridged-ptm": ip(22, "ptm"),
  "pppoe-vcmux": ip(32, "atm"),
  "pppoe-llcsnap": ip(40, "atm"),
  "pppoa-vcmux": ip(10, "atm"),
  "pppoa-llc": ip(14, "atm"),
  "bridged-vcmux": ip(24, "atm"),
  "bridged-llcsnap": ip(32, "atm"),
  "ipoa-vcmux": ip(8, "atm"),
  "ipoa-llcsnap": ip(16, "atm"),
  conservative: ip(48, "atm"),
};

export const OVERHEADS = Object.keys(PRESETS) as [string, ...string[]];

const keyword = z.enum(OVERHEADS);
const bytes = z.int().min(-64).max(256);

export const framingKeys = {
  overhead: z
    .union([keyword, bytes], {
      error: `expected one of ${OVERHEADS.join(", ")}, or bytes beyond the IP packet (−64 … 256)`,
    })
    .default("raw")
    .describe("What the line adds to each packet: one of tc's keywords, or bytes beyond the IP packet."),
  vlan: z.int().min(0).max(2).default(0).describe("VLAN tags on the line, 4 bytes each (tc's `ether-vlan`)."),
  mpu: z.int().min(0).max(256).optional().describe("Smallest unit that is charged, bytes. Default: the keyword's."),
  atm: z.boolean().optional().describe("53-byte cells of 48. Default: the keyword's."),
  ptm: z.boolean().optional().describe("64b/65b coding. Default: the keyword's."),
};

interface FramingSpec {
  overhead: string | number;
  vlan: number;
  mpu?: number | undefined;
  atm?: boolean | undefined;
  ptm?: boolean | undefined;
}

/** The framing of a plan; `atm` and `ptm` at once are the caller's to refuse. */
export function framingOf({ overhead, vlan, mpu, atm, ptm }: FramingSpec): Framing {
  const preset = typeof overhead === "number" ? ip(overhead) : (PRESETS[overhead] as Preset);
  return {
    keyword: String(overhead),
    base: preset.base,
    overhead: preset.overhead + 4 * vlan,
    mpu: mpu ?? preset.mpu,
    cell: cellOf(preset.cell, atm, ptm),
  };
}

function cellOf(preset: Framing["cell"], atm?: boolean, ptm?: boolean): Framing["cell"] {
  if (atm) return "atm";
  if (ptm) return "ptm";
  const switchedOff = (preset === "atm" && atm === false) || (preset === "ptm" && ptm === false);
  return switchedOff ? "none" : preset;
}
