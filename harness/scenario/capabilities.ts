import type { Position, Problems } from "./problem.js";
import { oneOf } from "./suggest.js";
import { type Node, nodeAt, stringAt, type TableNode } from "./tree.js";

/**
 * What this version can do of what the language knows. The rest is refused by name, never ignored. Whoever builds a
 * missing part adds its name here – and nothing else has to change for scenarios to be let through.
 */
export const BUILT = {
  dataplane: ["afxdp", "kernel", "external", "none"],
  /** Of ours and of Linux's together; see DISCIPLINES. */
  discipline: ["fq_codel", "cake", "codel", "cobalt", "dualpi2", "pfifo", "bfifo", "none", "tc"],
  traffic: ["tcp", "udp", "probe", "rpm", "voip", "web", "video", "game", "exec"],
  /** Sections that may appear at all. */
  section: ["plan", "path", "server", "site", "client", "traffic", "capture", "change", "expect"],
  /** Reactors of the afxdp dataplane. */
  maxReactors: 1,
  per: ["client", "flow", "site", "total"],
} as const satisfies Record<string, readonly string[] | number>;

/**
 * Which disciplines a dataplane runs, where not all of the language: an external one is handed whatever is written, and
 * without a dataplane plans are not enforced.
 */
const DISCIPLINES: Readonly<Record<string, readonly string[]>> = {
  afxdp: ["fq_codel", "cake", "codel", "cobalt", "dualpi2", "pfifo", "bfifo", "none"],
  kernel: ["fq_codel", "cake", "codel", "dualpi2", "pfifo", "bfifo", "none", "tc"],
};

/** What a discipline of the afxdp dataplane does not do, key by key, and what to do about it. */
const LACKING: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  cake: {
    nat: 'it has no conntrack to look behind NAT with; leave nat out, or use dataplane.kind = "kernel"',
    split_gso:
      "offloads are off in the lab, so no frame is larger than the mtu and nothing is split; leave split_gso out",
  },
};

/** The disciplines that a dataplane runs; undefined when it is handed or spared any. */
export function disciplinesOf(kind: string): readonly string[] | undefined {
  return DISCIPLINES[kind];
}

/** Sections of the language that are left out of BUILT.section until they are built. */
const SECTIONS = ["change"] as const;

type Kind = "dataplane" | "discipline" | "traffic" | "section" | "per";

export function isBuilt(kind: Kind, name: string): boolean {
  return (BUILT[kind] as readonly string[]).includes(name);
}

/** What may be written, what this version can do first: `fq_codel, pfifo, none (later: cake, codel)`. */
export function allowedNames(names: readonly string[]): string {
  const later = names.filter((name) => isLater(name, names));
  const now = names.filter((name) => !later.includes(name));
  return later.length > 0 ? `${oneOf(now, 24)} (later: ${later.join(", ")})` : oneOf(now, 24);
}

/** Known but not built: a section, or one of a set of choices, which is recognised by what is built of it. */
function isLater(name: string, names: readonly string[]): boolean {
  const choices = CHOICES.find((kind) => BUILT[kind].every((built) => names.includes(built)));
  return choices === undefined ? false : choices === "section" ? isSection(name) : !isBuilt(choices, name);
}

function isSection(name: string): boolean {
  return SECTIONS.some((section) => section === name) && !isBuilt("section", name);
}

const CHOICES = ["section", "per", "dataplane", "discipline", "traffic"] as const;

/** `discipline "cake" is part of the language but not built yet in this version; built: fq_codel, pfifo, none`. */
export function notBuilt(what: string, built?: readonly string[]): string {
  const list = built ? `; built: ${built.join(", ")}` : "";
  return `${what} is part of the language but not built yet in this version${list}`;
}

/**
 * Refuses what is known but not built, wherever it stands. Works on the tree, before the schema, because a part that
 * is not built may well be written correctly. Unknown names are left to the schema.
 */
