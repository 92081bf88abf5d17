import { isEchoed } from "./kinds/index.js";
import { highestRate, meanSize } from "./kinds/udp.js";
import type { Problems } from "./problem.js";
import type { TrafficSpec } from "./schema.js";
import { type Node, positionAt } from "./tree.js";

/** Bytes of IP and UDP headers. */
const UDP_HEADERS = { ipv4: 28, ipv6: 48 } as const;

type Udp = Extract<TrafficSpec, { kind: "udp" }>;

/** UDP packets must fit, and be few enough to be sent on time. */
export function checkPackets(
  name: string,
  spec: TrafficSpec,
  node: Node,
  mtu: number | undefined,
  problems: Problems,
): void {
  if (spec.kind !== "udp" && !isEchoed(spec)) return;
  if (mtu !== undefined) checkSizes(name, spec, node, mtu, problems);
  if (spec.kind !== "udp") return;
  checkPacketRate(name, spec, node, problems);
  checkSteps(name, spec, node, problems);
}

/** What says a size, and where. A call's is its codec's. */
function checkSizes(
  name: string,
  spec: Extract<TrafficSpec, { kind: "udp" | "probe" | "game" | "voip" }>,
  node: Node,
  mtu: number,
  problems: Problems,
): void {
  const mixed = spec.kind === "udp" ? spec.mix : undefined;
  const sizes: [number, (string | number)[]][] =
    mixed?.map(({ size }, index) => [size, ["mix", index, "size"]]) ??
    (spec.kind === "voip" ? [] : [[spec.size, ["size"]]]);
  // A packet that is fragmented measures something else.
  const largest = mtu - UDP_HEADERS[spec.family];
  for (const [size, path] of sizes) {
    if (size <= largest) continue;
    const message = `${size} bytes do not fit an mtu of ${mtu}; at most ${largest} are allowed`;
    problems.error(positionAt(node, path), `traffic.${name}.${written(path)}: ${message}`);
  }
}

/** `mix[1].size`, counted from 1 as everywhere in messages. */
function written(path: readonly (string | number)[]): string {
  return path
    .map((step) => (typeof step === "number" ? `[${step + 1}]` : `.${step}`))
    .join("")
    .slice(1);
}

/** A stream's sender takes at least a system call for a packet; beyond this no machine would keep its time. */
const MAX_PACKETS = 1_000_000;

function checkPacketRate(name: string, spec: Udp, node: Node, problems: Problems): void {
  const bits = ((spec.mix ? meanSize(spec.mix) : spec.size) + UDP_HEADERS[spec.family]) * 8;
  const rate = highestRate(spec);
  if (rate / bits <= MAX_PACKETS) return;
  const bytes = Number((bits / 8).toFixed(1));
  const found = `${Math.round(rate / bits)} packets of ${bytes} bytes a second; at most ${MAX_PACKETS} are allowed`;
  problems.error(positionAt(node, ["rate"]), `traffic.${name}.rate: ${found}`, "a lower rate or a larger size");
}

/** ns; a rate that changes more often is no rate. */
const SHORTEST = 1e6;

function checkSteps(name: string, { rate, pattern }: Udp, node: Node, problems: Problems): void {
  if (pattern?.shape === "steps") {
    const late = pattern.steps.findIndex(
      ({ at }, index) => index > 0 && at < (pattern.steps[index - 1]?.at ?? 0) + SHORTEST,
    );
    if (late < 0) return;
    const place = positionAt(node, ["pattern", "steps", late, "at"]);
    problems.error(
      place,
      `traffic.${name}.pattern.steps[${late + 1}].at: must be later than the one before it, by 1 ms at least`,
    );
  } else if (pattern !== undefined && pattern.low >= rate) {
    const place = positionAt(node, ["pattern", "low"]);
    problems.error(place, `traffic.${name}.pattern.low: must be less than rate, to which it rises`);
  }
}
