/**
 * Quantities as `tc -s qdisc` writes them, so that whoever knows its output reads ours at a glance (iproute2's print_rate,
 * print_size and print_time).
 */

/** bit/s → `20Mbit`, `1250Kbit`: the largest unit that leaves a whole number below 1000. */
export function tcRate(bitsPerSecond: number): string {
  const units = ["", "K", "M", "G", "T"];
  let rate = bitsPerSecond;
  let unit = 0;
  while (unit < units.length - 1 && rate >= 1000 && (rate % 1000 === 0 || rate >= 1000 * 1000)) {
    rate /= 1000;
    unit++;
  }
  return `${Math.round(rate)}${units[unit]}bit`;
}

/** bytes → `4224b`, `15140Kb`, `4Mb` (powers of two). */
export function tcSize(bytes: number): string {
  const isNear = (factor: number) => Math.abs(factor * Math.round(bytes / factor) - bytes) < 1024;
  if (bytes >= 1024 * 1024 && isNear(1024 * 1024)) return `${Math.round(bytes / (1024 * 1024))}Mb`;
  if (bytes >= 1024 && Math.abs(1024 * Math.round(bytes / 1024) - bytes) < 16) return `${Math.round(bytes / 1024)}Kb`;
  return `${bytes}b`;
}

/** ns → `14.6ms`, `8us`, `1.2s`. */
export function tcTime(ns: number): string {
  const us = ns / 1000;
  if (us >= 1e6) return `${threeDigits(us / 1e6)}s`;
  if (us >= 1e3) return `${threeDigits(us / 1e3)}ms`;
  return `${Math.floor(us)}us`;
}

/** printf's %.3g for what needs no exponent. */
function threeDigits(value: number): string {
  return String(Number(value.toPrecision(3)));
}
