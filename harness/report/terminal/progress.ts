import type { ChalkInstance } from "chalk";
import { formatCount, formatDuration, formatRate, formatTime } from "../../units/index.js";
import type { CaseResult } from "../../verdict/types.js";
import { formatGrade, formatMetric, type VerdictLook, verdictLook } from "../format.js";
import { headline } from "../headline.js";
import { type LiveBlock, liveBlock } from "./live-block.js";
import { clip, painter, paintTone, printable, type Style } from "./style.js";

/** What is going on right now (harness/run reads it from the mapped segments): bit/s, seconds, packets. */
export interface ProgressRates {
  down: number;
  up: number;
  rttP50: number | null;
  rttP99: number | null;
  /** Since the last call. */
  drops: number;
}

/** A result; `uncompared` of its expectations wait for a case that is still to come. */
export type FinishedCase = CaseResult & { uncompared?: number };

/** Tells a person what a run is doing. Calls may come in any order; what is missing is not shown. */
export interface Progress {
  /** Case `n` of `of`, counted from 1. */
  caseStarted(name: string, n: number, of: number): void;
  /** A phase of the timeline, or a step around it (`lab`, `teardown`); null = it takes as long as it takes. */
  phase(name: string, secondsLeft: number | null): void;
  rates(rates: ProgressRates): void;
  /** A line that stays: warnings, paths. */
  note(text: string): void;
  caseFinished(result: FinishedCase): void;
  /** Takes the live block off the screen and gives the cursor back; safe to call twice. */
  stop(): void;
}

export interface ProgressOptions {
  stream: { write(text: string): unknown };
  style: Style;
  /** Milliseconds since 1970, for the time in front of plain lines and for the bar. */
  now: () => number;
}

/** On a terminal: one block, rewritten in place. Elsewhere (pipes, CI): a few plain lines, each with its time (UTC). */
export function createProgress(options: ProgressOptions): Progress {
  return options.style.live ? new LiveProgress(options) : new PlainProgress(options);
}

/** A verdict that may still turn is none yet; one that no comparison can mend is shown as it is. */
function lookOf({ verdict, uncompared = 0 }: FinishedCase): VerdictLook {
  const open = uncompared > 0 && (verdict === "pass" || verdict === "expected-fail");
  return open ? { symbol: "…", words: "not compared yet", tone: "mute" } : verdictLook(verdict);
}

function caseLine(result: FinishedCase, style: Style, chalk: ChalkInstance): string {
  const { symbol, words, tone } = lookOf(result);
  const { grade, latency } = headline(result.metrics);
  const probe = latency[0];
  const facts = [
    grade ? `grade ${formatGrade(grade.value)}` : "",
    probe ? `p99 ${formatMetric(probe.idleP99)} idle, ${formatMetric(probe.loadedP99)} loaded` : "",
    formatDuration(result.wall_s),
  ];
  const rest = facts.filter((fact) => fact !== "").join(" · ");
  const room = Math.max(20, style.columns - symbol.length - words.length - rest.length - 5);
  const name = clip(printable(result.id), style.live ? room : Number.POSITIVE_INFINITY);
  return `${paintTone(chalk, tone, `${symbol} ${words}`)} ${chalk.bold(name)}  ${chalk.dim(rest)}`;
}

class PlainProgress implements Progress {
  private readonly chalk: ChalkInstance;
  private name = "";
  private current = "";
  private latest: ProgressRates | null = null;

  constructor(private readonly options: ProgressOptions) {
    this.chalk = painter(options.style);
  }

  caseStarted(name: string, n: number, of: number): void {
    this.name = printable(name);
    this.current = "";
    this.line(`case ${n}/${of} ${this.name}`);
  }

  phase(name: string, secondsLeft: number | null): void {
    if (name === this.current) return;
    this.reportRates();
    this.current = name;
    this.line(`${this.name}: ${printable(name)}${secondsLeft === null ? "" : ` (${formatDuration(secondsLeft)})`}`);
  }

  rates(rates: ProgressRates): void {
    this.latest = rates;
  }

  note(text: string): void {
    this.line(printable(text));
  }

  caseFinished(result: FinishedCase): void {
    this.reportRates();
    this.line(caseLine(result, this.options.style, this.chalk));
  }

  stop(): void {}

