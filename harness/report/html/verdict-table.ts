import type { CaseResult, ExpectationResult, Verdict } from "../../verdict/types.js";
import { boundText, formatValue, NO_VALUE, verdictLook } from "../format.js";
import { measuredUnit } from "../headline.js";
import { html, type Markup } from "./markup.js";

/** A verdict as symbol and words on its colour. */
export function badge(verdict: Verdict): Markup {
  const { symbol, words, tone } = verdictLook(verdict);
  return html`<span class="badge tone-${tone}"><span aria-hidden="true">${symbol}</span> ${words}</span>`;
}

function worstText({ worst, bound, metric }: ExpectationResult, unit: string): Markup | string {
  if (worst === null) return NO_VALUE;
  const limit = worst.limit !== null && bound.of !== null ? ` (limit ${formatValue(worst.limit, unit, metric)})` : "";
  return html`<span class="nowrap">${formatValue(worst.value, unit, metric)}</span> <span class="muted">${worst.client}${limit}</span>`;
}

function row(result: CaseResult, expectation: ExpectationResult): Markup {
  const unit = measuredUnit(result, expectation);
  const { metric, bound, value, verdict, reason, file, line } = expectation;
  const place = `${file.split("/").at(-1)}:${line}`;
  return html`<tr><td>${badge(verdict)}</td><th scope="row"><code>${metric}</code>${
    reason === "" ? null : html`<span class="reason">${reason}</span>`
  }</th><td class="${bound.text.length < 24 ? "nowrap" : ""}">${boundText(expectation)}</td><td class="n">${formatValue(value, unit, metric)}</td><td>${worstText(expectation, unit)}</td><td class="muted"><code class="nowrap" title="${file}">${place}</code></td></tr>`;
}

/** All expectations of all cases. */
export function verdictTable(cases: { result: CaseResult; anchor: string }[]): Markup {
  const several = cases.length > 1;
  const groups = cases.map(
    ({ result, anchor }) =>
      html`<tbody>${
        several
          ? html`<tr class="group"><th colspan="6" scope="rowgroup"><a href="#${anchor}">${result.id}</a> ${badge(result.verdict)}${
              result.reason === "" ? null : html`<span class="reason muted"> ${result.reason}</span>`
            }</th></tr>`
          : null
      }${result.expectations.map((expectation) => row(result, expectation))}${
        result.expectations.length === 0
          ? html`<tr><td colspan="6" class="muted">This case has no expectations.</td></tr>`
          : null
      }</tbody>`,
  );
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Expectations"><table class="verdicts"><caption>Each expectation, its bound as written, the value over all runs and the client that came off worst.</caption>
<thead><tr><th scope="col">Verdict</th><th scope="col">Metric</th><th scope="col">Expected</th><th scope="col" class="n">Measured</th><th scope="col">Worst</th><th scope="col">Written in</th></tr></thead>
${groups}</table></div>`;
}
