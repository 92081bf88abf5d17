import { BUILT, disciplinesOf, isBuilt } from "./capabilities.js";
import { OVERHEADS } from "./framing.js";
import { type JsonSchema, languageSchema } from "./json-schema.js";
import { CATALOGUE, PHASES, type Quantity, STATISTICS, TIN, TINS } from "./metric-names.js";
import { PRESETS } from "./presets.js";
import { DSCP } from "./quantities.js";
import { BOUNDS, CHANGES, EXAMPLE, FILES, INTRODUCTION, OVERRIDES, PRESETS_TEXT, TREE } from "./reference-text.js";

/** docs/scenario.md, made from the schema and the catalogue: what it says of keys is what the program checks. */
export function scenarioReference(): string {
  const schema = languageSchema();
  return `${[
    INTRODUCTION,
    "## A whole file\n",
    `\`\`\`toml\n${EXAMPLE}\`\`\`\n`,
    FILES,
    TREE,
    "## Keys\n",
    `† part of the language, not built yet in this version: refused with exit code 2 and its name.\n`,
    topLevel(schema),
    ...SECTIONS.map((section) => sectionOf(schema, section)),
    presets(),
    OVERRIDES,
    CHANGES,
    BOUNDS,
    metrics(),
    names(),
  ].join("\n")}`;
}

interface Section {
  key: string;
  heading: string;
  /** The key that chooses a variant, for sections that have one. */
  choice?: string;
}

const SECTIONS: readonly Section[] = [
  { key: "phases", heading: "phases" },
  { key: "dataplane", heading: "[dataplane]", choice: "kind" },
  { key: "plan", heading: "[plan.NAME]" },
  { key: "sqm", heading: "sqm, sqm_down, sqm_up", choice: "discipline" },
  { key: "path", heading: "[path.NAME]" },
  { key: "server", heading: "[server.NAME]" },
  { key: "site", heading: "[site.NAME]" },
  { key: "client", heading: "[client.NAME]" },
  { key: "traffic", heading: "[traffic.NAME]", choice: "kind" },
  { key: "capture", heading: "[capture.NAME]" },
  { key: "change", heading: "[[change]]" },
  { key: "expect", heading: "[[expect]]" },
];

const OWN_CHAPTER = new Set([...SECTIONS.map(({ key }) => key), "matrix"]);

function topLevel(schema: JsonSchema): string {
  const properties = Object.entries(schema.properties ?? {}).filter(([key]) => !OWN_CHAPTER.has(key));
  return `### Top level\n\n${table(properties, schema.required)}`;
}

function sectionOf(schema: JsonSchema, { key, heading, choice }: Section): string {
  const part = partOf(schema, key);
  const dagger = key === "change" && !isBuilt("section", key) ? " †" : "";
  const title = `### ${heading}${dagger}\n\n${part.description ? `${part.description}\n\n` : ""}`;
  if (!choice) return `${title}${table(Object.entries(part.properties ?? {}), part.required)}`;
  const common = commonKeys(part.oneOf ?? [], choice);
  const first = part.oneOf?.[0];
  const shared = Object.entries(first?.properties ?? {}).filter(([name]) => common.has(name));
  const head = shared.length > 0 ? `Of every ${choice}:\n\n${table(shared, first?.required)}\n` : "";
  return `${title}${head}${variants(part.oneOf ?? [], choice, kindOf(key), common)}`;
}

/** Keys that every variant has, besides the one that chooses. */
function commonKeys(options: readonly JsonSchema[], choice: string): Set<string> {
  const [first, ...others] = options.map((option) => Object.keys(option.properties ?? {}));
  const common = (first ?? []).filter((key) => key !== choice && others.every((keys) => keys.includes(key)));
  return new Set(common);
}

function kindOf(key: string): "dataplane" | "discipline" | "traffic" {
  return key === "sqm" ? "discipline" : key === "traffic" ? "traffic" : "dataplane";
}

function partOf(schema: JsonSchema, key: string): JsonSchema {
  if (key === "sqm")
    return {
      ...partOf(schema, "plan").properties?.sqm,
      description: "Queue management: a discipline and its settings.",
    };
  const part = schema.properties?.[key] ?? {};
  if (part.items) return part.items;
  const own = typeof part.additionalProperties === "object" ? part.additionalProperties : part;
  // A traffic is of some kind, or a preset, which has a chapter of its own.
  return key === "traffic" ? (own.anyOf?.[0] ?? own) : own;
}

function variants(
  options: readonly JsonSchema[],
  choice: string,
  kind: ReturnType<typeof kindOf>,
  common: ReadonlySet<string>,
): string {
  return options
    .map((option) => {
      const name = String(option.properties?.[choice]?.const);
      const settings = Object.entries(option.properties ?? {}).filter(([key]) => key !== choice && !common.has(key));
      const about = option.description ? `${option.description}\n\n` : "";
      const heading = `#### ${choice} = "${name}"${isBuilt(kind, name) ? "" : " †"}\n\n${about}`;
      return (
        heading +
        (settings.length > 0
          ? table(settings, option.required)
          : `No settings${common.size > 0 ? " of its own" : ""}.\n`)
      );
    })
    .join("\n");
}

