/** TOML → Case[]: the scenario language of DESIGN §9. */
export { type Loaded, type LoadOptions, loadCases } from "./load.js";
export { formatProblem, type Problem } from "./problem.js";
export { renderToml } from "./render.js";
export type * from "./types.js";
