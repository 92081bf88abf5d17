import { printTime } from "../units/index.js";
import type { Section } from "./draft.js";
import type { PathFiles } from "./path-files.js";
import type { DistributionSpec, LineSpec, PathSpec } from "./path-schema.js";
import { Problems } from "./problem.js";
import { keyPositionAt, nodeAt, positionAt, type TableNode } from "./tree.js";
import type { Path, PathLine } from "./types.js";

/**
 * How long a row of a trace that repeats lasts at least, on average, ns: every one of them wakes a line that transmits,
 * and a dataplane that does nothing else, on virtual time, would not come to an end.
 */
const SHORTEST_ROW = 10_000;

/** [path.*] as two lines, one each way, with every default filled in; and what makes no sense together. */

const DIRECTIONS = ["down", "up"] as const;
type Way = (typeof DIRECTIONS)[number];

/** The case's path, or undefined after a problem. */
export function pathOf(section: Section<PathSpec>, files: PathFiles, problems: Problems): Path | undefined {
  const { value } = section;
  if (value === undefined) return undefined;
  const own = new Problems();
  checkDelay(section, value, own);
  const useless = new Map<string, number>();
  const [down, up] = DIRECTIONS.map((way) => lineOf(new Written(section, value, way, own, useless), value, files));
  for (const problem of own.sorted()) problems.add(problem);
  return down && up && !own.hasErrors ? { down, up } : undefined;
}

/** The longest that a line takes for a frame that need not wait for others, ns; half of the longest round trip. */
export function longestDelay({ delay, jitter, distribution, trace }: PathLine): number {
  const steps = trace?.format === "steps" ? trace.steps : [];
  const mean = steps.reduce((most, step) => Math.max(most, step.delay ?? 0), delay);
  return mean + Math.ceil(jitter * farthest(distribution));
}

/** The largest values that lines draw (native/path/spread.c), in jitters, rounded up. */
const FARTHEST = { uniform: 1, normal: 4.1, pareto: 36.6, paretonormal: 30 };

/** Of a distribution, in jitters. */
export function farthest(distribution: PathLine["distribution"]): number {
  if (typeof distribution === "object") return Math.max(0, (distribution.table.at(-1) ?? 0) / 8192);
  return FARTHEST[distribution];
}

function checkDelay({ name, node }: Section<PathSpec>, { rtt, delay }: PathSpec, problems: Problems): void {
  if (rtt === undefined || delay === undefined) return;
  const message = "rtt and delay exclude each other: rtt is half each way, delay the whole of it each way";
  problems.error(keyPositionAt(node, "delay"), `path.${name}.delay: ${message}`);
}

/** What is written of one direction, and where. */
class Written {
  readonly spec: LineSpec;
  readonly #name: string;
  readonly #node: TableNode;
  readonly #own: TableNode | undefined;

  constructor(
    { name, node }: Section<PathSpec>,
    spec: PathSpec,
    readonly way: Way,
    readonly problems: Problems,
    /** Complaints about a key of both directions, and in how many of them. */
    readonly useless: Map<string, number>,
  ) {
    const own = nodeAt(node, [way]);
    this.#name = name;
    this.#node = node;
    this.#own = own?.type === "table" ? own : undefined;
    this.spec = { ...spec, ...withoutHoles(spec[way] ?? {}) };
  }

  has(key: keyof LineSpec): boolean {
    return this.spec[key] !== undefined;
  }

  value(key: keyof LineSpec, ...rest: string[]) {
    const home = this.#own?.entries.has(key) ? this.#own : this.#node;
    return positionAt(home, [key, ...rest]);
  }

