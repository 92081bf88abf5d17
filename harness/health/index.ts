export { judgeHealth } from "./judge.js";
export { LIMITS } from "./limits.js";
