export type { Directory } from "./common.js";
export { flowsOf } from "./flows.js";
export { probesOf } from "./probes.js";
export { NOBODY, programsOf } from "./programs.js";
export { withLives } from "./segments.js";
export { isAsking, sessionsOf } from "./sessions.js";
export { streamsOf } from "./streams.js";
