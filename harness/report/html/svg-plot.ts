import { html, jsonScript, type Markup, raw } from "./markup.js";
import { envelope, labelledMarks, type Plot, type PlotSeries } from "./plot.js";

/** The static drawing of a plot: what is seen without scripting, and what is printed. Colours come from the page. */

const HEIGHT = 250;
/** Half a page wide, plots are drawn smaller, so that their text keeps its size. */
const WIDTH = { whole: 880, half: 460 };

interface Frame {
  width: number;
  left: number;
  right: number;
  top: number;
  bottom: number;
}

function frameOf(plot: Plot): Frame {
  const width = plot.half ? WIDTH.half : WIDTH.whole;
  return { width, left: 46, right: width - 10, top: 22, bottom: 218 };
}

interface Scale {
  toPixel: (value: number) => number;
  ticks: number[];
}

const LOG_STEPS = [1, 2, 5];

function linearTicks(low: number, high: number, about: number): number[] {
  const rough = (high - low) / about;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((s) => s * power >= rough) ?? 10) * power;
  const first = Math.ceil(low / step);
  const count = Math.floor(high / step + 1e-9) - first + 1;
  return Array.from({ length: Math.max(0, count) }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

function logTicks(low: number, high: number): number[] {
  const ticks: number[] = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
    for (const step of LOG_STEPS) ticks.push(Number((step * 10 ** power).toPrecision(6)));
  }
  const inside = ticks.filter((tick) => tick >= low && tick <= high);
  if (inside.length < 3) return linearTicks(low, high, 5);
  return inside.length > 9 ? inside.filter((tick) => Math.log10(tick) % 1 === 0) : inside;
}

function makeScale(low: number, high: number, from: number, to: number, log: boolean, ticks: number): Scale {
  const f = log ? Math.log10 : (value: number) => value;
  const span = f(high) - f(low) || 1;
  return {
    toPixel: (value) => Math.round((from + ((f(value) - f(low)) / span) * (to - from)) * 10) / 10,
    ticks: log ? logTicks(low, high) : linearTicks(low, high, ticks),
  };
}

function extent(values: Iterable<number | null>): [number, number] {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    if (value === null) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return low <= high ? [low, high] : [0, 1];
}

function* allValues(plot: Plot): Iterable<number | null> {
  for (const { values } of plot.series) yield* values;
}

function yScale(plot: Plot, frame: Frame): Scale {
  const log = plot.switchable?.axis === "y" && plot.switchable.log;
  const [low, high] = extent(allValues(plot));
  if (log) return makeScale(Math.max(low, 0.01) * 0.9, Math.max(high, 0.02) * 1.1, frame.bottom, frame.top, true, 5);
  const top = plot.y.unit === "%" ? 100 : high * 1.05 || 1;
  return makeScale(Math.min(0, low * 1.05), top, frame.bottom, frame.top, false, 5);
}

function xScale(plot: Plot, frame: Frame): Scale {
  const log = plot.switchable?.axis === "x" && plot.switchable.log;
  const [low, high] = plot.phases.length > 0 ? phaseExtent(plot) : extent(plot.x.values);
  return makeScale(low, high, frame.left, frame.right, log ?? false, frame.width / 110);
}

function phaseExtent(plot: Plot): [number, number] {
  return extent(plot.phases.flatMap((phase) => [phase.start, phase.end]));
}

type Point = [x: number, y: number];

/** Runs of points without a gap, at most two points per `columns` part of the axis. */
function segments(xs: number[], values: (number | null)[], columns: number): Point[][] {
  const fits = values.length <= columns * 2;
  const index = values.map((_, i) => i);
  const drawn = fits ? values : envelope(index, values, 0, values.length, columns);
  const xOf = (i: number) => (fits ? xs[i] : xs[Math.floor(((i + 0.5) / drawn.length) * xs.length)]) as number;
  const runs: Point[][] = [[]];
  drawn.forEach((value, i) => {
    if (value === null) runs.push([]);
    else (runs.at(-1) as Point[]).push([xOf(i), value]);
  });
  return runs.filter((run) => run.length > 0);
}

function pathOf(points: Point[], x: Scale, y: Scale): string {
  return points.map(([px, py], i) => `${i === 0 ? "M" : "L"}${x.toPixel(px)} ${y.toPixel(py)}`).join("");
}

function lineOf(plot: Plot, series: PlotSeries, x: Scale, y: Scale, columns: number): Markup {
  const d = segments(plot.x.values, series.values, columns)
    .map((points) => pathOf(points, x, y))
    .join("");
  return html`<path d="${d}" class="line${series.dashed ? " dashed" : ""}" style="stroke:var(--c${series.color})"/>`;
}

/** Corners in pixels of a staircase: values of intervals hold until the next one. Level stretches are one step. */
function corners(points: Point[], x: Scale, y: Scale): Point[] {
  const pixels = points.map(([px, py]): Point => [x.toPixel(px), y.toPixel(py)]);
  return pixels.filter(([, py], i) => i === 0 || i === pixels.length - 1 || py !== (pixels[i - 1] as Point)[1]);
}

/** Forwards along the upper staircase, back along the lower one. */
function ringOf(upper: Point[], lower: Point[]): string {
  const [first, last] = [upper[0] as Point, lower.at(-1) as Point];
  const there = upper.slice(1).map(([px, py]) => `H${px}V${py}`);
  const back = lower
    .slice(0, -1)
    .reverse()
    .map(([px, py]) => `V${py}H${px}`);
  return `M${first[0]} ${first[1]}${there.join("")}L${last[0]} ${last[1]}${back.join("")}Z`;
}

