import { DATAPLANE, TIN, TINS } from "./catalogue/dataplane.js";
import { EXEC } from "./catalogue/exec.js";
import { GAME } from "./catalogue/game.js";
import { PROBE } from "./catalogue/probe.js";
import { DEFAULT_PHASE, PHASES, type Quantity, STATISTICS, WHOLE_RUN } from "./catalogue/quantity.js";
import { RPM } from "./catalogue/rpm.js";
import { TCP } from "./catalogue/tcp.js";
import { UDP } from "./catalogue/udp.js";
import { VIDEO } from "./catalogue/video.js";
import { VOIP } from "./catalogue/voip.js";
import { WEB } from "./catalogue/web.js";
import { didYouMean, oneOf } from "./suggest.js";

export { TIN, TINS } from "./catalogue/dataplane.js";
export { DEFAULT_PHASE, PHASES, type Quantity, STATISTICS } from "./catalogue/quantity.js";

/**
 * The catalogue of metric names, `<traffic>[.<phase>].<quantity>[.<statistic>]`, by what produces them: kinds of traffic,
 * and the dataplane. An expectation on a name that is not here is refused before anything runs, because a metric that
 * nothing produces can only end as "no data".
 */
export const CATALOGUE: Readonly<Record<string, readonly Quantity[]>> = {
  probe: PROBE,
  tcp: TCP,
  udp: UDP,
  rpm: RPM,
  web: WEB,
  video: VIDEO,
  voip: VOIP,
  game: GAME,
  exec: EXEC,
  dataplane: DATAPLANE,
};

/** Is a quantity of the run as a whole, whatever phase its name stands under? */
export function isOfWholeRun(kind: string, quantity: string): boolean {
  return CATALOGUE[kind]?.find(({ name }) => name === quantity)?.phases === WHOLE_RUN.phases;
}

export interface MetricName {
  traffic: string;
  phase: string;
  quantity: Quantity;
  statistic: string | null;
}

export type ParsedMetric = { ok: true; metric: MetricName } | { ok: false; message: string };

/**
 * Reads a metric name against what the scenario has: name of traffic → its kind. The message of a refusal says which
 * part nothing produces and what there is instead. `opened`: phase that a [[change]] opens → the default one that it is
 * cut out of, whose metrics exist in it. `declared`: what traffics have of their own, beyond their kind.
 */
export function parseMetric(
  text: string,
  traffic: ReadonlyMap<string, string>,
  opened: ReadonlyMap<string, string> = new Map(),
  declared: ReadonlyMap<string, readonly Quantity[]> = new Map(),
): ParsedMetric {
  const [source = "", ...rest] = text.split(".");
  const kind = source === "dataplane" ? "dataplane" : traffic.get(source);
  if (kind === undefined) return refuse(text, unknownSource(source, [...traffic.keys(), "dataplane"]));
  const phase =
    rest.length > 1 && [...PHASES, ...opened.keys()].includes(rest[0] as never)
      ? (rest.shift() as string)
      : DEFAULT_PHASE;
  if (kind === "dataplane" && rest[0] === "tin") return parseTinMetric(text, source, phase, rest.slice(1));
  const quantities = [...(CATALOGUE[kind] ?? []), ...(declared.get(source) ?? [])];
  const [name = "", ...statistic] = rest;
  const quantity = quantities.find((known) => known.name === name);
  if (!quantity) return refuse(text, unknownQuantity(kind, name, quantities));
  const message = wrongStatistic(quantity, statistic.join(".")) ?? wrongPhase(quantity, phase, opened);
  if (message !== undefined) return refuse(text, message);
  return { ok: true, metric: { traffic: source, phase, quantity, statistic: statistic.join(".") || null } };
}

/** `words` is what follows `dataplane.tin.`: `voice`, `drops`. */
function parseTinMetric(text: string, traffic: string, phase: string, words: readonly string[]): ParsedMetric {
  const [tin = "", name = "", ...statistic] = words;
  if (!TINS.includes(tin))
    return refuse(text, `there is no tin "${tin}"; ${didYouMean(tin, TINS)}allowed: ${oneOf(TINS, TINS.length)}`);
  const known = TIN.find((each) => each.name === name);
  if (!known) return refuse(text, unknownQuantity("a tin", name, TIN));
  const message = wrongStatistic(known, statistic.join("."));
  if (message !== undefined) return refuse(text, message);
  return { ok: true, metric: { traffic, phase, quantity: { ...known, name: `tin.${tin}.${name}` }, statistic: null } };
}

function refuse(text: string, message: string): ParsedMetric {
  return { ok: false, message: `nothing produces "${text}": ${message}` };
}

function unknownSource(source: string, known: readonly string[]): string {
  return `there is no traffic "${source}"; ${didYouMean(source, known)}allowed: ${oneOf(known)}`;
}

function unknownQuantity(kind: string, name: string, quantities: readonly Quantity[]): string {
  const names = quantities.map((known) => known.name);
  const found = name === "" ? `a quantity is missing` : `${kind} has no quantity "${name}"`;
  return `${found}; ${didYouMean(name, names)}allowed: ${oneOf(names, 24)}`;
}

function wrongStatistic(quantity: Quantity, statistic: string): string | undefined {
  if (!quantity.distribution)
    return statistic ? `${quantity.name} is one number; leave out ".${statistic}"` : undefined;
  if (STATISTICS.some((known) => known === statistic)) return undefined;
  const allowed = `statistics: ${oneOf(STATISTICS)}`;
  return statistic
    ? `"${statistic}" is not a statistic; ${allowed}`
    : `${quantity.name} is a distribution; write e.g. "${quantity.name}.p99" (${allowed})`;
}

function wrongPhase(quantity: Quantity, phase: string, opened: ReadonlyMap<string, string>): string | undefined {
  const isWhole = quantity.phases === WHOLE_RUN.phases;
  if (quantity.phases.includes(isWhole ? phase : (opened.get(phase) ?? phase))) return undefined;
  return `${quantity.name} does not exist in the ${phase} phase; phases: ${oneOf(quantity.phases)}`;
}
