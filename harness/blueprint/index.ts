export { type BlueprintOptions, makeBlueprint } from "./blueprint.js";
export { type Link, maxMinShares } from "./shares.js";
export type * from "./types.js";
