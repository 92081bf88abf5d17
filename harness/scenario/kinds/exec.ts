import { z } from "zod";
import { parseQuantity, parseTime } from "../../units/index.js";
import { declared } from "../catalogue/exec.js";
import type { Quantity } from "../catalogue/quantity.js";
import { isMany, parseJsonPath } from "../json-path.js";
import { DEFAULT_PHASES, type DefaultPhase } from "../phases.js";
import { NAME, time } from "../quantities.js";
import { oneOf } from "../suggest.js";
import { common, type TrafficCommon } from "./common.js";

/** Programs in the client's (and the server's) namespace; docs/exec.md. */

const command = (what: string) => z.array(z.string().min(1)).min(1).describe(what);

const metric = z
  .strictObject({
    json: z
      .string()
      .superRefine((text, context) => {
        const parsed = parseJsonPath(text);
        if (!parsed.ok) context.addIssue({ code: "custom", message: parsed.message });
      })
      .optional()
      .describe(
        'Where the number stands in the JSON that the program prints: `"end.sum.bits_per_second"`, `"list[0].rtt"`, `"list[*].rtt"`.',
      ),
    regex: z
      .string()
      .superRefine((text, context) => {
        const message = badRegex(text);
        if (message !== undefined) context.addIssue({ code: "custom", message });
      })
      .optional()
      .describe("Finds the number in the text that the program prints: its first group, in the last place it matches."),
    unit: z
      .string()
      .transform((text, context) => {
        const read = readUnit(text);
        if (read !== undefined) return { text, ...read };
        context.addIssue({ code: "custom", message: `"${text}" is no unit; allowed: ${UNITS}` });
        return z.NEVER;
      })
      .describe("What the number is printed in: `ms`, `Mbit/s`, `MB/s`, `%`, `ratio`, `packets`, `count` …"),
    each: z
      .boolean()
      .default(false)
      .describe("Every place is a sample: the metric is a distribution, `speed.rtt.p99`."),
    from: z.enum(["stdout", "stderr"]).default("stdout").describe("Which output."),
    total: z
      .enum(["sum", "mean", "min", "max"])
      .optional()
      .describe("How clients make the total: rates and counts add up, all else is a mean."),
  })
  .superRefine(({ json, regex, each }, context) => {
    const refuse = (path: string, message: string) => context.addIssue({ code: "custom", path: [path], message });
    if (json === undefined && regex === undefined) refuse("unit", "needs json or regex beside it: where the number is");
    if (json !== undefined && regex !== undefined) refuse("regex", "json and regex exclude each other");
    const parsed = parseJsonPath(json ?? "x");
    if (parsed.ok && isMany(parsed.path) && !each) refuse("json", "[*] finds several numbers; add each = true");
  });

export const exec = z.strictObject({
  kind: z.literal("exec"),
  ...common,
  command: command(
    "Program and arguments, word by word, run in the client's namespace as an ordinary user; `{server}`, `{port}` and others are filled in (docs/exec.md). Needs `--allow-exec`.",
  ),
  server_command: command(
    "Run in the server's namespace from before the run begins to its end. With `{port}` in it the run waits until that port is taken, else 500 ms.",
  ).optional(),
  server_per: z
    .enum(["traffic", "client"])
    .default("traffic")
    .describe("One server for all clients, or one for each, with a port of its own."),
  start: z
    .string()
    .default("ramp")
    .transform((text, context): ExecStart => {
      const read = readStart(text);
      if (typeof read !== "string") return read;
      context.addIssue({ code: "custom", message: read });
      return z.NEVER;
    })
    .describe('When it starts: a time from the start of the run, `"15s"`, or in a phase, `"loaded+2s"`.'),
  timeout: time()
    .optional()
    .describe(
      "How long it may take before it is ended: SIGTERM, and SIGKILL after 2 s. Left out: to the end of the run.",
    ),
  expect_exit: z
    .union([z.int().min(0).max(255), z.literal("any")], { error: 'expected an exit code, 0 … 255, or "any"' })
    .default(0)
    .describe('The exit code that it must have; `"any"`: none is expected.'),
  metrics: z
    .record(z.string().regex(NAME), metric)
    .default({})
    .describe(
      'Numbers that it prints, each a metric: `goodput = { json = "end.sum_received.bits_per_second", unit = "bit/s" }` becomes `speed.goodput`.',
    ),
});

export type ExecSpec = z.output<typeof exec>;

export interface ExecStart {
  /** null: `offset` counts from the start of the run. */
  phase: DefaultPhase | null;
  offset: number;
}

export interface ExecMetric {
  json: string | null;
  regex: string | null;
  /** Of the metric; a printed number times `factor` is in it. */
  unit: Quantity["unit"];
  factor: number;
  each: boolean;
  from: "stdout" | "stderr";
  total: "sum" | "mean" | "min" | "max";
}

export interface ExecTraffic extends TrafficCommon {
  kind: "exec";
  /** Placeholders are filled in by the blueprint. */
  command: string[];
  serverCommand: string[] | null;
  serverPer: "traffic" | "client";
  start: ExecStart;
  /** ns; null = to the end of the run. */
  timeout: number | null;
  /** null = any */
  expectExit: number | null;
  metrics: Record<string, ExecMetric>;
}

export function resolveExec(spec: ExecSpec, shared: TrafficCommon): ExecTraffic {
  const { command, server_command, server_per: serverPer, start, timeout, expect_exit, metrics } = spec;
  return {
    kind: "exec",
    ...shared,
    command,
    serverCommand: server_command ?? null,
    serverPer,
    start,
    timeout: timeout ?? null,
    expectExit: expect_exit === "any" ? null : expect_exit,
    metrics: Object.fromEntries(Object.entries(metrics).map(([name, one]) => [name, resolveMetric(one)])),
  };
}

