import { merge } from "./merge.js";
import type { Position, Problems } from "./problem.js";
import { didYouMean, oneOf } from "./suggest.js";
import { describeNode, type Entry, emptyTable, type Node, type TableNode } from "./tree.js";

type Plain = string | number | { [key: string]: string };

/** One [traffic.*] table that a preset stands for. */
interface Part {
  /** What follows the name of the preset's own table: `load` → `load-ping`. */
  suffix: string;
  settings: Readonly<Record<string, Plain>>;
  /** Keys of the preset's table that it takes over, beside those of all. */
  takes: readonly string[];
}

interface Preset {
  about: string;
  parts: readonly Part[];
}

/** Keys that every part takes over. */
const COMMON = ["from", "to", "family", "host", "enabled", "active", "reshuffle"] as const;

const TCP = ["congestion_control", "ecn"] as const;
const PING: Part = { suffix: "ping", settings: { kind: "probe", interval: "20ms" }, takes: ["interval"] };

function bulk(suffix: string, settings: Part["settings"], takes: readonly string[] = ["flows"]): Part {
  return { suffix, settings: { kind: "tcp", ...settings }, takes: [...takes, ...TCP] };
}

function ping(suffix: string, dscp: string): Part {
  return { ...PING, suffix, settings: { ...PING.settings, dscp } };
}

function stream(suffix: string, settings: Part["settings"]): Part {
  return { suffix, settings: { kind: "udp", ...settings }, takes: ["rate", "size", "direction", "dscp", "pattern"] };
}

const FLOWS = 4;

/** Tests that people know from flent (tohojo/flent, flent/tests/*.conf), as traffic of ours. */
export const PRESETS: Readonly<Record<string, Preset>> = {
  rrul: {
    about:
      "Realtime response under load: a TCP flow each way marked best effort, CS1, CS5 and EF, and probes marked EF, CS1 and best effort. flent's ICMP ping is a fourth probe here, of UDP as well.",
    parts: [
      ...[
        ["be", "CS0"],
        ["bk", "CS1"],
        ["cs5", "CS5"],
        ["ef", "EF"],
      ].map(([suffix = "", dscp = ""]) => bulk(suffix, { direction: "both", dscp }, [])),
      ping("udp_ef", "EF"),
      ping("udp_bk", "CS1"),
      ping("udp_be", "CS0"),
      ping("ping", "CS0"),
    ],
  },
  rrul_be: {
    about: "The same with everything best effort, so one table of four TCP flows each way and one probe.",
    parts: [bulk("tcp", { direction: "both", flows: FLOWS }), PING],
  },
  tcp_nup: { about: "`flows` uploads and a probe.", parts: [bulk("tcp", { direction: "up", flows: FLOWS }), PING] },
  tcp_ndown: {
    about: "`flows` downloads and a probe.",
    parts: [bulk("tcp", { direction: "down", flows: FLOWS }), PING],
  },
  dslreports_8dn: {
    about: "Eight downloads, as the speed test of dslreports.com has them, and a probe.",
    parts: [bulk("tcp", { direction: "down", flows: 8 }), PING],
  },
  "voip-rrul": {
    about: 'A telephone call (`kind = "voip"`) beside four TCP flows each way, and a probe.',
    parts: [
      { suffix: "call", settings: { kind: "voip" }, takes: [] },
      bulk("tcp", { direction: "both", flows: FLOWS }),
      PING,
    ],
  },
  bursts: {
    about: "UDP in bursts of 5 s with pauses of 5 s, packets of 500 bytes, and a probe.",
    parts: [stream("burst", { rate: "100mbit", size: 500, pattern: { shape: "bursts", on: "5s", off: "5s" } }), PING],
  },
  udp_flood: {
    about: "An unresponsive stream of 100 Mbit/s from the client, packets of 1470 bytes as iperf's, and a probe.",
    parts: [stream("flood", { rate: "100mbit", size: 1470, direction: "up" }), PING],
  },
};

/** What may be written in a preset beside `preset`, `from` and `to`, of all of them. */
export const PRESET_KEYS: readonly string[] = [
  ...new Set([...COMMON, ...Object.values(PRESETS).flatMap(({ parts }) => parts.flatMap(({ takes }) => takes))]),
].filter((key) => key !== "from" && key !== "to");

/** `tcp_8up`, `tcp_12down`: those with `n` written out. */
const COUNTED = /^tcp_([1-9]\d{0,3})(up|down)$/u;

function presetOf(name: string): Preset | undefined {
  const [, count, direction] = COUNTED.exec(name) ?? [];
  if (count === undefined || direction === undefined) return Object.hasOwn(PRESETS, name) ? PRESETS[name] : undefined;
  return { about: "", parts: [bulk("tcp", { direction, flows: Number(count) }), PING] };
}

