export { type BlueprintOptions, makeBlueprint } from "./blueprint.js";
export { maxMinShares } from "./shares.js";
export type * from "./types.js";
