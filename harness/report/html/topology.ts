import { basename } from "node:path";
import type {
  Blueprint,
  DataplaneBlueprint,
  DataplaneClientBlueprint,
  Direction,
  PathBlueprint,
  PathLineBlueprint,
  ShaperBlueprint,
} from "../../blueprint/types.js";
import { formatRate, formatTime } from "../../units/index.js";
import { html, type Markup } from "./markup.js";

/** More boxes than this in one column are joined into groups. */
const MAX_BOXES = 10;

interface Box {
  lines: string[];
  product?: boolean;
  /** Indexes of the boxes of the next column that it is linked with. */
  to: number[];
}

interface Column {
  head: string;
  boxes: Box[];
}

const BOX = { width: 150, padding: 8, line: 16, gap: 10 };
const CHARACTERS = 22;

function clip(text: string, length = CHARACTERS): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}

/** What a client may have: below a site its class in the tree says so, whoever else shapes. */
function rateOf(client: DataplaneClientBlueprint, direction: Direction): string {
  const rate = client.node?.[direction].ceil ?? client[direction].rate;
  return rate === 0 ? "unlimited" : formatRate(rate);
}

const nameOf = ({ sqm }: ShaperBlueprint) => (sqm.discipline === "tc" ? clip(sqm.args) : sqm.discipline);

function disciplineOf(client: DataplaneClientBlueprint): string {
  const [down, up] = [nameOf(client.down), nameOf(client.up)];
  return down === up ? down : `↓ ${down} ↑ ${up}`;
}

function planLines(client: DataplaneClientBlueprint): string[] {
  const hosts = client.addresses.filter((address) => !address.includes(":")).length;
  const plan = [`↓ ${rateOf(client, "down")}`, `↑ ${rateOf(client, "up")}`, disciplineOf(client)];
  return hosts > 1 ? [...plan, `${hosts} hosts`] : plan;
}

interface Group {
  name: string;
  members: DataplaneClientBlueprint[];
}

/** Every client for itself while they fit; else those of one table, plan, site and reactor together. */
function groupsOf(clients: DataplaneClientBlueprint[], groupOf: (client: string) => string): Group[] {
  const single = clients.length <= MAX_BOXES;
  const groups = new Map<string, Group>();
  for (const client of clients) {
    const name = single ? client.name : groupOf(client.name);
    const key = single
      ? client.name
      : [name, client.reactor, client.site, client.path, ...planLines(client)].join("\n");
    const group = groups.get(key) ?? { name, members: [] };
    group.members.push(client);
    groups.set(key, group);
  }
  return [...groups.values()];
}

function clientColumn(groups: Group[]): Column {
  const shown = groups.length <= MAX_BOXES ? groups : groups.slice(0, MAX_BOXES - 1);
  const boxes = shown.map(({ name, members }): Box => {
    const label = members.length > 1 ? `${clip(name, 14)} × ${members.length}` : clip(name);
    return { lines: [label, ...planLines(members[0] as DataplaneClientBlueprint)], to: [0] };
  });
  const rest = groups.slice(shown.length);
  const hidden = rest.reduce((sum, group) => sum + group.members.length, 0);
  if (hidden > 0) boxes.push({ lines: [`${hidden} more clients`, `in ${rest.length} groups`], to: [0] });
  return { head: "clients", boxes };
}

/** What one box of another dataplane says: who it is, and what becomes of the plans. */
function middleLines({ kind, external, clients }: DataplaneBlueprint): string[] {
  const count = `${clients.length} client${clients.length === 1 ? "" : "s"}`;
  if (kind === "kernel") return ["Linux", count, "routes and qdiscs"];
  if (kind === "external") return [clip(basename(external?.command[0] ?? "command")), count, "the user's command"];
  return ["Linux", count, "routes; no plans"];
}

/**
 * The sites of the shaper tree, each below its parent, indented; all of a tree run in one reactor. Sites that do not
 * fit are joined.
 */
