import { PROBE } from "./probe.js";
import { type Quantity, quantity } from "./quantity.js";

/** Of a call, and everything that there is of a probe. */
export const VOIP: readonly Quantity[] = [
  quantity("r", "score", "R factor of the call (ITU-T G.107 with its defaults), 0 … 93.2: of its worse direction."),
  quantity("r_down", "score", "R factor of what the client hears."),
  quantity("r_up", "score", "R factor of what the client says."),
  quantity("mos", "score", "Mean opinion score of that R factor, 1 (bad) … 4.41: of the worse direction."),
  quantity("mos_down", "score", "Mean opinion score of what the client hears."),
  quantity("mos_up", "score", "Mean opinion score of what the client says."),
  ...PROBE,
];