function resolveMetric({ json, regex, unit: printed, each, from, total }: ExecSpec["metrics"][string]): ExecMetric {
  const { unit, factor } = printed;
  const adds = unit === "bit/s" || unit === "packets" || unit === "count";
  const place = { json: json ?? null, regex: regex ?? null, from };
  return { ...place, unit, factor, each, total: total ?? (adds ? "sum" : "mean") };
}

/** The catalogue of one traffic's own metrics. */
export function quantitiesOf({ metrics }: ExecSpec): Quantity[] {
  return Object.entries(metrics).map(([name, { unit, each }]) => declared(name, unit.unit, each));
}

// ---- units ---------------------------------------------------------------------------------------------------------

const UNITS = "ns, us, ms, s; bit/s, kbit/s, Mbit/s, Gbit/s, B/s, kB/s, MB/s, KiB/s, MiB/s; % or ratio; packets; count";

/** A unit that programs print, as factor to that of metrics. */
export function readUnit(text: string): { unit: Quantity["unit"]; factor: number } | undefined {
  if (text === "ratio" || text === "packets" || text === "count") return { unit: text, factor: 1 };
  const [base = "", per, ...others] = text.split("/");
  if (others.length > 0 || (per !== undefined && per !== "s")) return undefined;
  const read = (kind: "percent" | "time" | "rate" | "size") => {
    const parsed = parseQuantity(`1${base}`, kind);
    return parsed.ok ? parsed.value : undefined;
  };
  if (per === undefined) {
    const [ratio, time] = [read("percent"), read("time")];
    if (ratio !== undefined) return { unit: "ratio", factor: ratio };
    return time === undefined ? undefined : { unit: "s", factor: time / 1e9 };
  }
  const [bits, bytes] = [read("rate"), read("size")];
  const factor = bits ?? (bytes === undefined ? undefined : bytes * 8);
  return factor === undefined ? undefined : { unit: "bit/s", factor };
}

function badRegex(text: string): string | undefined {
  try {
    new RegExp(text, "gm");
    return undefined;
  } catch (error) {
    return `"${text}" is no regular expression: ${(error as Error).message.replace(/^.*: /u, "")}`;
  }
}

// ---- times ---------------------------------------------------------------------------------------------------------

/** `15s`, `loaded`, `loaded+2s`; or what is wrong with it. */
function readStart(text: string): ExecStart | string {
  const [head = "", offset, ...rest] = text.split("+").map((part) => part.trim());
  const phase = DEFAULT_PHASES.find((name) => name === head) ?? null;
  const parsed = parseTime(phase === null ? text : (offset ?? "0s"));
  if (parsed.ok && parsed.value >= 0 && rest.length === 0) return { phase, offset: parsed.value };
  return `"${text}" is no time of the run; write e.g. "15s" or "loaded+2s"; phases: ${oneOf(DEFAULT_PHASES)}`;
}

type Phases = Readonly<Record<DefaultPhase, number>>;

/** Whoever is told `{duration}` ends by itself this long before the run does, ns. */
const SLACK = 1e9;

/**
 * When a program runs, ns from the start of the run, and the whole seconds of `{duration}`: to the end of loaded, or of
 * the part of the run in which it is there.
 */
export function execTimes({ start, timeout, life }: Pick<ExecTraffic, "start" | "timeout" | "life">, phases: Phases) {
  const before = DEFAULT_PHASES.slice(0, start.phase === null ? 0 : DEFAULT_PHASES.indexOf(start.phase));
  const sum = (names: readonly DefaultPhase[]) => names.reduce((ns, name) => ns + phases[name], 0);
  const from = Math.max(sum(before) + start.offset, life?.start ?? 0);
  const duration = sum(DEFAULT_PHASES);
  const endOfLoad = duration - phases.cooldown;
  const isCut = life !== undefined && life.stop < endOfLoad;
  const until = Math.min(isCut ? life.stop : endOfLoad, duration - SLACK);
  return {
    start: from,
    stop: Math.min(timeout === null ? duration : from + timeout, isCut ? life.stop : duration),
    seconds: Math.floor((until - from) / 1e9),
  };
}

// ---- placeholders --------------------------------------------------------------------------------------------------

/** What commands may contain; `true`: about one client, so not of a server that serves them all. */
export const PLACEHOLDERS: Readonly<Record<string, boolean>> = {
  server: false,
  server_ipv4: false,
  server_ipv6: false,
  server_name: false,
  client: true,
  client_ipv4: true,
  client_ipv6: true,
  client_name: true,
  port: false,
  duration: false,
  seed: false,
  dscp: false,
  tos: false,
};

/** `{word}`; not curl's `%{word}`; `{{word}}` stands for itself with single braces. */
const PLACEHOLDER = /\{\{([A-Za-z0-9_]+)\}\}|(?<!%)\{([A-Za-z0-9_]+)\}/gu;

export function placeholdersIn(word: string): string[] {
  return [...word.matchAll(PLACEHOLDER)].flatMap(([, , name]) => name ?? []);
}

export function fillIn(word: string, values: Readonly<Record<string, string>>): string {
  return word.replace(PLACEHOLDER, (whole: string, literal: string | undefined, name: string) =>
    literal === undefined ? (values[name] ?? whole) : `{${literal}}`,
  );
}