function siteColumns({ dataplane }: Blueprint): Column[] {
  // Absent from recordings of older versions.
  const { sites = [], clients, reactors } = dataplane;
  if (sites.length === 0) return [];
  const below = (parent: number, depth: number): Box[] =>
    sites
      .filter((site) => site.parent === parent)
      .flatMap(({ id, name, reactor, down, up }) => {
        const own = clients.filter(({ site }) => site === id).length;
        const label = clip(`${"└ ".repeat(Math.min(depth, 3))}${name}`);
        const rates = [`↓ ${formatRate(down.ceil)}`, `↑ ${formatRate(up.ceil)}`];
        const members = `${own} client${own === 1 ? "" : "s"} of its own`;
        const lines = own > 0 ? [label, ...rates, members] : [label, ...rates];
        return [{ lines, product: true, to: [reactor] }, ...below(id, depth + 1)];
      });
  const boxes = joined(below(-1, 0), "sites");
  if (!clients.some(({ site }) => site < 0)) return [{ head: "shaper tree", boxes }];
  const rest: Box = { lines: ["no site", "plans alone"], to: reactors.map((_, index) => index) };
  return [{ head: "shaper tree", boxes: [...boxes, rest] }];
}

function dataplaneColumn(blueprint: Blueprint): Column {
  const { clients, reactors, kind } = blueprint.dataplane;
  if (reactors.length === 0) {
    return {
      head: `dataplane: ${kind}`,
      boxes: [{ lines: middleLines(blueprint.dataplane), product: true, to: [0] }],
    };
  }
  const boxes = reactors.map((reactor): Box => {
    const own = clients.filter((client) => client.reactor === reactor.id).length;
    const cpu = reactor.core < 0 ? "not pinned" : `CPU ${reactor.core}`;
    return { lines: [`reactor ${reactor.id}`, `${own} client${own === 1 ? "" : "s"}`, cpu], product: true, to: [0] };
  });
  return { head: `dataplane: ${kind}`, boxes };
}

/** One way each: recordings of older versions have a delay and nothing else. */
function delayOf(path: PathBlueprint | { downDelay: number; upDelay: number }): string {
  const [down, up] = "downDelay" in path ? [path.downDelay, path.upDelay].map(only) : [path.down, path.up].map(delay);
  return `↓ ${down} ↑ ${up}`;
}

const only = (ns: number): string => formatTime(ns / 1e9);
const delay = (line: PathLineBlueprint): string =>
  line.up ? `${only(line.delay)}${line.jitter > 0 ? ` ± ${only(line.jitter)}` : ""}` : "link down";

/** The clients' side of the emulated distance, where it is a stage of its own. */
function accessStage({ pathStages = [] }: Blueprint): Column[] {
  const stage = pathStages.find(({ side }) => side === "access")?.process;
  if (stage === undefined) return [];
  const shown = stage.paths.slice(0, MAX_BOXES).flatMap((path) => [clip(path.name), delayOf(path)]);
  return [{ head: "path stage (one way)", boxes: [{ lines: shown, to: [0] }] }];
}

function joined(boxes: Box[], what: string): Box[] {
  if (boxes.length <= MAX_BOXES) return boxes;
  const to = [...new Set(boxes.slice(MAX_BOXES - 1).flatMap((box) => box.to))];
  return [...boxes.slice(0, MAX_BOXES - 1), { lines: [`${boxes.length - MAX_BOXES + 1} more ${what}`], to }];
}

/** Paths and the servers behind them; a server without a path hangs on the core directly (`no path`). */
function serverColumns(blueprint: Blueprint): [Column, Column] {
  // Where the dataplane has no paths, the stage on the servers' side has them.
  const stage = (blueprint.pathStages ?? []).find(({ side }) => side === "core")?.process;
  const { servers, paths } = stage ?? blueprint.dataplane;
  const used = [...new Set(servers.map((server) => server.path))].slice(0, MAX_BOXES);
  const shown = servers.slice(0, servers.length > MAX_BOXES ? MAX_BOXES - 1 : MAX_BOXES);
  const pathBoxes = used.map((id): Box => {
    const path = paths.find((one) => one.id === id);
    const to = shown.flatMap((server, i) => (server.path === id ? [i] : []));
    if (path === undefined) return { lines: ["no path", "no added delay"], to };
    return { lines: [clip(path.name), delayOf(path)], to };
  });
  const serverBoxes = servers.map((server): Box => {
    const families = [...new Set(server.addresses.map((address) => (address.includes(":") ? "IPv6" : "IPv4")))];
    return { lines: [clip(server.name), families.join(", ")], to: [] };
  });
  return [
    { head: stage ? "path stage (one way)" : "paths (one way)", boxes: pathBoxes },
    { head: "servers", boxes: joined(serverBoxes, "servers") },
  ];
}

interface Placed {
  box: Box;
  x: number;
  y: number;
  height: number;
}

const heightOf = (box: Box) => box.lines.length * BOX.line + BOX.padding * 2 - 2;