function table(properties: readonly [string, JsonSchema][], required: readonly string[] = []): string {
  const rows = properties.map(([key, schema]) => {
    // With a default there is an example already.
    const example =
      schema.examples && schema.default === undefined ? ` E.g. ${schema.examples.map(code).join(", ")}.` : "";
    const cells = [`\`${key}\``, typeOf(schema), defaultOf(schema, required.includes(key))];
    return row(...cells, `${schema.description ?? ""}${schema.enum ? "" : example}`);
  });
  return `${row("key", "type", "default", "meaning")}\n| --- | --- | --- | --- |\n${rows.join("\n")}\n`;
}

function row(...cells: string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}

/** In the words of the language: rate, time, size, percent; whole number and its range; the names of an enumeration. */
function typeOf(schema: JsonSchema): string {
  if (schema.title && schema.type === "string") return schema.title;
  if (schema.enum) return schema.enum.length > 8 ? "name, see below" : schema.enum.map(code).join(" ");
  if (schema.anyOf) return [...new Set(schema.anyOf.map(typeOf))].join(" or ");
  if (schema.oneOf) return "table, see below";
  if (schema.type === "integer") return `whole number${range(schema)}`;
  if (schema.type === "array") return `list of ${typeOf(schema.items ?? {})}`;
  if (schema.type === "object") return "table";
  return schema.pattern ? "name" : (schema.type ?? "anything");
}

function range({ minimum, maximum }: JsonSchema): string {
  if (minimum === undefined && maximum === undefined) return "";
  return maximum === undefined ? ` ≥ ${minimum}` : ` ${minimum} … ${maximum}`;
}

function defaultOf({ default: value }: JsonSchema, required: boolean): string {
  if (required) return "**needed**";
  return value === undefined || value === "" ? "–" : code(value);
}

function code(value: unknown): string {
  return `\`${JSON.stringify(value)}\``;
}

function presets(): string {
  const rows = Object.entries(PRESETS).map(([name, { about, parts }]) => {
    const made = parts.map(({ suffix, settings }) => `\`-${suffix}\` ${settings.kind}`).join(", ");
    const takes = [...new Set(parts.flatMap((part) => part.takes))].map((key) => `\`${key}\``).join(" ");
    return row(`\`${name}\``, about, made, takes);
  });
  return `${PRESETS_TEXT}
${row("preset", "what it is", "tables", "keys")}
| --- | --- | --- | --- |
${rows.join("\n")}
`;
}

function metrics(): string {
  const chapters = Object.entries(CATALOGUE).map(([kind, quantities]) => {
    const source = kind === "dataplane" ? "`dataplane.`" : `traffic of kind \`${kind}\``;
    const rows = quantities.map((quantity) => row(...describe(quantity)));
    const head = `${row("quantity", "unit", "for each", "meaning")}\n| --- | --- | --- | --- |`;
    return `#### From ${source}\n\n${head}\n${rows.join("\n")}\n`;
  });
  const tins = TIN.map((quantity) => row(...describe(quantity)));
  const tinHead = `${row("quantity", "unit", "for each", "meaning")}\n| --- | --- | --- | --- |`;
  chapters.push(`#### From \`dataplane.tin.<tin>.\`

Of cake's tins that have seen traffic, e.g. \`dataplane.tin.voice.delay_peak_down\`. Tins: ${TINS.map((tin) => `\`${tin}\``).join(" ")} (the first
four are those of diffserv3 and diffserv4, all other modes have numbers). They are recorded every second.

${tinHead}
${tins.join("\n")}
`);
  return `## Metrics

\`<traffic>[.<phase>].<quantity>[.<statistic>]\`, e.g. \`ping.rtt.p99\`, \`ping.idle.rtt.p50\`, \`bulk.goodput\`,
\`dataplane.sojourn.p99\`. The phase is \`loaded\` when left out; phases are ${PHASES.map((p) => `\`${p}\``).join(", ")}, and those that a [[change]] opens.
Quantities marked … are distributions and end in a statistic: ${STATISTICS.map((s) => `\`${s}\``).join(" ")}
(nearest-rank on raw samples). An expectation on a metric that nothing produces is refused.

${chapters.join("\n")}`;
}

function describe({ name, unit, scopes, distribution, description }: Quantity): string[] {
  const built = scopes.filter((scope) => isBuilt("per", scope));
  return [`\`${name}\`${distribution ? " …" : ""}`, unit, built.join(", "), description];
}

function names(): string {
  const code_ = (list: readonly string[]) => list.map((each) => `\`${each}\``).join(" ");
  return `## Names

- \`overhead\`: ${code_(OVERHEADS)}. \`raw\` counts the frame as it is (layer 2, no FCS); all others count the IP packet
  and what the keyword adds, as tc does.
- \`dscp\`: ${code_(Object.keys(DSCP))}, or 0 … 63.
- Disciplines of the \`afxdp\` dataplane: ${code_(disciplinesOf("afxdp") ?? [])}; of the \`kernel\` dataplane:
  ${code_(disciplinesOf("kernel") ?? [])}. An \`external\` one is handed whatever is written, and with \`none\` plans and
  sites are not enforced.
- Built in this version: dataplanes ${code_(BUILT.dataplane)}, kinds of traffic ${code_(BUILT.traffic)}.
`;
}