/** Between a stack's own line and the one below it (or zero). Stacks have no gaps. */
function areaOf(plot: Plot, series: PlotSeries, x: Scale, y: Scale, columns: number): Markup {
  const base = plot.series[series.stackOn ?? -1];
  const [own] = segments(plot.x.values, series.values, columns);
  if (own === undefined) return html``;
  const floor: Point[] = base
    ? (segments(plot.x.values, base.values, columns)[0] ?? [])
    : [
        [(own[0] as Point)[0], 0],
        [(own.at(-1) as Point)[0], 0],
      ];
  const d = ringOf(corners(own, x, y), corners(floor, x, y));
  return html`<path d="${d}" class="area${series.pale ? " pale" : ""}" style="fill:var(--c${series.color})"/>`;
}

function phaseBands(plot: Plot, x: Scale, frame: Frame): Markup {
  return html`${plot.phases.map((phase) => {
    const [from, to] = [x.toPixel(phase.start), x.toPixel(phase.end)];
    const label =
      to - from > 2 + 6 * phase.name.length
        ? html`<text x="${(from + to) / 2}" y="${frame.top - 6}" class="phase">${phase.name}</text>`
        : null;
    return html`<rect x="${from}" y="${frame.top}" width="${to - from}" height="${frame.bottom - frame.top}" class="band ${
      phase.loaded ? "loaded" : ""
    }"/>${label}`;
  })}`;
}

/** Room for two digits in their box, and a little between boxes. */
const LABEL = 17;

/** Numbers stand at the top of their lines, in boxes; what they mean is in the list above the plots, and under the pointer. */
function markLines(plot: Plot, x: Scale, frame: Frame): Markup {
  const marks = plot.marks ?? [];
  const positions = marks.map(({ at }) => x.toPixel(at));
  const labelled = labelledMarks(positions, LABEL);
  return html`${marks.map(({ at, number, text }, index) => {
    const px = positions[index] as number;
    const label = labelled[index]
      ? html`<rect x="${px - 7}" y="${frame.top + 1}" width="14" height="14" rx="3" class="mark"/><text x="${px}" y="${
          frame.top + 12
        }" class="mark">${number}</text>`
      : null;
    return html`<g><title>${at} s: ${text}</title><path d="M${px} ${frame.top}V${frame.bottom}" class="mark"/>${label}</g>`;
  })}`;
}

function axes(plot: Plot, x: Scale, y: Scale, frame: Frame): Markup {
  const yTicks = y.ticks.map(
    (tick) => html`<path d="M${frame.left} ${y.toPixel(tick)}H${frame.right}" class="grid"/>
<text x="${frame.left - 6}" y="${y.toPixel(tick) + 4}" class="tick end">${Math.abs(tick)}</text>`,
  );
  const xTicks = x.ticks.map(
    (tick) => html`<text x="${x.toPixel(tick)}" y="${frame.bottom + 15}" class="tick">${tick}</text>`,
  );
  const label = plot.x.unit === "s" ? "seconds from the start of the run" : `${plot.x.label}, ${plot.x.unit}`;
  return html`${yTicks}${xTicks}<text x="${frame.right}" y="${HEIGHT - 3}" class="tick end">${label}</text>
<text x="0" y="${frame.top - 6}" class="tick start">${plot.y.unit}</text>`;
}

function legend(plot: Plot): Markup {
  return html`<ul class="legend">${plot.series.map(
    (series) =>
      html`<li><i class="${series.dashed ? "dashed" : ""}" style="--c:var(--c${series.color})"></i>${series.label}</li>`,
  )}</ul>`;
}

/** `columns`: horizontal resolution, at most two points each. */
export function svgPlot(plot: Plot, columns: number): Markup {
  const frame = frameOf(plot);
  const [x, y] = [xScale(plot, frame), yScale(plot, frame)];
  const areas = plot.series.filter((series) => series.stackOn !== undefined);
  const lines = plot.series.filter((series) => series.stackOn === undefined);
  const losses = plot.losses.map((at) => `M${x.toPixel(at)} ${frame.bottom - 5}V${frame.bottom}`).join("");
  return html`<svg viewBox="0 0 ${frame.width} ${HEIGHT}" role="img" aria-label="${plot.title}: ${plot.summary}">
${phaseBands(plot, x, frame)}${areas.map((series) => areaOf(plot, series, x, y, columns))}${axes(plot, x, y, frame)}${lines.map(
  (series) => lineOf(plot, series, x, y, columns),
)}${losses === "" ? null : raw(`<path d="${losses}" class="loss"/>`)}${markLines(plot, x, frame)}</svg>${legend(plot)}`;
}

/** A plot on the page: heading, the static drawing, and the numbers from which the script draws the live one. */
export function figure(plot: Plot, columns: number): Markup {
  const toggle = plot.switchable
    ? html`<button type="button" class="toggle" hidden aria-pressed="${plot.switchable.log ? "true" : "false"}">log scale</button>`
    : null;
  return html`<figure class="plot">
<figcaption><b>${plot.title}</b> <span>${plot.summary}</span>${toggle}</figcaption>
<div class="static">${svgPlot(plot, columns)}</div><div class="live"></div>
<script type="application/json">${jsonScript(plot)}</script>
</figure>`;
}
