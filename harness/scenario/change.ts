import { parseTime, printTime } from "../units/index.js";
import { checkCapabilities } from "./capabilities.js";
import { type Draft, KNOWN, type Section } from "./draft.js";
import { expandPaths, merge } from "./merge.js";
import { CATALOGUE, TIN } from "./metric-names.js";
import { unreachable } from "./override.js";
import { DEFAULT_PHASES, type DefaultPhase, mixedPhases, spansOf } from "./phases.js";
import { Problems } from "./problem.js";
import { resolvePath, resolvePlan } from "./resolve.js";
import { type ChangeSpec, type PathSpec, path as pathSchema, plan as planSchema } from "./schema.js";
import { checkPlan } from "./semantics.js";
import { checkLeaf } from "./sites.js";
import { didYouMean, oneOf } from "./suggest.js";
import { emptyTable, type Node, nodeAt, positionAt, stringAt, type TableNode } from "./tree.js";
import type { Case, Change, Client, Path, Plan } from "./types.js";
import { check } from "./validate.js";

/**
 * `[[change]]`: when each one happens, what is in force after it, and which phases of the run it opens. A change lays
 * its overrides on what is in force at its time, so that two changes of different settings add up.
 */
export interface Timeline {
  /** In order of time; of one time, in the order in which they are written. */
  changes: Change[];
  /** Phase that a change opens → the default one that it is cut out of, whose metrics exist in it too. */
  opened: ReadonlyMap<string, DefaultPhase>;
  /** Phases during which some client's plan changes: no share or plan holds for the whole of them. */
  mixed: ReadonlySet<string>;
}

/** More than anybody looks at, and each is a command to the dataplane. */
const MAX_CHANGES = 10_000;
/** Shapers of clients that all changes together may set anew: what the blueprint and the run's folder can hold. */
const MAX_SETTINGS = 1_000_000;
/** What a running dataplane takes; everything else of a scenario stands when the run begins. */
const CHANGEABLE: Readonly<Record<string, readonly string[]>> = {
  plan: ["down", "up", "overhead", "mpu", "atm", "ptm", "sqm", "sqm_down", "sqm_up"],
  path: ["rtt", "rate"],
};
const LATER = ["client", "traffic", "site", "server"];

interface Boundaries {
  duration: number;
  phases: Case["phases"];
}

/** One occurrence of a [[change]] table. */
interface Occurrence {
  at: number;
  section: Section<ChangeSpec>;
  spec: ChangeSpec;
  overrides: TableNode;
  first: boolean;
}

interface Context {
  draft: Draft;
  clients: readonly Client[];
  problems: Problems;
}

/** Reads all [[change]] tables. With problems, elsewhere or here, what comes back may lack what they are about. */
export function resolveChanges(context: Context): Timeline {
  const { draft, problems } = context;
  const bounds = boundariesOf(draft);
  const unknown: Timeline = { changes: [], opened: writtenPhases(draft), mixed: new Set() };
  const wasGood = !problems.hasErrors;
  if (draft.changes.length === 0 || bounds === undefined) return unknown;
  const occurrences = new Clock(bounds, context).occurrences();
  // What is in force is only known of a scenario that is right by itself.
  if (!wasGood || problems.hasErrors) return unknown;
  const changes = new Network(context).follow(occurrences);
  const spans = spansOf({ phases: bounds.phases, changes });
  const opened = new Map(spans.flatMap(({ name, of }) => (name === of ? [] : [[name, of] as const])));
  return { changes, opened, mixed: mixedPhases({ phases: bounds.phases, plans: resolvedPlans(draft), changes }) };
}

/** The phases that the tables name, right or wrong: an expectation about one of them is not to blame for the table. */
function writtenPhases({ changes }: Draft): ReadonlyMap<string, DefaultPhase> {
  return new Map(changes.flatMap(({ node }) => [[stringAt(node, "phase") ?? "", "loaded"] as const]));
}

function boundariesOf({ duration, phases }: Draft): Boundaries | undefined {
  if (duration === undefined || phases === undefined) return undefined;
  const { idle, ramp, cooldown } = phases;
  const loaded = duration - idle - ramp - cooldown;
  return loaded > 0 ? { duration, phases: { idle, ramp, loaded, cooldown } } : undefined;
}

// ---- when ----------------------------------------------------------------------------------------------------------

/** Times of changes, and the phases that may be named in them. */
class Clock {
  readonly #bounds: Boundaries;
  readonly #context: Context;
  /** Where each phase starts; grows with the phases that changes open, in the order in which they are written. */
  readonly #starts = new Map<string, number>();

