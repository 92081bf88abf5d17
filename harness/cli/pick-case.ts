import type { LoadOptions } from "../scenario/index.js";
import type { Case } from "../scenario/types.js";
import { UsageError } from "./exit.js";
import { loadOrExplain } from "./load.js";

/**
 * The one case of a scenario that a command is about: the named one, or the only one. Where there are several it is
 * asked for, never guessed. Null when the scenario is wrong, which has been explained by then.
 */
export function pickCase(file: string, id: string | undefined, options: LoadOptions): Case | null {
  const loaded = loadOrExplain([file], options);
  if (loaded === null) return null;
  const { cases } = loaded;
  const found = id === undefined && cases.length === 1 ? cases[0] : cases.find((each) => each.id === id);
  if (found) return found;
  const ids = cases.map((each) => each.id).join(", ");
  throw new UsageError(
    id === undefined ? `which case? add --case with one of: ${ids}` : `there is no case "${id}"; cases: ${ids}`,
  );
}
