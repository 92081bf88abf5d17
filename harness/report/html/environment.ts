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

function settled(environment: object): object {
  return Object.fromEntries(Object.entries(environment).filter(([key]) => !VOLATILE.includes(key)));
}

/** The machine and the software; once when all runs had the same, else each with the runs that had it. */
export function environmentSection(cases: CaseReport[]): Markup | null {
  const kinds = new Map<string, { environment: object; runs: string[] }>();
  for (const { result, runs } of cases) {
    for (const { environment, repeat } of runs) {
      if (environment === null) continue;
      const own = settled(environment);
      const key = JSON.stringify(own);
      const kind = kinds.get(key) ?? { environment: own, runs: [] };
      kind.runs.push(`${result.id} run ${repeat}`);
      kinds.set(key, kind);
    }
  }
  if (kinds.size === 0) return null;
  const parts = [...kinds.values()].map(({ environment, runs }) => {
    const entries = flatten(environment, "").filter(([, text]) => text !== "");
    const whose = kinds.size > 1 ? html`<p class="muted">${runs.join(", ")}</p>` : null;
    return html`${whose}<dl class="environment">${entries.map(([key, text]) => html`<div><dt>${key}</dt><dd>${text}</dd></div>`)}</dl>`;
  });
  return html`<section id="environment"><h2>Environment</h2>${parts}</section>`;
}
