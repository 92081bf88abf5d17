/** What a person at a terminal, or a log, sees of a run: progress while it goes, verdicts when it is over. */
export { createProgress, type Progress, type ProgressOptions, type ProgressRates } from "./terminal/progress.js";
export { detectStyle, type Style, type Terminal } from "./terminal/style.js";
export { type Pointer, renderVerdicts } from "./terminal/verdicts.js";
