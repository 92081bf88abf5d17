import type { Accounting } from "../../metrics/types.js";
import { formatBytes, formatCount, formatDuration } from "../../units/index.js";
import type { CaptureResult, CaseResult, HealthCheck, ProgramResult, RunResult } from "../../verdict/types.js";
import { formatGrade, formatMetric, formatValue, NO_VALUE, timeText } from "../format.js";
import { evidence, knownHeadline, type LatencyHeadline } from "../headline.js";
import type { CaseReport, RunReport } from "../types.js";
import { caseCdf } from "./cdf-plots.js";
import { changesList } from "./changes.js";
import { clientTable } from "./client-table.js";
import { html, type Markup } from "./markup.js";
import type { Plot } from "./plot.js";
import { figure } from "./svg-plot.js";
import { type PlotBudget, timePlots } from "./time-plots.js";
import { tinTable } from "./tin-table.js";
import { topology } from "./topology.js";
import { badge } from "./verdict-table.js";

export interface SectionOptions {
  anchor: string;
  budget: PlotBudget;
  /** Horizontal resolution of static drawings. */
  columns: number;
}

/** A value breaks between its parts, never within one. */
function tile(label: string, value: Markup | string, note: string): Markup {
  const parts = typeof value === "string" ? html`<span>${value}</span>` : value;
  return html`<div class="tile"><div class="label">${label}</div><div class="value">${parts}</div><div class="note">${note}</div></div>`;
}

function latencyTiles(of: LatencyHeadline): Markup {
  // One unit for both, so that the pair stays short.
  const idle = formatMetric(of.idleP50).replace(/ ms$/u, "");
  const median = html`<span>${idle} <small>→</small></span> <span>${formatMetric(of.loadedP50)}</span>`;
  return html`${tile("Latency, median", median, `${of.traffic}, idle → loaded`)}${tile(
    "Latency, p99",
    formatMetric(of.loadedP99),
    `${of.traffic}, loaded; ${formatMetric(of.idleP99)} idle`,
  )}${tile("Induced latency, p99", formatMetric(of.inducedP99), "loaded p99 − idle median")}`;
}

/** The numbers that people look for first. */
function tiles(result: CaseResult): Markup | null {
  const { grade, goodput, latency } = knownHeadline(result.metrics);
  const parts = [
    grade ? tile("Bufferbloat grade", formatGrade(grade.value), "by the rise of the mean under load") : null,
    ...latency.slice(0, 2).map(latencyTiles),
    ...goodput
      .slice(0, 4)
      .map(({ name, metric }) => tile("Goodput", formatMetric(metric), name.replace(".goodput", ""))),
  ].filter((part) => part !== null);
  return parts.length > 0 ? html`<div class="tiles">${parts}</div>` : null;
}

function notice(result: CaseResult): Markup | null {
  const lines = evidence(result);
  if (result.reason === "" && lines.length === 0) return null;
  return html`<div class="notice" role="note">${result.reason === "" ? html`<b>The rig had something to say:</b>` : html`<b>${result.reason}</b>`}${
    lines.length > 0 ? html`<ul>${lines.map((line) => html`<li>${line}</li>`)}</ul>` : null
  }</div>`;
}

/** Frames as an equation: what came in is what went out, was dropped for a named cause, or is still held. */
function accounting(of: Accounting): Markup {
  const share = (part: number) => (of.in > 0 && part > 0 ? ` · ${formatValue(part / of.in, "ratio", "loss")}` : "");
  const cell = (op: string, value: string, label: string, tone = "") =>
    html`<li>${op === "" ? null : html`<span class="op">${op}</span>`}<div class="cell ${tone}"><b>${value}</b><span>${label}</span></div></li>`;
  const part = (label: string, value: number) => cell("+", formatCount(value), `${label}${share(value)}`);
  const whole = of.unaccounted !== null;
  const balance = whole ? formatCount(of.unaccounted) : "unknown";
  const words = whole ? (of.unaccounted === 0 ? "✓ unaccounted" : "✗ unaccounted") : "? the run ended early";
  return html`<h3>Frame accounting</h3><ul class="balance" aria-label="Frame accounting">${cell("", formatCount(of.in), "in", "main")}${cell(
    "=",
    formatCount(of.out),
    `out${share(of.out)}`,
    "main",
  )}${part("AQM drops", of.dropped.aqm)}${part("overflow", of.dropped.overflow)}${part("path", of.dropped.path)}${part(
    "rig",
    of.dropped.rig,
  )}${part("held", of.held)}${cell("+", balance, words, of.unaccounted === 0 ? "tone-good" : "tone-bad")}</ul>`;
}