function place(columns: Column[]): { placed: Placed[][]; width: number; height: number } {
  const gap = 46;
  const tall = columns.map(({ boxes }) => boxes.reduce((sum, box) => sum + heightOf(box) + BOX.gap, -BOX.gap));
  const height = Math.max(60, ...tall);
  const placed = columns.map(({ boxes }, column) => {
    let y = 28 + (height - (tall[column] as number)) / 2;
    return boxes.map((box) => {
      const at = { box, x: column * (BOX.width + gap), y, height: heightOf(box) };
      y += at.height + BOX.gap;
      return at;
    });
  });
  return { placed, width: columns.length * (BOX.width + gap) - gap, height: height + 34 };
}

function link(from: Placed, to: Placed): Markup {
  const [x1, y1] = [from.x + BOX.width, from.y + from.height / 2];
  const [x2, y2] = [to.x, to.y + to.height / 2];
  const middle = (x1 + x2) / 2;
  return html`<path class="link" d="M${x1} ${y1}C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}"/>`;
}

function drawBox({ box, x, y, height }: Placed): Markup {
  const lines = box.lines.map(
    (line, i) =>
      html`<text x="${x + 12}" y="${y + BOX.padding + 11 + i * BOX.line}" class="${i === 0 ? "name" : ""}">${line}</text>`,
  );
  return html`<rect x="${x + 0.5}" y="${y}" width="${BOX.width - 1}" height="${height}" rx="8" class="${box.product ? "product" : ""}"/>${lines}`;
}

function describe(blueprint: Blueprint, groups: Group[]): string {
  const { servers, reactors, kind, clients, sites = [] } = blueprint.dataplane;
  const tree = sites.map(({ name, parent, down, up }) => {
    const above = parent < 0 ? "" : ` in ${sites[parent]?.name ?? ""}`;
    return `${name}${above} (↓ ${formatRate(down.ceil)} ↑ ${formatRate(up.ceil)})`;
  });
  const through = tree.length > 0 ? `sites ${tree.slice(0, MAX_BOXES).join(", ")}, ` : "";
  const plans = groups.slice(0, MAX_BOXES).map(({ name, members }) => {
    const plan = planLines(members[0] as DataplaneClientBlueprint).join(" ");
    return `${members.length > 1 ? `${members.length} of ${name}` : name} (${plan})`;
  });
  return (
    `${clients.length} clients, ${plans.join("; ")}, reach ${servers.length} servers through access, ${through}` +
    `the ${kind} dataplane${reactors.length > 0 ? ` with ${reactors.length} reactors` : ""}, core and the emulated paths.`
  );
}

/** The lab as a drawing, from client to server; many clients are drawn as groups. */
export function topology(blueprint: Blueprint, groupOf: (client: string) => string): Markup {
  const groups = groupsOf(blueprint.dataplane.clients, groupOf);
  const [paths, servers] = serverColumns(blueprint);
  const dataplane = dataplaneColumn(blueprint);
  const sites = siteColumns(blueprint);
  const inner = (name: string, count: number): Box => ({
    lines: [name, "namespace"],
    to: Array.from({ length: count }, (_, i) => i),
  });
  const columns: Column[] = [
    clientColumn(groups),
    { head: "", boxes: [inner("access", (sites[0] ?? dataplane).boxes.length)] },
    ...accessStage(blueprint),
    ...sites,
    dataplane,
    { head: "", boxes: [inner("core", paths.boxes.length)] },
    paths,
    servers,
  ];
  const { placed, width, height } = place(columns);
  const links = placed.flatMap((column, c) =>
    column.flatMap((from) =>
      from.box.to.flatMap((i) => {
        const to = placed[c + 1]?.[i];
        return to ? [link(from, to)] : [];
      }),
    ),
  );
  const heads = columns.map(
    ({ head }, c) => html`<text x="${(placed[c]?.[0]?.x ?? 0) + 2}" y="12" class="head">${head}</text>`,
  );
  return html`<figure class="card topology"><figcaption><b>Topology</b> <span>${clientsNote(
    groups,
    blueprint,
  )}</span></figcaption><div class="scroll" tabindex="0" role="group" aria-label="Topology drawing"><svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${describe(blueprint, groups)}">${links}${heads}${placed.flat().map(drawBox)}</svg></div></figure>`;
}

function clientsNote(groups: Group[], blueprint: Blueprint): string {
  const { clients } = blueprint.dataplane;
  const joinedClients =
    clients.length > groups.length ? `${clients.length} clients drawn as ${groups.length} groups; ` : "";
  return `${joinedClients}rates as the plan accounts them, MTU ${blueprint.lab.mtu}.`;
}