  constructor(bounds: Boundaries, context: Context) {
    this.#bounds = bounds;
    this.#context = context;
    let start = 0;
    for (const name of DEFAULT_PHASES) {
      this.#starts.set(name, start);
      start += bounds.phases[name];
    }
  }

  occurrences(): Occurrence[] {
    const all: Occurrence[] = [];
    for (const section of this.#context.draft.changes) {
      const overrides = overridesOf(section, this.#context);
      if (section.value === undefined) continue;
      const times = this.#times(section, section.value, MAX_CHANGES - all.length);
      if (times === undefined || overrides === undefined) continue;
      const spec = section.value;
      times.forEach((at, n) => {
        all.push({ at, section, spec, overrides, first: n === 0 });
      });
    }
    return all.sort((a, b) => a.at - b.at);
  }

  /** When a table's change happens, once or repeatedly; undefined after a problem. */
  #times(section: Section<ChangeSpec>, spec: ChangeSpec, left: number): number[] | undefined {
    const { problems } = this.#context;
    const at = this.#time(section, "at", spec.at);
    const until = spec.until === undefined ? this.#bounds.duration - 1 : this.#time(section, "until", spec.until);
    if (at === undefined || until === undefined || !this.#open(section, spec, at)) return undefined;
    const { every } = spec;
    if (every === undefined) {
      if (spec.until === undefined) return left > 0 ? [at] : this.#tooMany(section, MAX_CHANGES + 1);
      problems.error(positionAt(section.node, ["until"]), "change.until: is of no use without every");
      return undefined;
    }
    if (until < at) {
      const message = `change.until: "${spec.until}" lies before at = "${spec.at}"`;
      problems.error(positionAt(section.node, ["until"]), message);
      return undefined;
    }
    const count = Math.floor((until - at) / every) + 1;
    if (count > left) return this.#tooMany(section, MAX_CHANGES - left + count);
    return Array.from({ length: count }, (_, n) => at + n * every);
  }

  #tooMany(section: Section<ChangeSpec>, found: number): undefined {
    const message = `change: ${found} changes, repetitions included; at most ${MAX_CHANGES} are allowed`;
    this.#context.problems.error(positionAt(section.node, ["every"], section.at), message);
    return undefined;
  }

  /** `15s` or `loaded+10s`, inside the run. */
  #time(section: Section<ChangeSpec>, key: "at" | "until", text: string): number | undefined {
    const { problems } = this.#context;
    const place = positionAt(section.node, [key]);
    const [head = "", offset, ...rest] = text.split("+").map((part) => part.trim());
    const isPhase = this.#starts.has(head);
    const parsed = parseTime(isPhase ? (offset ?? "0s") : text);
    if (!parsed.ok || parsed.value < 0 || rest.length > 0) {
      problems.error(place, `change.${key}: ${this.#noTime(text, head)}`);
      return undefined;
    }
    const time = (this.#starts.get(head) ?? 0) + parsed.value;
    if (time > 0 && time < this.#bounds.duration) return time;
    const means = isPhase ? ` is ${printTime(time)} from the start,` : "";
    const allowed = `must lie inside the run: after its start, before ${printTime(this.#bounds.duration)}`;
    problems.error(place, `change.${key}: "${text}"${means}${isPhase ? " but" : ""} ${allowed}`);
    return undefined;
  }

  #noTime(text: string, head: string): string {
    const phases = [...this.#starts.keys()];
    const isOther = /^[A-Za-z]/u.test(head) && !this.#starts.has(head);
    const suggestion = isOther ? didYouMean(head, phases) : "";
    return `"${text}" is no time of the run; ${suggestion}write e.g. "15s" or "loaded+10s"; phases: ${oneOf(phases)}`;
  }

  /** Makes the phase that a change opens known. False after a problem. */
  #open(section: Section<ChangeSpec>, { phase, every }: ChangeSpec, at: number): boolean {
    if (phase === undefined) return true;
    const message = this.#badPhase(phase, at, every !== undefined);
    if (message === undefined) this.#starts.set(phase, at);
    else this.#context.problems.error(positionAt(section.node, ["phase"]), `change.phase: ${message}`);
    return message === undefined;
  }

