import type { z } from "zod";
import { allowedNames, checkCapabilities, isBuilt } from "./capabilities.js";
import { traffic as trafficSchema } from "./kinds/index.js";
import type { PathFiles } from "./path-files.js";
import { type Position, type Problem, Problems } from "./problem.js";
import { NAME } from "./quantities.js";
import * as schema from "./schema.js";
import { type CaptureSpec, capture } from "./schema-capture.js";
import { didYouMean, nearest } from "./suggest.js";
import { describeNode, type Node, nodeAt, stringAt, type TableNode } from "./tree.js";
import { check } from "./validate.js";

/** One named table: what it says when it passed its part of the schema, and where it stands either way. */
export interface Section<T> {
  name: string;
  /** The name in the table's header. */
  at: Position;
  node: TableNode;
  /** undefined: the table is there but has problems of its own, already reported. */
  value: T | undefined;
}

/**
 * A scenario whose sections were checked one by one. What failed is undefined or has an undefined value, so that the
 * checks across sections can still speak about everything else.
 */
export interface Draft {
  root: TableNode;
  title: string | undefined;
  tags: string[] | undefined;
  duration: number | undefined;
  phases: schema.PhasesSpec | undefined;
  repeat: number | undefined;
  seed: number | undefined;
  mtu: number | undefined;
  dataplane: schema.DataplaneSpec | undefined;
  plans: Map<string, Section<schema.PlanSpec>>;
  paths: Map<string, Section<schema.PathSpec>>;
  servers: Map<string, Section<schema.ServerSpec>>;
  sites: Map<string, Section<schema.SiteSpec>>;
  clients: Map<string, Section<schema.ClientSpec>>;
  traffic: Map<string, Section<schema.TrafficSpec>>;
  captures: Map<string, Section<CaptureSpec>>;
  changes: Section<schema.ChangeSpec>[];
  expects: Section<schema.ExpectSpec>[];
  /** What paths name. */
  files: PathFiles;
}

const { shape } = schema.scenario;
type Top = keyof typeof shape;

/** Checks a merged tree (one cell of the matrix, with overrides applied) section by section. */
export function makeDraft(root: TableNode, files: PathFiles, problems: Problems): Draft {
  const reader = new Reader(root, problems);
  reader.refuseUnknown();
  checkCapabilities(root, KNOWN, problems);
  return {
    root,
    title: reader.top("title"),
    tags: reader.top("tags"),
    duration: reader.top("duration"),
    phases: reader.top("phases"),
    repeat: reader.top("repeat"),
    seed: reader.top("seed"),
    mtu: reader.top("mtu"),
    dataplane: reader.top("dataplane"),
    plans: reader.named("plan", schema.plan),
    paths: reader.named("path", schema.path),
    servers: reader.named("server", schema.server),
    sites: reader.named("site", schema.site),
    clients: reader.named("client", schema.client),
    traffic: reader.named("traffic", trafficSchema),
    captures: reader.named("capture", capture),
    changes: reader.list("change", schema.change),
    expects: reader.list("expect", schema.expect),
    files,
  };
}

/**
 * Is there more of a section in the text than in the draft: a table with a bad name, or [plans.home]? That was said;
 * "there is no plan" and what follows from it would be the same slip again, and false.
 */
export function isIncomplete(draft: Draft, section: Top, found: ReadonlyMap<string, unknown>): boolean {
  const node = nodeAt(draft.root, [section]);
  const written =
    node?.type === "table" ? node.entries.size : node?.type === "list" ? node.items.length : Number(!!node);
  const known = Object.keys(shape);
  const others = [...draft.root.entries.keys()].filter((key) => !known.includes(key));
  return written > found.size || others.some((key) => nearest(key, [section]) !== undefined);
}

class Reader {
  readonly #root: TableNode;
  readonly #problems: Problems;
  readonly #told = new Set<string>();

  constructor(root: TableNode, problems: Problems) {
    this.#root = root;
    this.#problems = problems;
  }

  refuseUnknown(): void {
    const allowed = Object.keys(shape);
    for (const [key, entry] of this.#root.entries) {
      if (allowed.includes(key)) continue;
      const message = `unknown key "${key}"; ${didYouMean(key, allowed)}allowed: ${allowedNames(allowed)}`;
      this.#problems.error(entry.key, message);
    }
  }

