import { groupBy } from "../../metrics/sheet.js";
import { formatBytes } from "../../units/index.js";
import type { CaseReport } from "../types.js";
import { html, type Markup } from "./markup.js";

/** Differ from run to run without meaning a different machine. */
const VOLATILE = ["date", "command"];

/** What a reader knows a setting by, by the first part of its path, and by its whole path. */
const GROUPS: Record<string, string> = {
  mqoe: "Software",
  node: "Software",
  kernel: "Machine",
  cpu: "Machine",
  memory: "Machine",
  settings: "Kernel settings",
  native: "Native processes",
};
const LABELS: Record<string, string> = {
  "mqoe.version": "mqoe",
  "mqoe.commit": "commit",
  node: "Node.js",
  "kernel.release": "kernel",
  "kernel.version": "kernel build",
  "cpu.model": "processor",
  "cpu.cores": "cores",
};

interface Setting {
  /** The heading that it stands under. */
  group: string;
  label: string;
  text: string;
}

/** Nested objects as settings with the path to them, in the order they stand in. */
function flatten(value: unknown, path: readonly string[]): { path: readonly string[]; text: string }[] {
  if (Array.isArray(value) && value.every((item) => typeof item !== "object"))
    return [{ path, text: value.join(", ") }];
  const last = path.at(-1) ?? "";
  if (typeof value === "number" && last.endsWith("Bytes")) {
    return [{ path: [...path.slice(0, -1), last.slice(0, -"Bytes".length)], text: formatBytes(value) }];
  }
  if (typeof value !== "object" || value === null) return [{ path, text: value === null ? "none" : String(value) }];
  return Object.entries(value).flatMap(([key, inner]) => flatten(inner, [...path, key]));
}

/** `native.dataplane.reactors.0.timer_slack` → `reactor 0: timer slack` of `Dataplane process`. */
function settingOf({ path, text }: { path: readonly string[]; text: string }): Setting {
  const [first = "", ...rest] = path;
  const group = GROUPS[first] ?? "Other";
  const known = LABELS[path.join(".")];
  if (known !== undefined) return { group, label: known, text };
  // A kernel setting's own name is the one that people look up.
  if (first === "settings") return { group, label: rest.join("."), text };
  if (first === "native" && rest.length > 1) {
    return { group: `${capital(rest[0] as string)} process`, label: words(rest.slice(1)), text };
  }
  return { group, label: words(rest.length > 0 && first !== "native" ? path : path.slice(-1)), text };
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** `reactors`, `0`, `timer_slack` → `reactor 0: timer slack`. */
function words(path: readonly string[]): string {
  const parts: string[] = [];
  for (const key of path) {
    const before = parts.at(-1);
    if (/^\d+$/u.test(key) && before !== undefined) parts[parts.length - 1] = `${before.replace(/s$/u, "")} ${key}`;
    else parts.push(key.replaceAll("_", " "));
  }
  return parts.join(": ");
}

/** A setting, and which of its values which runs had. */
interface Row {
  group: string;
  label: string;
  values: Map<string, string[]>;
}

/** Every setting of every run, in order of appearance. */
function rowsOf(cases: CaseReport[]): { rows: Row[]; runs: number } {
  const rows = new Map<string, Row>();
  let runs = 0;
  for (const { result, runs: own } of cases) {
    for (const { environment, repeat } of own) {
      if (environment === null) continue;
      runs += 1;
      for (const { group, label, text } of settingsOf(environment)) {
        const key = `${group}\n${label}`;
        const row = rows.get(key) ?? { group, label, values: new Map<string, string[]>() };
        row.values.set(text, [...(row.values.get(text) ?? []), `${result.id} run ${repeat}`]);
        rows.set(key, row);
      }
    }
  }
  return { rows: [...rows.values()], runs };
}

function settingsOf(environment: object): Setting[] {
  const found = flatten(environment, []);
  return found.filter(({ path, text }) => text !== "" && !VOLATILE.includes(path.join("."))).map(settingOf);
}

const MAX_NAMES = 6;

function differing({ label, group, values }: Row): Markup[] {
  return [...values].map(([text, runs]) => {
    const more = runs.length > MAX_NAMES ? ` and ${runs.length - MAX_NAMES} more` : "";
    return html`<tr><th scope="row">${label} <span class="muted">${group}</span></th><td>${text}</td><td class="muted">${runs.slice(0, MAX_NAMES).join(", ")}${more}</td></tr>`;
  });
}

function groupSection(group: string, rows: Row[]): Markup {
  const list = rows.map(({ label, values }) => html`<div><dt>${label}</dt><dd>${[...values.keys()]}</dd></div>`);
  return html`<h3>${group}</h3><dl class="environment">${list}</dl>`;
}

/** The machine and the software: what all runs had in common once, and what differed with the runs that had it. */
export function environmentSection(cases: CaseReport[]): Markup | null {
  const { rows, runs } = rowsOf(cases);
  if (runs === 0) return null;
  const isCommon = ({ values }: Row) => values.size === 1 && [...values.values()][0]?.length === runs;
  const common = groupBy(rows.filter(isCommon), ({ group }) => [group]);
  const others = rows.filter((row) => !isCommon(row));
  const table =
    others.length === 0
      ? null
      : html`<h3>What differed between runs</h3><div class="scroll" tabindex="0" role="region" aria-label="What differed between runs"><table><thead><tr><th scope="col">Setting</th><th scope="col">Value</th><th scope="col">Runs</th></tr></thead><tbody>${others.flatMap(differing)}</tbody></table></div>`;
  return html`<section id="environment"><h2>Environment</h2>${[...common].map(([group, own]) => groupSection(group, own))}${table}</section>`;
}
