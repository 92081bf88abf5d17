export { judgeHealth } from "./judge.js";