/**
 * The tree with every [traffic.NAME] that names a preset replaced by the tables that it stands for, NAME-PART. What was
 * written in it goes to the parts that know it, with the place where it stands; everything else stands where the preset's
 * name does. A table called as a part, without a kind, adds to that part. A preset with a problem stays as it is, so
 * that the draft can tell that something is missing.
 */
export function expandPresets(root: TableNode, problems: Problems): TableNode {
  const section = root.entries.get("traffic");
  if (section?.value.type !== "table") return root;
  const written = section.value.entries;
  const made = new Map<string, [string, TableNode][]>();
  for (const [name, { value }] of written) {
    const preset = value.type === "table" ? value.entries.get("preset") : undefined;
    if (preset === undefined || value.type !== "table") continue;
    const parts = partsOf(name, value, preset.value, written, problems);
    if (parts !== undefined) made.set(name, parts);
  }
  const used = new Set([...made.values()].flatMap((parts) => parts.map(([part]) => part)));
  const entries = [...written].flatMap(([name, entry]): [string, Entry][] => {
    const parts = made.get(name);
    if (parts === undefined) return used.has(name) ? [] : [[name, entry]];
    return parts.map(([part, value]) => [part, { key: entry.key, value }]);
  });
  const traffic: TableNode = { ...section.value, entries: new Map(entries) };
  return { ...root, entries: new Map([...root.entries, ["traffic", { ...section, value: traffic }]]) };
}

/** The tables of one preset by their names; undefined after a problem. */
function partsOf(
  name: string,
  table: TableNode,
  chosen: Node,
  others: TableNode["entries"],
  problems: Problems,
): [string, TableNode][] | undefined {
  const label = `traffic.${name}`;
  const preset = chosen.type === "scalar" && typeof chosen.value === "string" ? presetOf(chosen.value) : undefined;
  if (preset === undefined) {
    problems.error(chosen.at, `${label}.preset: ${unknownPreset(chosen)}`);
    return undefined;
  }
  const allowed = [...new Set(["preset", ...COMMON, ...preset.parts.flatMap(({ takes }) => takes)])];
  const unknown = [...table.entries].filter(([key]) => !allowed.includes(key));
  for (const [key, entry] of unknown) problems.error(entry.key, `${label}: ${unknownKey(key, allowed)}`);
  const made = preset.parts.map((part): [string, TableNode] => [
    `${name}-${part.suffix}`,
    tableOf(part, table, chosen.at),
  ]);
  const taken = made.filter(([part]) => isWhole(others.get(part)?.value));
  for (const [part] of taken) {
    const message = `${label}: the preset makes a traffic "${part}", and there is one of that name already`;
    problems.error(chosen.at, message, `rename one of them, or leave out its kind to add to the preset's`);
  }
  if (unknown.length > 0 || taken.length > 0) return undefined;
  return made.map(([part, own]) => [part, added(own, others.get(part)?.value)]);
}

function unknownPreset(node: Node): string {
  const names = Object.keys(PRESETS);
  const found = describeNode(node);
  const suggestion = node.type === "scalar" && typeof node.value === "string" ? didYouMean(node.value, names) : "";
  return `${found} is no preset; ${suggestion}allowed: ${oneOf(names)}, and tcp_8up, tcp_12down … with any number`;
}

function unknownKey(key: string, allowed: readonly string[]): string {
  if (key === "kind") return "preset and kind exclude each other: a preset is several tables, each of its own kind";
  return `unknown key "${key}" of a preset; ${didYouMean(key, allowed)}allowed: ${oneOf(allowed, 24)}`;
}

function isWhole(node: Node | undefined): boolean {
  return node !== undefined && (node.type !== "table" || node.entries.has("kind") || node.entries.has("preset"));
}

function added(part: TableNode, own: Node | undefined): TableNode {
  return own?.type === "table" ? merge(part, own) : part;
}

function tableOf({ settings, takes }: Part, preset: TableNode, at: Position): TableNode {
  const given = [...preset.entries].filter(([key]) => [...COMMON, ...takes].includes(key));
  const written: TableNode = { ...preset, entries: new Map(given) };
  return merge(nodeOf(settings, at), written);
}

/** Settings as if they had been written at a place. */
function nodeOf(settings: Readonly<Record<string, Plain>>, at: Position): TableNode {
  const table = emptyTable(at);
  for (const [key, value] of Object.entries(settings)) {
    const node: Node = typeof value === "object" ? nodeOf(value, at) : { type: "scalar", at, value };
    table.entries.set(key, { key: at, value: node });
  }
  return table;
}
