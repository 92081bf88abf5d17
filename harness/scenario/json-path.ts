/**
 * Where a number stands in a JSON document: `end.sum.bits_per_second`, `intervals[0].sum`, `intervals[-1]` (the last),
 * `round_trips[*].delay.rtt` (of each), `["name.with.dots"]`. Nothing more of JSONPath: no filters, no recursion.
 */
export type JsonPath = readonly (string | number | "each"[])[];

const EACH: "each"[] = ["each"];
const STEP = /^(?:\.?([^.[\]"*\s][^.[\]]*)|\[(-?\d+)\]|\[(\*)\]|\["((?:[^"\\]|\\.)*)"\])/u;

/** The steps of a path, or what is wrong with it. */
export function parseJsonPath(text: string): { ok: true; path: JsonPath } | { ok: false; message: string } {
  const steps: (string | number | "each"[])[] = [];
  let rest = text;
  while (rest !== "") {
    const match = rest.startsWith(".") && steps.length === 0 ? null : STEP.exec(rest);
    if (match === null) return { ok: false, message: refusal(text, rest) };
    const [whole, key, index, each, quoted] = match;
    if (each !== undefined) steps.push(EACH);
    else if (index !== undefined) steps.push(Number(index));
    else steps.push(quoted === undefined ? (key as string) : (JSON.parse(`"${quoted}"`) as string));
    rest = rest.slice(whole.length);
  }
  return steps.length > 0 ? { ok: true, path: steps } : { ok: false, message: refusal(text, "") };
}

function refusal(text: string, rest: string): string {
  const where = rest === "" ? "it is empty" : `found "${rest.slice(0, 20)}" where a step goes`;
  return `"${text}" is no path into JSON: ${where}; write e.g. "end.sum.bits_per_second", "list[0].rtt" or "list[*].rtt"`;
}

/** Does it name several places, so that there is more than one value? */
export function isMany(path: JsonPath): boolean {
  return path.some((step) => typeof step === "object");
}

/** What stands there, in the order of the document; what does not exist is left out. */
export function valuesAt(document: unknown, path: JsonPath): unknown[] {
  return path.reduce<unknown[]>((values, step) => values.flatMap((value) => inside(value, step)), [document]);
}

function inside(value: unknown, step: JsonPath[number]): unknown[] {
  if (typeof value !== "object" || value === null) return [];
  if (typeof step === "object") return Object.values(value);
  if (typeof step === "number") return Array.isArray(value) && value.at(step) !== undefined ? [value.at(step)] : [];
  return Object.hasOwn(value, step) ? [(value as Record<string, unknown>)[step]] : [];
}