  #badPhase(phase: string, at: number, repeats: boolean): string | undefined {
    if (this.#starts.has(phase)) return `there is a phase "${phase}" already; choose another name`;
    const quantities = [...Object.values(CATALOGUE).flat(), ...TIN].map(({ name }) => name);
    if (phase === "tin" || quantities.includes(phase))
      return `"${phase}" is the name of a metric, which could not be told from the phase; choose another name`;
    if (repeats) return "a change that repeats can open no phase: it would begin again and again";
    const other = [...this.#starts].find(([name, start]) => start === at && this.#hasLength(name));
    return other === undefined
      ? undefined
      : `the ${other[0]} phase begins at that moment and would have no length; use a later time, or leave phase out`;
  }

  #hasLength(name: string): boolean {
    const length = (this.#bounds.phases as Record<string, number>)[name];
    return length === undefined || length > 0;
  }
}

// ---- what ----------------------------------------------------------------------------------------------------------

/** The overrides of a table, checked to reach only what is there and can change; undefined after a problem. */
function overridesOf({ node }: Section<ChangeSpec>, { draft, problems }: Context): TableNode | undefined {
  const set = nodeAt(node, ["set"]);
  if (set?.type !== "table") return undefined;
  const overrides = expandPaths(set);
  const slips = [...unreachable(draft.root, overrides), ...unchangeable(overrides)];
  for (const { at, message } of slips) problems.error(at, `change.set: ${message}`);
  if (slips.length === 0 && leaves(overrides).length === 0) problems.error(set.at, "change.set: nothing is changed");
  return slips.length === 0 && leaves(overrides).length > 0 ? overrides : undefined;
}

function unchangeable(overrides: TableNode) {
  return [...overrides.entries].flatMap(([head, { key: at, value }]) => {
    const allowed = CHANGEABLE[head];
    if (allowed === undefined) return head === "matrix" || head === "extends" ? [] : [{ at, message: fixed(head) }];
    if (value.type !== "table") return [{ at: value.at, message: `${head}: expected names of ${head}s` }];
    return [...value.entries].flatMap(([name, entry]) => {
      const own = entry.value.type === "table" ? [...entry.value.entries] : [];
      return own
        .filter(([key]) => !allowed.includes(key))
        .map(([key, { key: place }]) => ({
          at: place,
          message: `${head}.${name}.${key} cannot change while the run goes on; what can: ${oneOf(allowed, 24)}`,
        }));
    });
  });
}

function fixed(head: string): string {
  const what = Object.entries(CHANGEABLE).map(([section, keys]) => `${section} (${keys.join(", ")})`);
  const later = LATER.includes(head) ? " in this version" : "";
  return `${head} cannot change while the run goes on${later}; what can: ${what.join("; ")}`;
}

/** `plan.home.down = 5mbit`, for plots and events. */
function textOf(overrides: TableNode): string {
  return leaves(overrides)
    .map(([name, value]) => `${name} = ${value}`)
    .join(", ");
}

function leaves(node: Node, name = ""): [string, string][] {
  if (node.type === "scalar") return [[name, String(node.value)]];
  if (node.type === "list") return [[name, "…"]];
  return [...node.entries].flatMap(([key, { value }]) => leaves(value, name === "" ? key : `${name}.${key}`));
}

function resolvedPlans({ plans, mtu = 0 }: Draft): Record<string, Plan> {
  return Object.fromEntries(
    [...plans].flatMap(([name, { value }]) => (value ? [[name, resolvePlan(value, mtu)]] : [])),
  );
}

function resolvedPaths({ paths }: Draft): Record<string, Path> {
  return Object.fromEntries([...paths].flatMap(([name, { value }]) => (value ? [[name, resolvePath(value)]] : [])));
}

/** The plans and paths in force, followed through the changes of a run. */
class Network {
  readonly #context: Context;
  readonly #plans: Record<string, Plan>;
  readonly #paths: Record<string, Path>;
  /** Their tables as written, with what changes have laid on them. */
  readonly #tables = new Map<string, TableNode>();
  #settings = 0;

  constructor(context: Context) {
    this.#context = context;
    this.#plans = resolvedPlans(context.draft);
    this.#paths = resolvedPaths(context.draft);
  }

