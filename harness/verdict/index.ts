export { judgeCase, NOT_STARTED, STOPPED, skippedCase } from "./case.js";
export type { CaseEvidence, Ending, RunEvidence } from "./evidence.js";
export { isSameCell, referenceOf } from "./limits.js";
export { buildResults, exitCode, suiteVerdict } from "./suite.js";
export type * from "./types.js";
