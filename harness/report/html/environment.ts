import { formatBytes } from "../../units/index.js";
import type { CaseReport } from "../types.js";
import { html, type Markup } from "./markup.js";

/** Differ from run to run without meaning a different machine. */
const VOLATILE = ["date", "command"];

/** Nested objects as `a.b.c` → value, in the order they stand in. */
function flatten(value: unknown, path: string): [string, string][] {
  if (Array.isArray(value) && value.every((item) => typeof item !== "object")) return [[path, value.join(", ")]];
  if (typeof value === "number" && path.endsWith("Bytes"))
    return [[path.slice(0, -"Bytes".length), formatBytes(value)]];
  if (typeof value !== "object" || value === null) return [[path, value === null ? "none" : String(value)]];
  return Object.entries(value).flatMap(([key, inner]) => flatten(inner, path === "" ? key : `${path}.${key}`));
}

/** For each key, in order of appearance, which value which runs had. */
function valuesByKey(cases: CaseReport[]): { keys: Map<string, Map<string, string[]>>; runs: number } {
  const keys = new Map<string, Map<string, string[]>>();
  let runs = 0;
  for (const { result, runs: own } of cases) {
    for (const { environment, repeat } of own) {
      if (environment === null) continue;
      runs += 1;
      for (const [key, text] of flatten(environment, "")) {
        if (text === "" || VOLATILE.includes(key)) continue;
        const values = keys.get(key) ?? new Map<string, string[]>();
        values.set(text, [...(values.get(text) ?? []), `${result.id} run ${repeat}`]);
        keys.set(key, values);
      }
    }
  }
  return { keys, runs };
}

const MAX_NAMES = 6;

function differing([key, values]: [string, Map<string, string[]>]): Markup[] {
  return [...values].map(([text, runs]) => {
    const more = runs.length > MAX_NAMES ? ` and ${runs.length - MAX_NAMES} more` : "";
    return html`<tr><th scope="row">${key}</th><td>${text}</td><td class="muted">${runs.slice(0, MAX_NAMES).join(", ")}${more}</td></tr>`;
  });
}

/** The machine and the software: what all runs had in common once, and what differed with the runs that had it. */
export function environmentSection(cases: CaseReport[]): Markup | null {
  const { keys, runs } = valuesByKey(cases);
  if (runs === 0) return null;
  const isCommon = (values: Map<string, string[]>) => values.size === 1 && [...values.values()][0]?.length === runs;
  const common = [...keys].filter(([, values]) => isCommon(values));
  const others = [...keys].filter(([, values]) => !isCommon(values));
  const list = common.map(([key, values]) => html`<div><dt>${key}</dt><dd>${[...values.keys()]}</dd></div>`);
  const table =
    others.length === 0
      ? null
      : html`<h3>What differed between runs</h3><div class="scroll" tabindex="0" role="region" aria-label="What differed between runs"><table><thead><tr><th scope="col">Setting</th><th scope="col">Value</th><th scope="col">Runs</th></tr></thead><tbody>${others.flatMap(differing)}</tbody></table></div>`;
  return html`<section id="environment"><h2>Environment</h2><dl class="environment">${list}</dl>${table}</section>`;
}
