import { availableParallelism } from "node:os";
import { recordRun } from "./record.js";
import type { World } from "./world.js";

/** This kernel: real time, real CPUs, and root. One run at a time, or they would disturb each other. */
export function liveWorld(labName: () => string): World {
  return { name: "live", cores: availableParallelism(), concurrent: false, labName, record: recordRun };
}
