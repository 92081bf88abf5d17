import { parseTime, printTime } from "../units/index.js";
import { checkCapabilities } from "./capabilities.js";
import { changeableOf, whyFixed } from "./change-traffic.js";
import { type Draft, KNOWN, type Section } from "./draft.js";
import { resolveTraffic } from "./kinds/index.js";
import { checkCongestionControls, type Machine } from "./machine.js";
import { expandPaths, merge } from "./merge.js";
import { CATALOGUE, TIN } from "./metric-names.js";
import { unreachable } from "./override.js";
import { pathOf } from "./path-lines.js";
import { DEFAULT_PHASES, type DefaultPhase, mixedPhases, phasesWith, spansOf } from "./phases.js";
import { Problems } from "./problem.js";
import { resolvedPaths, resolvePlan, resolveSite, sharedOf } from "./resolve.js";
import {
  type ChangeSpec,
  client as clientSchema,
  path as pathSchema,
  plan as planSchema,
  scenario as scenarioSchema,
  site as siteSchema,
  traffic as trafficSchema,
} from "./schema.js";
import { checkPlan, checkTraffic } from "./semantics.js";
import { checkLeaf } from "./sites.js";
import { didYouMean, oneOf } from "./suggest.js";
import { emptyTable, type Node, nodeAt, positionAt, stringAt, type TableNode } from "./tree.js";
import type { Case, Change, Client, Path, Plan, Site, Traffic } from "./types.js";
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
  /** Phases during which some client's plan or a site changes: what may be had is not one number in them. */
  mixed: ReadonlySet<string>;
  /** Phases during which load begins, ends or is another, by a change or because others are drawn. */
  restless: ReadonlySet<string>;
  /** How long each phase lasts, ns. */
  lengths: ReadonlyMap<string, number>;
}

/** More than anybody looks at, and each is a command to the dataplane. */
const MAX_CHANGES = 10_000;
/** Shapers of clients that all changes together may set anew: what the blueprint and the run's folder can hold. */
const MAX_SETTINGS = 1_000_000;
/** What a running network takes, but for traffic (change-traffic.ts); everything else of a scenario stands when the run begins. */
const CHANGEABLE: Readonly<Record<string, readonly string[]>> = {
  plan: ["down", "up", "overhead", "mpu", "atm", "ptm", "sqm", "sqm_down", "sqm_up"],
  path: Object.keys(pathSchema.shape),
  site: ["down", "up"],
  client: ["online"],
};
/** All keys of these, so that what cannot change can be told from what there is not. */
const SECTIONS: Readonly<Record<string, object>> = {
  plan: planSchema.shape,
  path: pathSchema.shape,
  site: siteSchema.shape,
  client: clientSchema.shape,
};

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
  machine: Machine;
  problems: Problems;
}

/** Reads all [[change]] tables. With problems, elsewhere or here, what comes back may lack what they are about. */
export function resolveChanges(context: Context): Timeline {
  const { draft, problems } = context;
  const bounds = boundariesOf(draft);
  const unknown: Timeline = {
    changes: [],
    opened: writtenPhases(draft),
    mixed: new Set(),
    restless: new Set(),
    lengths: new Map(),
  };
  const wasGood = !problems.hasErrors;
  if (bounds === undefined) return unknown;
  const occurrences = new Clock(bounds, context).occurrences();
  // What is in force is only known of a scenario that is right by itself.
  if (!wasGood || problems.hasErrors) return unknown;
  const changes = occurrences.length === 0 ? [] : new Network(context).follow(occurrences);
  // It was followed up to the change with the problem: phases that begin after it are missing from what follows.
  if (problems.hasErrors) return unknown;
  const spans = spansOf({ phases: bounds.phases, changes });
  const opened = new Map(spans.flatMap(({ name, of }) => (name === of ? [] : [[name, of] as const])));
  const whole = { phases: bounds.phases, changes };
  const mixed = [
    ...mixedPhases({ ...whole, plans: resolvedPlans(draft) }),
    ...phasesWith(whole, ({ sites }) => sites !== undefined),
  ];
  const restless = restlessPhases(whole, spans, draft);
  const lengths = new Map(spans.map(({ name, start, end }) => [name, end - start]));
  return { changes, opened, mixed: new Set(mixed), restless, lengths };
}

function restlessPhases(
  whole: Pick<Case, "phases" | "changes">,
  spans: readonly { name: string; of: DefaultPhase }[],
  { traffic }: Draft,
): Set<string> {
  const isLoad = (name: string) => {
    const spec = traffic.get(name)?.value;
    return spec !== undefined && "direction" in spec;
  };
  const moves = ({ traffic: changed = {}, online }: Change) =>
    online !== undefined || Object.keys(changed).some(isLoad);
  const isDrawn = [...traffic].some(([name, { value }]) => isLoad(name) && value?.reshuffle !== undefined);
  const underLoad = spans.filter(({ of }) => of === "ramp" || of === "loaded").map(({ name }) => name);
  return new Set([...phasesWith(whole, moves), ...(isDrawn ? underLoad : [])]);
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
  const slips = [...unreachable(draft.root, withoutClients(overrides)), ...unchangeable(overrides, draft)];
  for (const { at, message } of slips) problems.error(at, `change.set: ${message}`);
  if (slips.length === 0 && leaves(overrides).length === 0) problems.error(set.at, "change.set: nothing is changed");
  return slips.length === 0 && leaves(overrides).length > 0 ? overrides : undefined;
}

