import type { CaseResult } from "../../verdict/types.js";
import { verdictLook } from "../format.js";
import type { Block, Cell, Row, SideBySide } from "../side-by-side.js";
import { html, type Markup, raw } from "./markup.js";

/** Where a case's own section is, by its id. */
type Anchors = ReadonlyMap<string, string>;

/** `linux-cake-besteffort` may break after a mark; browsers do so after hyphens only. */
function breakable(name: string): Markup {
  return html`${name.split(/(?<=[_.])/u).map((part, i) => html`${i > 0 ? raw("<wbr>") : null}${part}`)}`;
}

/** The first block's cases name the columns; with several blocks each names its own verdicts. */
function caseMark(result: CaseResult | null, anchors: Anchors): Markup | null {
  if (result === null) return null;
  const { symbol, words, tone } = verdictLook(result.verdict);
  const mark = html`<span class="tone-${tone}" title="${words}"><span aria-hidden="true">${symbol}</span><span class="unseen">${words}</span></span>`;
  const anchor = anchors.get(result.id);
  return anchor === undefined ? mark : html`<a href="#${anchor}">${mark}</a>`;
}

function cell({ text, range, failed }: Cell): Markup {
  const value = failed ? html`<span class="tone-bad">✗ ${text}</span>` : html`${text}`;
  return html`<td class="n">${value}${range === "" ? null : html`<small>${range}</small>`}</td>`;
}

function row({ metric, unit, cells }: Row): Markup {
  return html`<tr><th scope="row">${breakable(metric)}${unit === "" ? null : html` <span class="muted">${unit}</span>`}</th>${cells.map(cell)}</tr>`;
}

function blockOf({ name, cases, rows }: Block, axis: string, anchors: Anchors): Markup {
  const label = name === "" ? "verdict" : name;
  const marks = cases.map((one) => html`<td class="n">${caseMark(one, anchors)}</td>`);
  return html`<tbody aria-label="${name === "" ? axis : name}"><tr class="block"><th scope="row">${label}</th>${marks}</tr>${rows.map(row)}</tbody>`;
}

/** One scenario's matrix as a table: its first column stays in view when a narrow window has to scroll. */
export function sideBySideTable(table: SideBySide, anchors: Anchors): Markup {
  const { scenario, title, axis, columns, blocks } = table;
  const runs = Math.max(...blocks.flatMap(({ cases }) => cases.map((one) => one?.runs.length ?? 0)));
  const note = runs > 1 ? "Medians over the runs; below them the smallest and the largest where runs differ." : "";
  const head = columns.map((value) => html`<th scope="col" class="n">${breakable(value)}</th>`);
  const name = title === "" ? scenario : title;
  return html`<h3>${name}</h3><p class="muted"><code>${scenario}</code>, by ${axis}. ${note}</p><div class="scroll" tabindex="0" role="region" aria-label="Side by side: ${name}"><table class="beside${columns.length > 8 ? " many" : ""}"><thead><tr><th scope="col">${breakable(axis)}</th>${head}</tr></thead>${blocks.map(
    (one) => blockOf(one, axis, anchors),
  )}</table></div>`;
}