const CHECK_WORDS = { ok: "✓ ok", warn: "! warning", invalid: "✗ invalid" } as const;
const CHECK_TONES = { ok: "tone-good", warn: "tone-odd", invalid: "tone-bad" } as const;

function checkRow(run: RunResult, check: HealthCheck, several: boolean): Markup {
  return html`<tr>${several ? html`<td>run ${run.repeat}</td>` : null}<th scope="row">${check.name}</th><td class="nowrap"><span class="${
    CHECK_TONES[check.verdict]
  }">${CHECK_WORDS[check.verdict]}</span></td><td class="n">${formatValue(check.value, check.unit)}</td><td class="n">${formatValue(
    check.limit,
    check.unit,
  )}</td><td class="reason">${check.reason}</td></tr>`;
}

function health(result: CaseResult): Markup | null {
  if (result.runs.every((run) => run.health.checks.length === 0)) return null;
  const several = result.runs.length > 1;
  const rows = result.runs.flatMap((run) => run.health.checks.map((check) => checkRow(run, check, several)));
  return html`<h3>Rig health</h3><p class="muted">Whether the machine could carry this test. When it could not, the verdict is invalid, never a failure of the product.</p><div class="scroll" tabindex="0" role="region" aria-label="Rig health"><table><thead><tr>${
    several ? html`<th scope="col">Run</th>` : null
  }<th scope="col">Check</th><th scope="col">Result</th><th scope="col" class="n">Measured</th><th scope="col" class="n">Limit</th><th scope="col"></th></tr></thead><tbody>${rows}</tbody></table></div>`;
}

function programRow(run: RunResult, program: ProgramResult, several: boolean): Markup {
  const { name, exit, over, wall_s, stdout, stderr, error } = program;
  const end = error ?? (over ? "ended by mqoe" : `exit code ${exit ?? "–"}`);
  const files = [stdout, stderr].map(({ file, bytes, kept }) => {
    const cut =
      kept < bytes ? ` (the first ${formatBytes(kept)} of ${formatBytes(bytes)})` : ` (${formatBytes(bytes)})`;
    return html`<div><code>${file}</code>${cut}</div>`;
  });
  return html`<tr>${several ? html`<td>run ${run.repeat}</td>` : null}<th scope="row">${name}</th><td>${end}</td><td class="n">${formatDuration(
    wall_s,
  )}</td><td>${files}</td></tr>`;
}

/** Programs of the scenario's own: how they ended, and where what they printed is. */
function programs(result: CaseResult): Markup | null {
  const several = result.runs.length > 1;
  const rows = result.runs.flatMap((run) => (run.programs ?? []).map((one) => programRow(run, one, several)));
  if (rows.length === 0) return null;
  return html`<h3>Programs</h3><p class="muted">Files are named from the folder of this run.</p><div class="scroll" tabindex="0" role="region" aria-label="Programs"><table><thead><tr>${
    several ? html`<th scope="col">Run</th>` : null
  }<th scope="col">Program</th><th scope="col">End</th><th scope="col" class="n">Took</th><th scope="col">What it printed</th></tr></thead><tbody>${rows}</tbody></table></div>`;
}

function captureRow(run: RunResult, capture: CaptureResult, several: boolean): Markup {
  const { name, file, packets, older, lost } = capture;
  return html`<tr>${several ? html`<td>run ${run.repeat}</td>` : null}<th scope="row">${name}</th><td class="n">${formatCount(
    packets,
  )}</td><td class="n">${formatCount(older)}</td><td class="n">${formatCount(lost)}</td><td><code>wireshark ${file}</code></td></tr>`;
}

/** Where the packets are, for whoever wants to see what a number is made of. */
function captures(result: CaseResult): Markup | null {
  const several = result.runs.length > 1;
  const rows = result.runs.flatMap((run) => (run.captures ?? []).map((one) => captureRow(run, one, several)));
  if (rows.length === 0) return null;
  return html`<h3>Packet captures</h3><p class="muted">Files are named from the folder of this run. Frames of our dataplane have an id: the same frame coming in, going out or being dropped.</p><div class="scroll" tabindex="0" role="region" aria-label="Packet captures"><table><thead><tr>${
    several ? html`<th scope="col">Run</th>` : null
  }<th scope="col">Capture</th><th scope="col" class="n">Packets</th><th scope="col" class="n">Older, not kept</th><th scope="col" class="n">Lost by the kernel</th><th scope="col">Open with</th></tr></thead><tbody>${rows}</tbody></table></div>`;
}

