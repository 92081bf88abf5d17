/** The guest kernel of the hermetic world: found in a cache, or built once. */
export { type BuildProgress, buildGuestKernel, CannotBuild } from "./build.js";
export {
  askVersion,
  cacheFolders,
  cacheKey,
  explainMissing,
  type GuestKernel,
  readRecord,
  searchGuestKernel,
} from "./cache.js";
export { memoryFolder } from "./memory-folder.js";
export { readConfiguration } from "./recipe.js";
