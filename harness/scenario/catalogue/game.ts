import { PROBE } from "./probe.js";
import { NOT_IDLE, type Quantity, quantity } from "./quantity.js";

/** Of a game, and everything that there is of a probe. */
export const GAME: readonly Quantity[] = [
  quantity("late_packets", "ratio", "Packets answered later than `deadline` beyond the idle median, or never.", {
    phases: NOT_IDLE,
  }),
  ...PROBE,
];
