import { type LabEngine, LabError } from "../ffi/lab-engine.js";
import { teardownOps } from "./plan.js";

/**
 * Removes namespaces one by one: one that cannot be removed does not keep the others. Returns the first failure, null
 * when all are gone; throws only when the engine itself is.
 */
export async function removeNamespaces(engine: Pick<LabEngine, "run">, paths: string[]): Promise<LabError | null> {
  let first: LabError | null = null;
  for (let at = 0; at < paths.length; ) {
    const batch = paths.slice(at, at + 64);
    try {
      await engine.run(teardownOps(batch));
      at += batch.length;
    } catch (error) {
      if (!(error instanceof LabError)) throw error;
      first ??= error;
      at += Math.max(error.opIndex, 0) + 1;
    }
  }
  return first;
}