/** Clients may be named one by one here, not only as they are written. */
function withoutClients(overrides: TableNode): TableNode {
  return { ...overrides, entries: new Map([...overrides.entries].filter(([head]) => head !== "client")) };
}

function unchangeable(overrides: TableNode, draft: Draft) {
  return [...overrides.entries].flatMap(([head, { key: at, value }]) => {
    if (CHANGEABLE[head] === undefined && head !== "traffic")
      return head === "matrix" || head === "extends" ? [] : [{ at, message: fixed(head) }];
    if (value.type !== "table") return [{ at: value.at, message: `${head}: expected names of ${head}s` }];
    return [...value.entries].flatMap(([name, entry]) => {
      const allowed = CHANGEABLE[head] ?? changeableOf(kindOf(name, draft));
      // There is none of that name, which has been said.
      if (allowed.length === 0) return [];
      const own = entry.value.type === "table" ? [...entry.value.entries] : [];
      return own
        .filter(([key]) => !allowed.includes(key))
        .map(([key, { key: place }]) => ({ at: place, message: unchangeableKey(head, name, key, allowed) }));
    });
  });
}

function unchangeableKey(head: string, name: string, key: string, allowed: readonly string[]): string {
  const meant = didYouMean(key, allowed);
  if (meant !== "" && !isKey(head, key)) {
    return `${head}.${name}: unknown key "${key}"; ${meant}what can change while the run goes on: ${oneOf(allowed, 24)}`;
  }
  const why = head === "traffic" ? whyFixed(key) : undefined;
  const reason = why === undefined ? "" : `: it ${why}`;
  return `${head}.${name}.${key} cannot change while the run goes on${reason}; what can: ${oneOf(allowed, 24)}`;
}

function kindOf(traffic: string, { root }: Draft): string {
  const node = nodeAt(root, ["traffic", traffic]);
  return node === undefined ? "" : (stringAt(node, "kind") ?? "");
}

/** Is it a key of that section at all? Of traffic: of any kind. */
function isKey(head: string, key: string): boolean {
  if (head === "traffic") return trafficSchema.options.some(({ shape }) => Object.hasOwn(shape, key));
  return Object.hasOwn(SECTIONS[head] ?? {}, key);
}

