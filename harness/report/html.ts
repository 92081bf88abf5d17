import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { resultsMeaning, tally, verdictLook } from "./format.js";
import { caseSection } from "./html/case-section.js";
import { CLIENT_SCRIPT } from "./html/client.js";
import { comparison } from "./html/comparison.js";
import { environmentSection } from "./html/environment.js";
import { html, type Markup, raw } from "./html/markup.js";
import { STYLE } from "./html/style.js";
import { verdictTable } from "./html/verdict-table.js";
import type { ReportInput } from "./types.js";

/** Numbers on the whole page, about 7 bytes each: what keeps it below 3 MB however much was recorded. */
const PAGE_VALUES = 140_000;
const VALUES = { most: 16_000, least: 300 };
/** Points of all static drawings, about 11 bytes each; a line has at most two per column. */
const PAGE_POINTS = 70_000;
const COLUMNS = { most: 400, least: 30 };
/** What the two are shared out among: the plots of a run, and the lines in them (a guess on the high side). */
const PLOTS_PER_RUN = 5;
const LINES_PER_RUN = 24;

interface Limits {
  /** Per plot. */
  values: number;
  /** Per line of a static drawing. */
  columns: number;
}

function limitsOf(input: ReportInput): Limits {
  const runs = Math.max(
    1,
    input.cases.reduce((sum, one) => sum + one.runs.length, 0),
  );
  const within = (share: number, { least, most }: { least: number; most: number }) =>
    Math.max(least, Math.min(most, Math.floor(share)));
  return {
    values: within(PAGE_VALUES / (runs * PLOTS_PER_RUN), VALUES),
    columns: within(PAGE_POINTS / (runs * LINES_PER_RUN * 2), COLUMNS),
  };
}

/** uPlot as it is installed, to be put into the page: the page asks the network for nothing. */
function plotLibrary(): { script: string; style: string } {
  const folder = dirname(createRequire(import.meta.url).resolve("uplot/package.json"));
  const read = (name: string) => readFileSync(join(folder, "dist", name), "utf8");
  return {
    // No text of the library may end the script element early.
    script: read("uPlot.iife.min.js").replace(/<\/script/giu, "<\\/script"),
    style: read("uPlot.min.css"),
  };
}

/** Even a page with a mistake in it cannot ask the network for anything. */
const POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

function titleOf(input: ReportInput): string {
  const titles = [...new Set(input.results.cases.map((one) => one.title).filter((title) => title !== ""))];
  if (titles.length === 1) return titles[0] as string;
  return input.results.cases.length === 1 ? (input.results.cases[0]?.id ?? "") : `${input.results.cases.length} cases`;
}

function hero(input: ReportInput): Markup {
  const { results } = input;
  const { symbol, words, tone } = verdictLook(results.verdict);
  const date = input.generatedAt.replace("T", " ").replace(/(\.\d+)?Z$/u, " UTC");
  const expectations = results.cases.flatMap((one) => one.expectations.map((expectation) => expectation.verdict));
  return html`<header class="top"><div class="brand">mqoe</div><div class="hero"><div class="verdict-mark tone-${tone}"><span class="symbol" aria-hidden="true">${symbol}</span><span class="words">${words}</span></div><div><h1>${titleOf(
    input,
  )}</h1><p class="muted">${capital(resultsMeaning(results))}. ${capital(
    tally(
      results.cases.map((one) => one.verdict),
      "case",
    ),
  )}; ${tally(expectations, "expectation")}.</p></div></div><dl class="meta"><dt>Run</dt><dd><time datetime="${input.generatedAt}">${date}</time></dd><dt>Command</dt><dd><code>${input.command}</code></dd><dt>Version</dt><dd>mqoe ${input.version}</dd></dl></header>`;
}

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

function method(): Markup {
  return html`<footer><p>Percentiles are nearest-rank on raw samples. Latency plots show the smallest and the largest sample of each interval, so no peak is lost; other plots show one value per interval. Metrics and verdicts are derived from every sample, never from what is plotted.</p><p>Rates are in bit/s with decimal prefixes. Induced latency is the loaded quantile less the idle median, per client. Drag across a plot to zoom, double-click to zoom out, click a name to hide its line.</p><p>The page needs no network and no server: mail it, attach it to a build, keep it. <code>mqoe report</code> makes it again from the stored run.</p></footer>`;
}

function navigation(entries: { id: string; anchor: string }[]): Markup | null {
  if (entries.length < 2) return null;
  return html`<nav class="cases" aria-label="Cases"><a href="#comparison">Side by side</a>${entries.map(
    ({ id, anchor }) => html`<a href="#${anchor}">${id}</a>`,
  )}<a href="#environment">Environment</a></nav>`;
}

/** The whole report as one HTML document that needs nothing else. Same input, same bytes. */
export function renderHtml(input: ReportInput): string {
  const limits = limitsOf(input);
  const library = plotLibrary();
  const { columns } = limits;
  const entries = input.cases.map((report, i) => ({ report, result: report.result, anchor: `case-${i + 1}` }));
  const sections = entries.map(({ report, anchor }) =>
    caseSection(report, { anchor, columns, budget: { values: limits.values } }),
  );
  const page = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${raw(POLICY)}"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark"><title>${verdictLook(input.results.verdict).words}: ${titleOf(
    input,
  )} · mqoe</title><style>${raw(library.style)}${raw(STYLE)}</style></head>
<body>${hero(input)}<main>${navigation(entries.map(({ report, anchor }) => ({ id: report.result.id, anchor })))}${entries.length > 1 ? comparison(entries, columns) : null}<section id="expectations"><h2>Expectations</h2>${verdictTable(
    entries,
  )}</section>${sections}${environmentSection(input.cases)}</main>${method()}
<script>${raw(library.script)}</script><script>${raw(CLIENT_SCRIPT)}</script></body></html>
`;
  return page.text;
}