  top<K extends Top>(key: K): z.output<(typeof shape)[K]> | undefined {
    const part: z.ZodType = shape[key];
    const node = nodeAt(this.#root, [key]);
    // A missing key is its default; all of them have one or are optional.
    const value = node ? check(part, node, key, node.at, this.#problems) : part.parse(undefined);
    return value as z.output<(typeof shape)[K]> | undefined;
  }

  named<T extends z.ZodType>(section: Top, part: T): Map<string, Section<z.output<T>>> {
    const sections = new Map<string, Section<z.output<T>>>();
    const node = nodeAt(this.#root, [section]);
    if (!node) return sections;
    if (node.type !== "table") {
      const hint = `write [${section}.NAME]`;
      this.#problems.error(node.at, `${section}: expected tables with names, found ${describeNode(node)}`, hint);
      return sections;
    }
    for (const [name, entry] of node.entries) {
      if (!this.#isName(section, name, entry.key)) continue;
      if (entry.value.type !== "table") {
        const found = describeNode(entry.value);
        this.#problems.error(entry.value.at, `${section}.${name}: expected a table, found ${found}`);
        continue;
      }
      // It stands for other tables (presets.ts) unless something is wrong with it, which has been said.
      if (section === "traffic" && entry.value.entries.has("preset")) continue;
      sections.set(name, { name, at: entry.key, node: entry.value, value: this.#section(section, name, part, entry) });
    }
    return sections;
  }

  list<T extends z.ZodType>(key: Top, part: T): Section<z.output<T>>[] {
    const node = nodeAt(this.#root, [key]);
    if (!node) return [];
    if (node.type !== "list") {
      this.#problems.error(
        node.at,
        `${key}: expected a list of tables, found ${describeNode(node)}`,
        `write [[${key}]]`,
      );
      return [];
    }
    return node.items.flatMap((item) => {
      if (item.type !== "table") {
        this.#problems.error(item.at, `${key}: expected a table, found ${describeNode(item)}`, `write [[${key}]]`);
        return [];
      }
      return [{ name: key, at: item.at, node: item, value: check(part, item, key, item.at, this.#problems) }];
    });
  }

  #section<T extends z.ZodType>(section: Top, name: string, part: T, { key, value }: { key: Position; value: Node }) {
    const kind = stringAt(value, "kind") ?? "";
    // Not built: refused by name already. What its keys will be is not this version's to judge.
    if (section === "traffic" && KNOWN.traffic.includes(kind) && !isBuilt("traffic", kind)) return undefined;
    const label = `${section}.${name}`;
    const found = new Problems();
    const checked = check(part, value, label, key, found);
    for (const problem of found.sorted()) if (this.#isNew(problem, key, label)) this.#problems.add(problem);
    return checked;
  }

  /** The tables of one preset stand at its name and share what is written in it: one slip there is told of the first. */
  #isNew({ line, column, message }: Problem, header: Position, label: string): boolean {
    const slip = JSON.stringify([header, line, column, message.slice(label.length)]);
    const isNew = !this.#told.has(slip);
    this.#told.add(slip);
    return isNew;
  }

  #isName(section: string, name: string, at: Position): boolean {
    const message = NAME.test(name)
      ? name.length > MAX_NAME && `is longer than ${MAX_NAME} characters`
      : `is no name; names are letters, digits, "_" and "-"`;
    if (message) this.#problems.error(at, `${section}: "${name}" ${message}`);
    return !message;
  }
}

/** Namespaces and files are called after it, with the lab's name in front. */
const MAX_NAME = 64;

/** The names that the schema itself knows, read from it so that there is no second list. */
export const KNOWN = {
  dataplane: literals(shape.dataplane, "kind"),
  discipline: literals(schema.plan.shape.sqm, "discipline"),
  traffic: literals(trafficSchema, "kind"),
};

function literals(part: z.ZodType, key: string): string[] {
  let inner = part as unknown as {
    _zod: { def: { innerType?: never; options?: { shape: Record<string, unknown> }[] } };
  };
  while (inner._zod.def.innerType) inner = inner._zod.def.innerType;
  return (inner._zod.def.options ?? []).map((option) => (option.shape[key] as { value: string }).value);
}
