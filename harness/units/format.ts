/**
 * Quantities for people: three significant digits, the unit that keeps the number between 1 and 1000. Machine formats
 * (JSON) carry plain numbers in base units and never pass through here. A missing value prints as an en dash.
 */
const MISSING = "–";

const RATE_STEPS: readonly Step[] = [
  [1e9, "Gbit/s"],
  [1e6, "Mbit/s"],
  [1e3, "kbit/s"],
  [1, "bit/s"],
];

const SIZE_STEPS: readonly Step[] = [
  [1e9, "GB"],
  [1e6, "MB"],
  [1e3, "kB"],
  [1, "B"],
];

type Step = readonly [factor: number, unit: string];

/** bit/s → `19.1 Mbit/s`. */
export function formatRate(bitsPerSecond: number | null | undefined): string {
  return scaled(bitsPerSecond, RATE_STEPS);
}

/** bytes → `65.5 kB` (powers of ten, as everywhere in mqoe but `KiB`). */
export function formatBytes(bytes: number | null | undefined): string {
  return scaled(bytes, SIZE_STEPS);
}

/** seconds → `23.2 ms`: latency is always milliseconds, so that a column compares at a glance. */
export function formatTime(seconds: number | null | undefined): string {
  return isMissing(seconds) ? MISSING : `${significant(seconds * 1e3)} ms`;
}

/** seconds → `15 s`, `2 min 5 s`: for durations, not for latency. */
export function formatDuration(seconds: number | null | undefined): string {
  if (isMissing(seconds)) return MISSING;
  if (Math.abs(seconds) < 1) return formatTime(seconds);
  if (Math.abs(seconds) < 60) return `${Number(seconds.toFixed(1))} s`;
  const whole = Math.round(seconds);
  const [minutes, rest] = [Math.floor(whole / 60), whole % 60];
  return rest === 0 ? `${minutes} min` : `${minutes} min ${rest} s`;
}

/** ratio → `1.25 %`. */
export function formatPercent(ratio: number | null | undefined): string {
  return isMissing(ratio) ? MISSING : `${significant(ratio * 100)} %`;
}

/** A whole number with thousands separated by a thin space: `12 345`. */
export function formatCount(count: number | null | undefined): string {
  if (isMissing(count)) return MISSING;
  const [whole = "", fraction] = String(Number.isInteger(count) ? count : Number(count.toFixed(2))).split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+(?!\d))/gu, "\u2009");
  return fraction === undefined ? grouped : `${grouped}.${fraction}`;
}

/** nanoseconds → the shortest scenario text that parses back to the same value: `15ms`, `1500us`. */
export function printTime(ns: number): string {
  return exact(ns, [
    [1e9, "s"],
    [1e6, "ms"],
    [1e3, "us"],
    [1, "ns"],
  ]);
}

/** bit/s → the shortest scenario text that parses back to the same value: `20mbit`, `1500kbit`. */
export function printRate(bitsPerSecond: number): string {
  return exact(bitsPerSecond, [
    [1e9, "gbit"],
    [1e6, "mbit"],
    [1e3, "kbit"],
    [1, "bit"],
  ]);
}

/** bytes → the shortest scenario text that parses back to the same value: `64KiB`, `1500B`. */
export function printSize(bytes: number): string {
  return exact(bytes, [
    [1024 ** 3, "GiB"],
    [1024 ** 2, "MiB"],
    [1e6, "MB"],
    [1024, "KiB"],
    [1e3, "kB"],
    [1, "B"],
  ]);
}

function isMissing(value: number | null | undefined): value is null | undefined {
  return value === null || value === undefined || !Number.isFinite(value);
}

function scaled(value: number | null | undefined, steps: readonly Step[]): string {
  if (isMissing(value)) return MISSING;
  const last = steps[steps.length - 1] as Step;
  // 999.6 kbit would print as 1000: choose the step by the rounded value.
  const [factor, unit] = steps.find(([f]) => Math.abs(value) >= f * 0.9995) ?? last;
  return `${significant(value / factor)} ${unit}`;
}

/** Three significant digits, but never in exponent form and never fewer digits than the integer part has. */
function significant(value: number): string {
  if (value === 0) return "0";
  const magnitude = Math.floor(Math.log10(Math.abs(value)));
  const decimals = Math.min(Math.max(2 - magnitude, 0), 6);
  return String(Number(value.toFixed(decimals)));
}

function exact(value: number, steps: readonly Step[]): string {
  const last = steps[steps.length - 1] as Step;
  const [factor, unit] = (value === 0 ? undefined : steps.find(([f]) => value % f === 0)) ?? last;
  return `${value / factor}${unit}`;
}
