export { judgeCase, skippedCase } from "./case.js";
export type { CaseEvidence, RunEvidence } from "./evidence.js";
export { buildResults, exitCode, suiteVerdict } from "./suite.js";
export type * from "./types.js";
