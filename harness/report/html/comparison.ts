import type { CaseResult } from "../../verdict/types.js";
import { formatGrade, formatMetric } from "../format.js";
import { headline } from "../headline.js";
import { sideBySide } from "../side-by-side.js";
import type { CaseReport } from "../types.js";
import { comparisonCdf } from "./cdf-plots.js";
import { html, type Markup, raw } from "./markup.js";
import { sideBySideTable } from "./side-by-side.js";
import { figure } from "./svg-plot.js";
import { badge } from "./verdict-table.js";

/** More curves than this cannot be told apart, even with dashes. */
const MAX_CURVES = 16;

interface Entry {
  report: CaseReport;
  anchor: string;
}

interface Range {
  /** null where the scenario has no idle phase. */
  idle: number | null;
  p50: number;
  p99: number;
}

function rangeOf(result: CaseResult): Range | null {
  const probe = headline(result.metrics).latency[0];
  const [idle = null, p50, p99] = [probe?.idleP50?.value, probe?.loadedP50?.value, probe?.loadedP99?.value];
  return p50 != null && p99 != null && Math.min(idle ?? p50, p50) > 0 ? { idle, p50, p99 } : null;
}

const RING = 'style="fill:var(--card);stroke:var(--c0)" stroke-width="2"';

/** Idle median (ring), loaded median (dot) and loaded p99 (bar's end) on one logarithmic axis for all cases. */
function rangeBar(range: Range | null, low: number, high: number): Markup {
  if (range === null) return html`<span class="muted">no data</span>`;
  const at = (value: number) => Math.round((6 + (Math.log(value / low) / Math.log(high / low)) * 188) * 10) / 10;
  const [p50, p99] = [at(range.p50), at(range.p99)];
  const ring = range.idle === null ? "" : `<circle cx="${at(range.idle)}" cy="11" r="4" ${RING}/>`;
  return raw(
    `<svg class="range" viewBox="0 0 200 22" aria-hidden="true"><path class="track" d="M6 11H194"/>` +
      `<path class="span" style="stroke:var(--c1)" d="M${p50} 11H${p99}"/>` +
      `<path style="stroke:var(--c1)" stroke-width="2" d="M${p99} 6V16"/><circle cx="${p50}" cy="11" r="4.5" style="fill:var(--c1)"/>${ring}</svg>`,
  );
}

function goodputText(result: CaseResult): Markup {
  const { goodput } = headline(result.metrics);
  const named = goodput.length > 1;
  return html`${goodput.map(
    ({ name, metric }) =>
      html`<div>${formatMetric(metric)}${named ? html` <span class="muted">${name.replace(".goodput", "")}</span>` : null}</div>`,
  )}`;
}

function row({ report, anchor }: Entry, range: Range | null, low: number, high: number): Markup {
  const { result } = report;
  const { grade, latency } = headline(result.metrics);
  const probe = latency[0];
  const matrix = Object.entries(result.matrix).map(([axis, value]) => `${axis} = ${value}`);
  return html`<tr><th scope="row"><a href="#${anchor}">${matrix.length > 0 ? matrix.join(", ") : result.id}</a></th><td>${badge(
    result.verdict,
  )}</td><td class="n"><b>${formatGrade(grade?.value ?? null)}</b></td><td class="n">${goodputText(result)}</td><td class="n">${formatMetric(
    probe?.idleP50,
  )}</td><td class="n">${formatMetric(probe?.loadedP50)}</td><td class="n">${formatMetric(probe?.loadedP99)}</td><td class="n">${formatMetric(
    probe?.inducedP99,
  )}</td><td>${rangeBar(range, low, high)}</td></tr>`;
}

/** The cases of a matrix (or of several files) side by side. */
export function comparison(entries: Entry[], columns: number): Markup {
  const ranges = entries.map(({ report }) => rangeOf(report.result));
  const values = ranges.flatMap((range) => (range ? [range.idle ?? range.p50, range.p50, range.p99] : []));
  const low = Math.min(...values, Number.MAX_VALUE) * 0.9;
  const high = Math.max(...values, low * 1.2) * 1.1;
  const curves = entries.slice(0, MAX_CURVES).map(({ report }) => {
    const axes = Object.values(report.result.matrix);
    return { name: axes.length > 0 ? axes.join(", ") : report.result.id, report };
  });
  const plot = comparisonCdf(curves);
  const note =
    plot !== null && entries.length > MAX_CURVES
      ? html`<p class="muted">The first ${MAX_CURVES} cases are drawn.</p>`
      : null;
  const anchors = new Map(entries.map(({ report, anchor }) => [report.result.id, anchor]));
  const tables = sideBySide(entries.map(({ report }) => report.result)).map((table) => sideBySideTable(table, anchors));
  return html`<section id="comparison"><h2>Side by side</h2>${tables}<h3>Latency at a glance</h3><div class="scroll glance" tabindex="0" role="region" aria-label="Comparison of cases"><table><thead><tr><th scope="col">Case</th><th scope="col">Verdict</th><th scope="col" class="n">Grade</th><th scope="col" class="n">Goodput</th><th scope="col" class="n">Idle p50</th><th scope="col" class="n">Loaded p50</th><th scope="col" class="n">Loaded p99</th><th scope="col" class="n">Induced p99</th><th scope="col">Idle ○, loaded ● to p99 (log)</th></tr></thead><tbody>${entries.map(
    (entry, i) => row(entry, ranges[i] ?? null, low, high),
  )}</tbody></table></div>${plot ? figure(plot, columns) : null}${note}</section>`;
}
