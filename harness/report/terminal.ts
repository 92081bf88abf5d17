/** What a person at a terminal, or a log, sees of a run: progress while it goes, verdicts when it is over. */
export { createProgress, type Progress } from "./terminal/progress.js";
export { detectStyle, type Style } from "./terminal/style.js";
export { renderQueue, renderSummary } from "./terminal/tins.js";
export { renderVerdicts } from "./terminal/verdicts.js";
