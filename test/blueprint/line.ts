import type { PathLineBlueprint } from "../../harness/blueprint/types.js";

/** A line that does nothing but what is said. */
export function lineWith(own: Partial<PathLineBlueprint> = {}): PathLineBlueprint {
  return {
    up: true,
    loss: { model: "none" },
    ecn: false,
    duplicate: { probability: 0, correlation: 0 },
    corrupt: { probability: 0, correlation: 0 },
    reorder: { probability: 0, correlation: 0, gap: 0 },
    delay: 0,
    jitter: 0,
    delayCorrelation: 0,
    distribution: "uniform",
    keepOrder: true,
    rate: 0,
    packetOverhead: 0,
    cellSize: 0,
    cellOverhead: 0,
    limitPackets: 0,
    limitBytes: 0,
    ecnThreshold: 0,
    slot: null,
    trace: null,
    ...own,
  };
}

/** A path of two lines with these delays and this rate. */
export function linesWith(down: number, up: number, rate = 0): { down: PathLineBlueprint; up: PathLineBlueprint } {
  return { down: lineWith({ delay: down, rate }), up: lineWith({ delay: up, rate }) };
}
