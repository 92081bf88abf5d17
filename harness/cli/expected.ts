import type { Case } from "../scenario/types.js";

/**
 * What a case takes and needs, as far as it can be told before it is run: the clock of its runs, and what building and
 * clearing a lab was measured to cost beside it (docs/performance.md). Live: in the hermetic world the machine's speed decides.
 */
export interface Expected {
  runs: number;
  /** Seconds of wall clock in the live world, of all its runs. */
  wall: number;
  /** What must be there or said for it to run: options, programs, kernel modules. */
  needs: string[];
}

/** s: a run beyond its scenario's clock, with one client; and what each further one adds. */
const LAB = 0.5;
const PER_CLIENT = 0.002;

export function expected(each: Case): Expected {
  const beyond = LAB + PER_CLIENT * (each.clients.length - 1);
  return { runs: each.repeat, wall: (each.duration / 1e9 + beyond) * each.repeat, needs: needsOf(each) };
}

export function totalWall(cases: readonly Case[]): number {
  return cases.reduce((sum, each) => sum + expected(each).wall, 0);
}

/** Congestion controls that every Linux has. */
const COMMON = ["cubic", "reno"];

function needsOf({ dataplane, traffic }: Case): string[] {
  const programs = traffic.flatMap((one) => (one.kind === "exec" ? [one.command[0] ?? ""] : []));
  const external = dataplane.kind === "external" ? (dataplane.external?.command[0] ?? "") : "";
  const controls = traffic.flatMap((one) => ("congestionControl" in one ? [one.congestionControl] : []));
  const foreign = [external, ...programs].filter((program) => program !== "").map(lastPart);
  return [
    ...(foreign.length > 0 ? ["--allow-exec"] : []),
    ...(dataplane.kind === "kernel" ? ["tc"] : []),
    ...new Set([...foreign, ...controls.filter((name) => !COMMON.includes(name))]),
  ];
}

function lastPart(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
