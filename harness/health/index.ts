export { judgeHealth } from "./judge.js";
export { spoiledByMachine } from "./spoiled.js";
