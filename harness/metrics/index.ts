export { type DerivedMetrics, deriveMetrics } from "./derive.js";
export { GRADES, gradeOf } from "./grade.js";
export { framedBytes, goodputFraction } from "./layers.js";
export { canonicalName, splitName } from "./names.js";
export { deriveSeries } from "./series.js";
export { Shares } from "./shares.js";
export type * from "./types.js";