function fixed(head: string): string {
  const meant = Object.hasOwn(scenarioSchema.shape, head)
    ? ""
    : didYouMean(head, [...Object.keys(CHANGEABLE), "traffic"]);
  const what = Object.entries(CHANGEABLE).map(([section, keys]) => `${section} (${keys.join(", ")})`);
  const wrong = meant === "" ? `${head} cannot change while the run goes on; ` : `unknown key "${head}"; ${meant}`;
  return `${wrong}what can: ${what.join("; ")}; traffic (by its kind, docs/timeline.md)`;
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

function resolvedSites({ sites }: Draft): Record<string, Site> {
  return Object.fromEntries([...sites].flatMap(([name, { value }]) => (value ? [[name, resolveSite(value)]] : [])));
}

function resolvedTraffic({ draft, clients }: Context): Record<string, Traffic> {
  return Object.fromEntries(
    [...draft.traffic].flatMap(([name, { value }]) =>
      value ? [[name, resolveTraffic(value, sharedOf(name, value, draft, clients))]] : [],
    ),
  );
}

/** What is in force – plans, paths, sites, traffic, who is online – followed through the changes of a run. */
class Network {
  readonly #context: Context;
  readonly #plans: Record<string, Plan>;
  readonly #paths: Record<string, Path>;
  readonly #sites: Record<string, Site>;
  readonly #traffic: Record<string, Traffic>;
  readonly #online: Map<string, boolean>;
  /** Their tables as written, with what changes have laid on them. */
  readonly #tables = new Map<string, TableNode>();
  #settings = 0;
  #connections = 0;

  constructor(context: Context) {
    this.#context = context;
    this.#plans = resolvedPlans(context.draft);
    this.#paths = resolvedPaths(context.draft);
    this.#sites = resolvedSites(context.draft);
    this.#traffic = resolvedTraffic(context);
    this.#online = new Map(context.clients.map(({ name, online = true }) => [name, online]));
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
    const paths = this.#differing("path", overrides, this.#paths, (name, node) => this.#path(name, node, section));
    const sites = this.#differing("site", overrides, this.#sites, (name, node) => this.#site(name, node, section));
    const traffic = this.#differing("traffic", overrides, this.#traffic, (name, node) =>
      this.#trafficOf(name, node, section),
    );
    const online = this.#presence(overrides);
    for (const name of Object.keys(plans)) this.#count(name, section);
    this.#countConnections(traffic, online, section);
    const also = given({ sites, traffic, online });
    const alters = Object.keys(plans).length + Object.keys(paths).length + Object.keys(also).length > 0;
    // What is wrong by itself alters nothing either; that has been said.
    if (first && !spec.phase && !alters && !this.#context.problems.hasErrors) {
      this.#context.problems.warn(section.at, "change: alters nothing: what it sets is in force at that time");
    }
    const phase = first ? (spec.phase ?? null) : null;
    const { file, line } = section.at;
    return { at, phase, text: textOf(overrides), plans, paths, ...also, file, line };
  }

  /** What of a section is another after the overrides; it is in force from then on. */
  #differing<T>(
    section: "plan" | "path" | "site" | "traffic",
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
          `change.set: ${section}.${name}: expected settings, e.g. ${section}.${name}.${CHANGEABLE[section]?.[0] ?? "enabled"}`,
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

  #path(name: string, node: TableNode, section: Section<ChangeSpec>): Path | undefined {
    const { draft, problems } = this.#context;
    const value = check(pathSchema, node, `change.set: path.${name}`, section.at, problems);
    const after = { name: `${name} (after this change)`, at: section.at, node, value };
    return value && pathOf(after, draft.files, problems);
  }

  #site(name: string, node: TableNode, section: Section<ChangeSpec>): Site | undefined {
    const { draft, problems } = this.#context;
    const value = check(siteSchema, node, `change.set: site.${name}`, section.at, problems);
    if (draft.dataplane?.kind === "none") {
      const at = positionAt(section.node, ["set", "site", name]);
      const hint = 'dataplane.kind = "afxdp" does';
      problems.error(at, `change.set: site.${name}: the none dataplane does not enforce sites`, hint);
    }
    return value && resolveSite(value);
  }

  #trafficOf(name: string, node: TableNode, section: Section<ChangeSpec>): Traffic | undefined {
    const { draft, clients, machine, problems } = this.#context;
    const value = check(trafficSchema, node, `change.set: traffic.${name}`, section.at, problems);
    if (value === undefined) return undefined;
    const after = { name, at: section.at, node, value };
    const found = new Problems();
    checkTraffic(after, draft, clients, found);
    checkCongestionControls({ ...draft, traffic: new Map([[name, after]]) }, machine, found);
    for (const problem of found.sorted()) problems.add({ ...problem, message: `change.set: ${problem.message}` });
    return resolveTraffic(value, sharedOf(name, value, draft, clients));
  }

  /** Who joins (true) or leaves, of the groups and single clients that are named. */
  #presence(overrides: TableNode): Record<string, boolean> {
    const { clients, problems } = this.#context;
    const own = nodeAt(overrides, ["client"]);
    const online: Record<string, boolean> = {};
    for (const [name, { key, value }] of own?.type === "table" ? own.entries : []) {
      const meant = clients.filter((client) => client.name === name || client.group === name);
      const node = value.type === "table" ? nodeAt(value, ["online"]) : undefined;
      const wanted = node?.type === "scalar" ? node.value : undefined;
      if (meant.length === 0) {
        const names = [...new Set(clients.flatMap((client) => [client.group, client.name]))];
        const message = `there is no client "${name}"; ${didYouMean(name, names)}clients: ${oneOf(names)}`;
        problems.error(key, `change.set: ${message}`);
      } else if (typeof wanted !== "boolean") {
        const at = node?.at ?? value.at;
        problems.error(at, `change.set: client.${name}.online: expected true (it joins) or false (it leaves)`);
      } else {
        for (const client of meant) if (this.#online.get(client.name) !== wanted) online[client.name] = wanted;
      }
    }
    for (const [name, wanted] of Object.entries(online)) this.#online.set(name, wanted);
    return online;
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

  /** What a change starts anew is decided before the run, connection by connection. */
  #countConnections(
    traffic: Record<string, Traffic>,
    online: Record<string, boolean>,
    section: Section<ChangeSpec>,
  ): void {
    const joining = Object.keys(online).length;
    for (const [name, one] of Object.entries(this.#traffic)) {
      const clients = traffic[name] === undefined ? Math.min(joining, one.from.length) : one.from.length;
      this.#connections += clients * ("flows" in one ? one.flows : 1);
    }
    if (this.#connections <= MAX_SETTINGS) return;
    const message = `change: the changes of this run start more than ${MAX_SETTINGS} connections`;
    this.#context.problems.error(section.at, message, "fewer repetitions, clients or flows");
  }

  #count(name: string, section: Section<ChangeSpec>): void {
    const { clients, problems } = this.#context;
    this.#settings += 2 * clients.filter(({ plan }) => plan === name).length;
    if (this.#settings <= MAX_SETTINGS) return;
    const message = `change: the changes of this run set more than ${MAX_SETTINGS} shapers of clients anew`;
    problems.error(section.at, message, "fewer repetitions or fewer clients");
  }
}

/** The parts of a change that there are. */
function given<T extends Record<string, object>>(parts: T): Partial<T> {
  return Object.fromEntries(Object.entries(parts).filter(([, part]) => Object.keys(part).length > 0)) as Partial<T>;
}