  /** The last rates of a phase, when it is over: enough to see in a log that it did something. */
  private reportRates(): void {
    if (this.latest !== null) this.line(`${this.name}: ${this.current} ended with ${ratesText(this.latest)}`);
    this.latest = null;
  }

  private line(text: string): void {
    const time = new Date(this.options.now()).toISOString().slice(11, 19);
    this.options.stream.write(`${time} ${text}\n`);
  }
}

/** Latency only when some came: echoes are told of late, so none in the last window says nothing about the phase. */
function ratesText(rates: ProgressRates): string {
  const latency = `rtt p50 ${formatTime(rates.rttP50)} p99 ${formatTime(rates.rttP99)}`;
  const parts = [`down ${formatRate(rates.down)}`, `up ${formatRate(rates.up)}`];
  return [...parts, ...(rates.rttP50 === null ? [] : [latency])].join(", ");
}

const BAR_WIDTH = 24;
const SPINNER = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

function bar(fraction: number): string {
  const filled = Math.round(Math.max(0, Math.min(1, fraction)) * BAR_WIDTH);
  return "━".repeat(filled) + "┈".repeat(BAR_WIDTH - filled);
}

class LiveProgress implements Progress {
  private readonly chalk: ChalkInstance;
  private readonly block: LiveBlock;
  private title = "";
  private position = "";
  private phaseName = "";
  private phaseStart = 0;
  /** Milliseconds; null while nobody knows how long it takes. */
  private phaseEnd: number | null = null;
  private latest: ProgressRates | null = null;
  private drops = 0;
  private frame = 0;

  constructor(private readonly options: ProgressOptions) {
    this.chalk = painter(options.style);
    this.block = liveBlock(options.stream, () => this.lines());
  }

  caseStarted(name: string, n: number, of: number): void {
    this.title = printable(name);
    this.position = of > 1 ? `  case ${n} of ${of}` : "";
    this.phaseName = "";
    this.latest = null;
    this.drops = 0;
    this.block.start();
  }

  phase(name: string, secondsLeft: number | null): void {
    const now = this.options.now();
    if (name !== this.phaseName) {
      this.phaseName = name;
      this.phaseStart = now;
    }
    this.phaseEnd = secondsLeft === null ? null : now + secondsLeft * 1000;
    this.block.draw();
  }

  rates(rates: ProgressRates): void {
    this.latest = rates;
    this.drops += rates.drops;
    this.block.draw();
  }

  note(text: string): void {
    this.block.print(printable(text));
  }

  caseFinished(result: FinishedCase): void {
    this.block.stop();
    this.options.stream.write(`${caseLine(result, this.options.style, this.chalk)}\n`);
  }

  stop(): void {
    this.block.stop();
  }

  private lines(): string[] {
    this.frame += 1;
    const spinner = this.chalk.cyan(SPINNER[this.frame % SPINNER.length] as string);
    const room = this.options.style.columns - 3 - this.position.length;
    const lines = [`${spinner} ${this.chalk.bold(clip(this.title, room))}${this.chalk.dim(this.position)}`];
    if (this.phaseName !== "") lines.push(this.phaseLine());
    if (this.latest !== null) lines.push(this.ratesLine(this.latest));
    return lines;
  }

  private phaseLine(): string {
    const name = clip(printable(this.phaseName), 16).padEnd(10);
    const elapsed = this.options.now() - this.phaseStart;
    if (this.phaseEnd === null) return `  ${name} ${this.chalk.dim(formatDuration(Math.floor(elapsed / 1000)))}`;
    const length = Math.max(1, this.phaseEnd - this.phaseStart);
    const left = Math.max(0, Math.ceil((length - elapsed) / 1000));
    return `  ${name} ${this.chalk.cyan(bar(elapsed / length))} ${this.chalk.dim(`${formatDuration(left)} left`)}`;
  }

  private ratesLine(rates: ProgressRates): string {
    const rtt = rates.rttP50 === null ? "–" : `${formatTime(rates.rttP50)} / ${formatTime(rates.rttP99)}`;
    const parts = [`↓ ${formatRate(rates.down)}`, `↑ ${formatRate(rates.up)}`, `rtt ${rtt}`];
    if (this.drops > 0) parts.push(`${formatCount(this.drops)} drops`);
    return clip(`  ${parts.join("  ")}`, this.options.style.columns - 1);
  }
}