  error(key: keyof LineSpec, message: string, hint?: string): void {
    const own = this.#own?.entries.has(key) ? `.${this.way}` : "";
    const at = keyPositionAt(own ? (this.#own ?? this.#node) : this.#node, key);
    this.problems.error(at, `path.${this.#name}${own}.${key}: ${message}`, hint);
  }

  /** A key of both directions must be of use in one. */
  isUseless(key: keyof LineSpec, message: string): void {
    const count = (this.useless.get(key) ?? 0) + 1;
    this.useless.set(key, count);
    if (this.#own?.entries.has(key) || count === DIRECTIONS.length) this.error(key, `is of no use without ${message}`);
  }
}

function withoutHoles(spec: LineSpec): LineSpec {
  return Object.fromEntries(Object.entries(spec).filter(([, value]) => value !== undefined));
}

function lineOf(written: Written, spec: PathSpec, files: PathFiles): PathLine | undefined {
  const { spec: line, way } = written;
  const trace = traceOf(written, files);
  const distribution = distributionOf(line.distribution, written, "distribution", files);
  const slot = slotOf(written, files);
  const loss = lossOf(written);
  if (trace !== undefined && distribution !== undefined && slot !== undefined && loss !== undefined) {
    const whole: PathLine = {
      up: line.link !== "down",
      loss,
      ecn: line.ecn ?? false,
      duplicate: line.duplicate ?? { probability: 0, correlation: 0 },
      corrupt: line.corrupt ?? { probability: 0, correlation: 0 },
      reorder: line.reorder ?? { probability: 0, correlation: 0, gap: 0 },
      delay: line.delay ?? half(spec.rtt ?? 0, way),
      jitter: line.jitter ?? 0,
      delayCorrelation: line.delay_correlation ?? 0,
      distribution,
      keepOrder: line.keep_order ?? true,
      rate: line.rate ?? 0,
      packetOverhead: line.packet_overhead ?? 0,
      cellSize: line.cell_size ?? 0,
      cellOverhead: line.cell_overhead ?? 0,
      limitPackets: line.limit?.packets ?? 0,
      limitBytes: line.limit?.bytes ?? 0,
      ecnThreshold: line.ecn_threshold ?? 0,
      slot,
      trace,
    };
    checkLine(written, whole);
    return whole;
  }
  return undefined;
}

/** An odd nanosecond goes up. */
function half(rtt: number, way: Way): number {
  return way === "down" ? Math.floor(rtt / 2) : Math.ceil(rtt / 2);
}

// ---- the parts -----------------------------------------------------------------------------------------------------

/** Undefined after a problem, null without a trace; likewise below. */
function traceOf(written: Written, files: PathFiles): PathLine["trace"] | undefined {
  const { trace: file, trace_loop: loop } = written.spec;
  if (file === undefined) {
    if (loop !== undefined) written.isUseless("trace_loop", "a trace");
    return null;
  }
  const trace = files.trace(file, written.value("trace"), written.problems);
  if (trace?.format !== "steps" || loop === undefined) {
    if (trace && loop !== undefined)
      written.error("trace_loop", "is of a CSV; a mahimahi trace begins again after its last line");
    return trace;
  }
  const last = trace.steps.at(-1)?.at ?? 0;
  const least = trace.steps.length * SHORTEST_ROW;
  if (loop > last && loop >= least) return { ...trace, loop };
  const why =
    loop > last
      ? `at least ${printTime(least)} for so many rows`
      : "more than the time of the last row, which would never come";
  written.error("trace_loop", `must be ${why}`);
  return undefined;
}

function distributionOf(
  spec: DistributionSpec | undefined,
  written: Written,
  key: "distribution" | "slot",
  files: PathFiles,
): PathLine["distribution"] | undefined {
  if (typeof spec !== "object") return spec ?? "uniform";
  const rest = key === "slot" ? ["distribution", "table"] : ["table"];
  const table = files.table(spec.table, written.value(key, ...rest), written.problems);
  return table && { table };
}

function slotOf(written: Written, files: PathFiles): PathLine["slot"] | undefined {
  const { slot } = written.spec;
  if (slot === undefined) return null;
  const { min, max, delay, jitter = 0, packets = 0, bytes = 0 } = slot;
  if ((min === undefined) === (delay === undefined)) {
    written.error("slot", "needs min (and max), or delay (with jitter and distribution): one of the two");
    return undefined;
  }
  if (delay !== undefined) {
    if (max !== undefined) written.error("slot", "max goes with min; delay varies by its jitter");
    const distribution = distributionOf(slot.distribution, written, "slot", files);
    return distribution && { delay, jitter, distribution, packets, bytes };
  }
  const [least, most] = [min ?? 0, max ?? min ?? 0];
  if (slot.jitter !== undefined || slot.distribution !== undefined)
    written.error("slot", "jitter and distribution go with delay; min and max are uniform");
  if (most < least) written.error("slot", "max is less than min");
  if (most === 0) written.error("slot", "slots with no time between them hold nothing back; min or max must be more");
  return { min: least, max: most, packets, bytes };
}

function lossOf(written: Written): PathLine["loss"] | undefined {
  const { loss } = written.spec;
  if (loss === undefined) return { model: "none" };
  const models = (["random", "gemodel", "state", "packets"] as const).filter((key) => loss[key] !== undefined);
  if (models.length !== 1) {
    const found = models.length === 0 ? "none of them is there" : `found ${models.join(", ")}`;
    written.error("loss", `needs exactly one of random, gemodel, state, packets; ${found}`);
    return undefined;
  }
  const { random, correlation, gemodel, state, packets } = loss;
  if (correlation !== undefined && random === undefined) {
    written.error("loss", `correlation goes with random; a ${models[0]} has bursts of its own`);
    return undefined;
  }
  if (gemodel !== undefined) {
    const { p, r = exact(1 - p), "1-h": oneMinusH, "1-k": oneMinusK } = gemodel;
    return { model: "gemodel", p, r, oneMinusH, oneMinusK };
  }
  if (state !== undefined) return stateOf(written, state);
  if (packets !== undefined) return { model: "packets", packets: [...new Set(packets)].sort((a, b) => a - b) };
  return { model: "random", probability: random ?? 0, correlation: correlation ?? 0 };
}

type StateSpec = NonNullable<NonNullable<LineSpec["loss"]>["state"]>;

function stateOf(written: Written, state: StateSpec): PathLine["loss"] | undefined {
  const { p13, p32, p23, p14, p31 = Math.max(0, exact(1 - p13 - p32)) } = state;
  const wrong = p13 + p14 > 1 ? "p13 + p14" : p31 + p32 > 1 ? "p31 + p32" : undefined;
  if (wrong === undefined) return { model: "state", p13, p31, p32, p23, p14 };
  written.error("loss", `state: ${wrong} is more than 100 %; both leave the same state`);
  return undefined;
}

/** Without what binary fractions add: 1 − 0.9 is 0.1. */
function exact(value: number): number {
  return Number(value.toPrecision(15));
}

// ---- what goes with what -------------------------------------------------------------------------------------------

function checkLine(written: Written, line: PathLine): void {
  checkVariation(written, line);
  checkLink(written, line);
  const steps = line.trace?.format === "steps" ? line.trace.steps : [];
  const varies = steps.some((step) => step.loss !== undefined);
  if (line.ecn && line.loss.model === "none" && !varies)
    written.isUseless("ecn", "loss: frames are marked where they would be lost");
  if (varies && line.loss.model !== "none" && line.loss.model !== "random")
    written.error("loss", "the trace has a column loss, which is random; no other model goes with it");
}

function checkVariation(written: Written, line: PathLine): void {
  const steps = line.trace?.format === "steps" ? line.trace.steps : [];
  for (const key of ["delay_correlation", "distribution", "keep_order"] as const) {
    if (written.has(key) && !written.has("jitter")) written.isUseless(key, "jitter");
  }
  const delays = line.delay > 0 || line.jitter > 0 || steps.some((step) => (step.delay ?? 0) > 0);
  if (line.reorder.probability > 0 && !delays)
    written.isUseless("reorder", "a delay: frames pass others by skipping it; add rtt or delay");
}

/** The slowest link that is there: a rate, a trace, slots. */
function checkLink(written: Written, line: PathLine): void {
  const { trace, slot, rate } = line;
  const packets = trace?.format === "mahimahi";
  const steps = trace?.format === "steps" ? trace.steps : [];
  const limited = rate > 0 || packets || steps.some((step) => (step.rate ?? 0) > 0);
  if (packets && written.has("rate"))
    written.error("rate", "the trace says when packets may leave, so nothing is left for a rate to say");
  if (trace && slot)
    written.error("slot", "a trace says when frames leave, and so does slot; one line can have one of them");
  for (const key of ["packet_overhead", "cell_size", "cell_overhead"] as const) {
    if (written.has(key) && !limited) written.isUseless(key, "a rate, for which it makes frames larger");
  }
  for (const key of ["limit", "ecn_threshold"] as const) {
    if (written.has(key) && !limited && !slot)
      written.isUseless(key, "a rate, a trace or slots, before which frames wait");
  }
  if (line.cellOverhead !== 0 && line.cellSize === 0) written.isUseless("cell_overhead", "cell_size");
  if (line.cellSize > 0 && line.cellSize + line.cellOverhead < 1)
    written.error("cell_overhead", "leaves nothing of a cell");
}