function plotsOf(report: CaseReport, run: RunReport, options: SectionOptions): Plot[] {
  const groups = new Map(report.case?.clients.map((client) => [client.name, client.group]));
  const groupOf = (client: string) => groups.get(client) ?? client.replace(/-\d+$/u, "");
  const group = `${options.anchor}-run-${run.repeat}`;
  return run.series === null ? [] : timePlots(run.series, { group, groupOf, budget: options.budget });
}

function runPlots(report: CaseReport, run: RunReport, options: SectionOptions): Markup {
  const plots = plotsOf(report, run, options);
  if (plots.length === 0) return html`<p class="muted">This run left no samples to plot.</p>`;
  return html`${omittedNote(run)}${changesList(run.series?.changes ?? [])}${pairs(plots).map((group) =>
    group.length === 1
      ? group.map((plot) => figure(plot, options.columns))
      : html`<div class="pair">${group.map((plot) => figure(plot, options.columns))}</div>`,
  )}`;
}

/** Plots that are two halves of one thing (download and upload) stand side by side. */
function pairs(plots: Plot[]): Plot[][] {
  const groups: Plot[][] = [];
  for (const plot of plots) {
    const last = groups.at(-1);
    if (last !== undefined && plot.half && last[0]?.half) last.push(plot);
    else groups.push([plot]);
  }
  return groups;
}

/** Very large recordings are plotted for the clients that suffered most (harness/metrics/series.ts). */
function omittedNote(run: RunReport): Markup | null {
  const clients = run.blueprint?.dataplane.clients.length ?? 0;
  const probed = new Set(run.blueprint?.traffic.probes.map((probe) => probe.client)).size;
  const plotted = new Set(run.series?.latency.map((one) => one.client)).size;
  if (plotted === 0 || probed <= plotted) return null;
  return html`<p class="muted">Plotted: the ${plotted} of ${clients} clients with the highest p99 latency.</p>`;
}

function overTime(report: CaseReport, options: SectionOptions): Markup {
  const [first, ...rest] = report.runs;
  if (first === undefined) return html`<p class="muted">Nothing was recorded.</p>`;
  const name = (run: RunReport) => {
    const result = report.result.runs.find((one) => one.repeat === run.repeat);
    return html`Run ${run.repeat}${result ? html` <span class="muted">seed ${result.seed}, ${result.verdict}</span>` : null}`;
  };
  const heading = rest.length > 0 ? html`<h3>Over time: ${name(first)}</h3>` : html`<h3>Over time</h3>`;
  return html`${heading}${runPlots(report, first, options)}${rest.map(
    (run) => html`<details><summary>Over time: ${name(run)}</summary>${runPlots(report, run, options)}</details>`,
  )}`;
}

/** Everything about one case. */
export function caseSection(report: CaseReport, options: SectionOptions): Markup {
  const { result } = report;
  const cdf = caseCdf(report, `${options.anchor}-cdf`);
  const blueprint = report.runs.find((run) => run.blueprint !== null)?.blueprint ?? null;
  const groups = new Map(report.case?.clients.map((client) => [client.name, client.group]));
  const groupOf = (client: string) => groups.get(client) ?? client.replace(/-\d+$/u, "");
  const about = [`dataplane ${result.dataplane}`, `world ${result.world}`, timeText(result), result.scenario];
  return html`<section class="case" id="${options.anchor}"><h2>${result.id} ${badge(result.verdict)}</h2><p>${result.title}</p><p class="muted">${about
    .filter((part) => part !== "")
    .join(" · ")}</p>${notice(result)}${tiles(result)}${
    blueprint
      ? topology(blueprint, groupOf)
      : html`<p class="muted">The blueprint of this case is lost (${NO_VALUE}).</p>`
  }${cdf ? figure(cdf, options.columns) : null}${overTime(report, options)}${clientTable(result)}${tinTable(result)}${accounting(result.accounting)}${programs(result)}${captures(result)}${health(result)}</section>`;
}