  follow(occurrences: readonly Occurrence[]): Change[] {
    const changes: Change[] = [];
    for (const occurrence of occurrences) {
      if (this.#context.problems.hasErrors) break;
      changes.push(this.#apply(occurrence));
    }
    return changes;
  }

  #apply({ at, section, spec, overrides, first }: Occurrence): Change {
    const plans = this.#differing("plan", overrides, this.#plans, (name, node) =>
      this.#plan(name, node, section, first),
    );
    const paths = this.#differing("path", overrides, this.#paths, (name, node) => this.#path(name, node));
    for (const name of Object.keys(plans)) this.#count(name, section);
    const alters = Object.keys(plans).length + Object.keys(paths).length > 0;
    // What is wrong by itself alters nothing either; that has been said.
    if (first && !spec.phase && !alters && !this.#context.problems.hasErrors) {
      this.#context.problems.warn(section.at, "change: alters nothing: what it sets is in force at that time");
    }
    const phase = first ? (spec.phase ?? null) : null;
    return { at, phase, text: textOf(overrides), plans, paths, file: section.at.file, line: section.at.line };
  }

  /** What of a section is another after the overrides; it is in force from then on. */
  #differing<T>(
    section: "plan" | "path",
    overrides: TableNode,
    inForce: Record<string, T>,
    resolve: (name: string, node: TableNode) => T | undefined,
  ): Record<string, T> {
    const own = nodeAt(overrides, [section]);
    const differing: Record<string, T> = {};
    for (const [name, { value }] of own?.type === "table" ? own.entries : []) {
      if (value.type !== "table") {
        this.#context.problems.error(
          value.at,
          `change.set: ${section}.${name}: expected settings, e.g. ${section}.${name}.${CHANGEABLE[section]?.[0]}`,
        );
        continue;
      }
      const key = `${section}.${name}`;
      const before = this.#tables.get(key) ?? nodeAt(this.#context.draft.root, [section, name]);
      const node = merge(before as TableNode, value);
      this.#tables.set(key, node);
      const after = resolve(name, node);
      if (after === undefined || JSON.stringify(after) === JSON.stringify(inForce[name])) continue;
      differing[name] = after;
      inForce[name] = after;
    }
    return differing;
  }

  #plan(name: string, node: TableNode, section: Section<ChangeSpec>, first: boolean): Plan | undefined {
    const { draft, clients, problems } = this.#context;
    const value = check(planSchema, node, `change.set: plan.${name}`, section.at, problems);
    if (value === undefined) return undefined;
    const after = { name: `${name} (after this change)`, at: section.at, node, value };
    checkPlan(after, problems);
    checkLeaf(name, after, draft, clients, problems);
    // The same names in a later repetition say nothing new.
    if (first) this.#refuseLacking(name, node);
    const plan = resolvePlan(value, draft.mtu ?? 0);
    this.#refuseUnenforced(name, section);
    return plan;
  }

  #path(name: string, node: TableNode): Path | undefined {
    const { draft, problems } = this.#context;
    const value: PathSpec | undefined = check(pathSchema, node, `change.set: path.${name}`, draft.root.at, problems);
    return value && resolvePath(value);
  }

  /** A discipline or setting that the dataplane does not have, as it is refused in a [plan.*]. */
  #refuseLacking(name: string, node: TableNode): void {
    const { draft, problems } = this.#context;
    const root = emptyTable(draft.root.at);
    const dataplane = draft.root.entries.get("dataplane");
    if (dataplane) root.entries.set("dataplane", dataplane);
    const plans = emptyTable(node.at);
    plans.entries.set(name, { key: node.at, value: node });
    root.entries.set("plan", { key: node.at, value: plans });
    const found = new Problems();
    checkCapabilities(root, KNOWN, found);
    for (const problem of found.sorted()) problems.add(problem);
  }

  /** Who enforces plans, and can be told of others while the run goes on? */
  #refuseUnenforced(name: string, { node }: Section<ChangeSpec>): void {
    const { draft, problems } = this.#context;
    const kind = draft.dataplane?.kind ?? "afxdp";
    const at = positionAt(node, ["set", "plan", name]);
    if (kind === "external" || kind === "none") {
      const why = kind === "none" ? "does not enforce plans" : "is told its plans when it starts, and no others";
      problems.error(
        at,
        `change.set: plan.${name}: the ${kind} dataplane ${why}`,
        'dataplane.kind = "afxdp" or "kernel" can',
      );
    }
  }

  #count(name: string, section: Section<ChangeSpec>): void {
    const { clients, problems } = this.#context;
    this.#settings += 2 * clients.filter(({ plan }) => plan === name).length;
    if (this.#settings <= MAX_SETTINGS) return;
    const message = `change: the changes of this run set more than ${MAX_SETTINGS} shapers of clients anew`;
    problems.error(section.at, message, "fewer repetitions or fewer clients");
  }
}