export function checkCapabilities(root: TableNode, known: Known, problems: Problems): void {
  const refuse = (node: Node | undefined, at: Position, kind: Kind, noun: string, names: readonly string[]) => {
    const value = node?.type === "scalar" ? node.value : undefined;
    if (typeof value !== "string" || !names.includes(value) || isBuilt(kind, value)) return;
    problems.error(node?.at ?? at, notBuilt(`${noun} "${value}"`, BUILT[kind]));
  };
  refuse(nodeAt(root, ["dataplane", "kind"]), root.at, "dataplane", "dataplane", known.dataplane);
  // Elsewhere the key is unknown, which is the schema's to say.
  if (dataplaneKind(root) === "afxdp")
    atMost(nodeAt(root, ["dataplane", "reactors"]), BUILT.maxReactors, "reactors", problems);
  for (const table of tables(root, "plan")) refuseDisciplines(root, table, known.discipline, problems);
  for (const table of tables(root, "traffic")) {
    refuse(nodeAt(table, ["kind"]), table.at, "traffic", "traffic kind", known.traffic);
  }
  refuseSites(root, problems);
  refuseSections(root, problems);
}

/** The names the schema knows, so that only those are called "not built". */
export interface Known {
  dataplane: readonly string[];
  discipline: readonly string[];
  traffic: readonly string[];
}

function refuseSections(root: TableNode, problems: Problems): void {
  for (const section of SECTIONS) {
    if (isBuilt("section", section)) continue;
    const node = nodeAt(root, [section]);
    // Written in the other form – [change] – it is the reader's to refuse, with the form to write.
    if (node?.type !== "list") continue;
    for (const item of node.items) problems.error(item.at, notBuilt(`[[${section}]]`));
  }
}

/** Without a dataplane the access tree is enforced as little as plans are; the other two cannot be handed it yet. */
function refuseSites(root: TableNode, problems: Problems): void {
  const kind = dataplaneKind(root);
  const node = nodeAt(root, ["site"]);
  if (node?.type !== "table") return;
  for (const [name, { key }] of node.entries) {
    if (kind === "kernel" || kind === "external") {
      problems.error(key, notBuilt(`site "${name}" of the ${kind} dataplane`), 'dataplane.kind = "afxdp" has it');
    }
  }
}

function dataplaneKind(root: TableNode): string {
  return stringAt(nodeAt(root, ["dataplane"]) ?? root, "kind") ?? "afxdp";
}

function refuseDisciplines(root: TableNode, plan: TableNode, known: readonly string[], problems: Problems): void {
  const kind = dataplaneKind(root);
  const built = DISCIPLINES[kind];
  for (const key of ["sqm", "sqm_down", "sqm_up"]) {
    const node = nodeAt(plan, [key, "discipline"]);
    const value = node?.type === "scalar" ? node.value : undefined;
    if (!node || typeof value !== "string" || !known.includes(value) || !built) continue;
    if (built.includes(value)) {
      if (kind === "afxdp") refuseSettings(nodeAt(plan, [key]), value, problems);
      continue;
    }
    const others = Object.keys(DISCIPLINES).filter((other) => DISCIPLINES[other]?.includes(value));
    const hint =
      others.length > 0
        ? `dataplane.kind = "${others.join('" or "')}" has it`
        : 'a dataplane of your own, dataplane.kind = "external", is handed any';
    problems.error(node.at, notBuilt(`discipline "${value}" of the ${kind} dataplane`, built), hint);
  }
}

function refuseSettings(sqm: Node | undefined, discipline: string, problems: Problems): void {
  for (const [key, why] of Object.entries(LACKING[discipline] ?? {})) {
    const node = sqm && nodeAt(sqm, [key]);
    if (node?.type !== "scalar" || node.value !== true) continue;
    problems.error(node.at, `${key} = true of the afxdp dataplane's ${discipline}: ${why}`);
  }
}

function atMost(node: Node | undefined, limit: number, noun: string, problems: Problems): void {
  if (node?.type !== "scalar" || typeof node.value !== "number" || node.value <= limit) return;
  problems.error(node.at, notBuilt(`${noun} = ${node.value}`, [`${limit}`]));
}

function* tables(root: TableNode, section: string): Iterable<TableNode> {
  const node = nodeAt(root, [section]);
  if (node?.type !== "table") return;
  for (const { value } of node.entries.values()) if (value.type === "table") yield value;
}
