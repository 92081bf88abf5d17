import type { Metrics } from "../../metrics/types.js";
import type { CaseResult } from "../../verdict/types.js";
import { formatMetric } from "../format.js";
import { html, type Markup } from "./markup.js";

/** By rising priority, as tc shows them. */
const NAMED = ["bulk", "besteffort", "video", "voice"];
const TIN = /^dataplane\.tin\.([^.]+)\.\w+_(down|up)$/u;

/** Quantity of `dataplane.tin.<tin>.<quantity>_<direction>` and its heading. */
const COLUMNS = [
  ["share", "Share of bytes"],
  ["throughput", "Throughput"],
  ["drops", "Drops"],
  ["marks", "Marks"],
  ["ack_drops", "ACK drops"],
  ["delay_average", "Average delay"],
  ["delay_peak", "Peak delay"],
] as const;

function rankOf([tin]: readonly [string, string]): string {
  const named = NAMED.indexOf(tin);
  return named >= 0 ? `0${named}` : `1${tin}`;
}

function rowsOf(metrics: Metrics): [tin: string, direction: string][] {
  const found = new Set<string>();
  for (const name of Object.keys(metrics)) {
    const [, tin, direction] = TIN.exec(name) ?? [];
    if (tin !== undefined) found.add(`${direction} ${tin}`);
  }
  const rows = [...found].map((text): [string, string] => {
    const [direction = "", tin = ""] = text.split(" ");
    return [tin, direction];
  });
  return rows.sort((a, b) => a[1].localeCompare(b[1]) || rankOf(a).localeCompare(rankOf(b)));
}

/** What cake's tins did in the loaded phase, all clients together. Nothing where no tins were recorded. */
export function tinTable({ id, metrics }: CaseResult): Markup | null {
  const rows = rowsOf(metrics);
  if (rows.length === 0) return null;
  const head = COLUMNS.map(([, title]) => html`<th scope="col" class="n">${title}</th>`);
  const body = rows.map(([tin, direction]) => {
    const cells = COLUMNS.map(([quantity]) => {
      const name = `dataplane.tin.${tin}.${quantity}_${direction}`;
      return html`<td class="n">${formatMetric(metrics[name], name)}</td>`;
    });
    return html`<tr><th scope="row">${tin}</th><td>${direction}</td>${cells}</tr>`;
  });
  return html`<h3>Tins, all clients</h3><div class="scroll" tabindex="0" role="region" aria-label="Tins of ${id}"><table><thead><tr><th scope="col">Tin</th><th scope="col">Direction</th>${head}</tr></thead><tbody>${body}</tbody></table></div>`;
}
