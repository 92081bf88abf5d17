import type { Metrics } from "../../metrics/types.js";
import type { CaseResult } from "../../verdict/types.js";
import { formatGrade, formatMetric, formatValue, NO_VALUE } from "../format.js";
import { type Headline, headline } from "../headline.js";
import { html, type Markup } from "./markup.js";

/** Rows that people read; the rest is told in one line. */
const SHOWN = 50;
const CLIENT = "client/";

interface Row {
  client: string;
  facts: Headline;
  /** Seconds, for sorting: a client without an answer is the worst of all. */
  induced: number;
}

function rowOf(client: string, metrics: Metrics): Row {
  const facts = headline(metrics);
  const values = facts.latency.map((one) => one.inducedP99?.value ?? Number.POSITIVE_INFINITY);
  return { client, facts, induced: values.length > 0 ? Math.max(...values) : Number.NEGATIVE_INFINITY };
}

function rowsOf(result: CaseResult): Row[] {
  return Object.entries(result.by)
    .filter(([key]) => key.startsWith(CLIENT))
    .map(([key, metrics]) => rowOf(key.slice(CLIENT.length), metrics))
    .sort((a, b) =>
      a.induced === b.induced ? a.client.localeCompare(b.client, "en", { numeric: true }) : b.induced - a.induced,
    );
}

/** Names of all goodput metrics that any client has, so that every row has the same columns. */
function goodputNames(rows: Row[]): string[] {
  return [...new Set(rows.flatMap(({ facts }) => facts.goodput.map(({ name }) => name)))];
}

function tableRow({ client, facts }: Row, names: string[]): Markup {
  const worst = [...facts.latency].sort(
    (a, b) => (b.inducedP99?.value ?? Number.POSITIVE_INFINITY) - (a.inducedP99?.value ?? Number.POSITIVE_INFINITY),
  )[0];
  const goodput = names.map((name) => {
    const metric = facts.goodput.find((one) => one.name === name)?.metric;
    return html`<td class="n">${formatMetric(metric)}</td>`;
  });
  return html`<tr><th scope="row">${client}</th><td class="n">${formatGrade(facts.grade?.value ?? null)}</td><td class="n">${formatMetric(
    worst?.inducedP99,
  )}</td><td class="n">${formatMetric(worst?.idleP50)}</td><td class="n">${formatMetric(worst?.loadedP50)}</td><td class="n">${formatMetric(
    worst?.loadedP99,
  )}</td><td class="n">${worst?.loss ? formatMetric(worst.loss, "loss") : NO_VALUE}</td>${goodput}</tr>`;
}

function restText(rest: Row[]): string {
  const finite = rest.map((row) => row.induced).filter(Number.isFinite);
  const range =
    finite.length === 0
      ? ""
      : ` Their induced p99 lies between ${formatValue(Math.min(...finite), "s")} and ${formatValue(Math.max(...finite), "s")}.`;
  return `${rest.length} more client${rest.length === 1 ? "" : "s"}, all better than these.${range}`;
}

/** Clients, the worst first. Nothing for a case without metrics per client. */
export function clientTable(result: CaseResult): Markup | null {
  const rows = rowsOf(result);
  if (rows.length === 0) return null;
  const names = goodputNames(rows);
  const rest = rows.slice(SHOWN);
  return html`<h3>Clients, worst first</h3><div class="scroll" tabindex="0" role="region" aria-label="Clients of ${result.id}"><table class="clients"><thead><tr><th scope="col">Client</th><th scope="col" class="n">Grade</th><th scope="col" class="n">Induced p99</th><th scope="col" class="n">Idle p50</th><th scope="col" class="n">Loaded p50</th><th scope="col" class="n">Loaded p99</th><th scope="col" class="n">Loss</th>${names.map(
    (name) => html`<th scope="col" class="n">${name}</th>`,
  )}</tr></thead><tbody>${rows.slice(0, SHOWN).map((row) => tableRow(row, names))}</tbody></table></div>${
    rest.length > 0 ? html`<p class="muted">${restText(rest)}</p>` : null
  }`;
}
