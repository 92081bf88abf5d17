import type { ProbeBlueprint } from "../blueprint/types.js";
import type { Traffic } from "../scenario/types.js";
import { largest, mean, percentileOfSorted, smallest, sum } from "../stats/index.js";
import { type Context, overlaps, type Phase, rowsBy } from "./context.js";
import { putLatePackets } from "./game.js";
import { gradeOf } from "./grade.js";
import { BASELINE_PHASE, metricName } from "./names.js";
import { ProbeColumns, type ProbeStream } from "./probe-stream.js";
import { type Group, groupBy, pool, type Sheet } from "./sheet.js";
import { putCalls } from "./voip.js";

/** One client's probe in the phase that is looked at, and in the baseline phase. */
interface Pair {
  client: string;
  now: ProbeStream;
  idle: ProbeStream | null;
}

/**
 * Metrics of all probe traffic: RTT and one-way delays (each with every standard statistic), induced latency, PDV,
 * IPDV, jitter, loss, duplication, reordering, lateness, grade – per client and site, and over all raw samples. A packet
 * belongs to the phase in which it was due, even when its echo arrives in the next one. Lost packets have no delay:
 * read percentiles together with loss.
 */
export function probeMetrics(context: Context, sheet: Sheet): void {
  const { run, blueprint, phases } = context;
  const columns = new ProbeColumns(run.tables.probe);
  const rows = rowsBy(run.tables.probe, "probe", "seq");
  const idle = phases.find((phase) => phase.name === BASELINE_PHASE);
  const streamIn = (probe: ProbeBlueprint, phase: Phase): ProbeStream =>
    columns.stream(rows.get(probe.id) ?? [], phase.start, phase.end, probe.interval);
  const baselineIn = (own: readonly ProbeBlueprint[], phase: Phase): ProbeStream =>
    columns.stream(
      own.flatMap((probe) => rows.get(probe.id) ?? []),
      phase.start,
      phase.end,
      own[0]?.interval ?? 0,
    );
  const kinds = new Map((run.case?.traffic ?? []).map((each) => [each.name, each]));
  for (const [traffic, probes] of groupBy(blueprint.traffic.probes, (probe) => [probe.traffic])) {
    const baselines = baselinesOf(probes, (own) => (idle ? baselineIn(own, idle) : null));
    for (const phase of phases) {
      const pairs = probes
        .filter((probe) => overlaps(phase, probe.start, probe.stop))
        .map((probe): Pair => {
          const client = blueprint.traffic.clients[probe.client]?.name ?? `#${probe.client}`;
          return { client, now: streamIn(probe, phase), idle: baselines.get(probe.client) ?? null };
        });
      const name = (quantity: string): string => metricName(traffic, phase.name, quantity);
      for (const [group, members] of groupBy(pairs, (pair) => context.groupsOf(pair.client))) {
        putDelays(sheet, group, name, members);
        putCounts(sheet, group, name, members);
        putLossRuns(sheet, group, name, members);
        if (phase !== idle) putInduced(sheet, group, name, members);
        putKind(sheet, group, name, members, kinds.get(traffic), phase !== idle);
      }
    }
  }
}

/** A client's baseline is that of all its probes of a traffic: a change makes another probe of the same. */
function baselinesOf<T>(
  probes: readonly ProbeBlueprint[],
  baselineOf: (own: readonly ProbeBlueprint[]) => T,
): Map<number, T> {
  const byClient = groupBy(probes, (probe) => [probe.client]);
  return new Map([...byClient].map(([client, own]) => [client, baselineOf(own)]));
}

type Namer = (quantity: string) => string;

function putDelays(sheet: Sheet, group: Group, name: Namer, members: readonly Pair[]): void {
  const each = (pick: (stream: ProbeStream) => Float64Array): Float64Array => pool(members.map((m) => pick(m.now)));
  sheet.distribution(
    group,
    name("rtt"),
    each((stream) => stream.rtt),
    "s",
  );
  sheet.distribution(
    group,
    name("owd_down"),
    each((stream) => stream.owdDown),
    "s",
  );
  sheet.distribution(
    group,
    name("owd_up"),
    each((stream) => stream.owdUp),
    "s",
  );
  sheet.distribution(
    group,
    name("pdv"),
    each((stream) => delayVariation(stream.rtt)),
    "s",
  );
  sheet.distribution(
    group,
    name("pdv_down"),
    each((stream) => delayVariation(stream.owdDown)),
    "s",
  );
  sheet.distribution(
    group,
    name("pdv_up"),
    each((stream) => delayVariation(stream.owdUp)),
    "s",
  );
  const putIpdv = (quantity: string, ipdv: Float64Array): void =>
    sheet.put(group, name(quantity), mean(ipdv), "s", ipdv.length);
  putIpdv(
    "ipdv",
    each((stream) => stream.ipdv),
  );
  putIpdv(
    "ipdv_down",
    each((stream) => stream.ipdvDown),
  );
  putIpdv(
    "ipdv_up",
    each((stream) => stream.ipdvUp),
  );
  putJitter(sheet, group, name("jitter"), members, (stream) => stream.jitter);
  putJitter(sheet, group, name("jitter_down"), members, (stream) => stream.jitterDown);
  putJitter(sheet, group, name("jitter_up"), members, (stream) => stream.jitterUp);
}

/** PDV: delay beyond the stream's own smallest (RFC 5481 §4.2). */
function delayVariation(delays: Float64Array): Float64Array {
  const least = smallest(delays);
  return delays.map((delay) => delay - least);
}

/** Jitter is a property of one stream; that of several is the mean of theirs. */
function putJitter(
  sheet: Sheet,
  group: Group,
  name: string,
  members: readonly Pair[],
  pick: (stream: ProbeStream) => number | null,
): void {
  const values = members.map((m) => pick(m.now)).filter((value) => value !== null);
  sheet.put(group, name, mean(values), "s", sum(members.map((m) => m.now.rtt.length)));
}

function putCounts(sheet: Sheet, group: Group, name: Namer, members: readonly Pair[]): void {
  const total = (pick: (stream: ProbeStream) => number): number => sum(members.map((m) => pick(m.now)));
  const sent = total((stream) => stream.sent);
  const reached = total((stream) => stream.reachedServer);
  const received = total((stream) => stream.rtt.length);
  const ratio = (part: number, whole: number): number | null => (whole > 0 ? part / whole : null);
  sheet.put(
    group,
    name("loss"),
    ratio(
      total((stream) => stream.lost),
      sent,
    ),
    "ratio",
    sent,
  );
  sheet.put(group, name("loss_up"), ratio(sent - reached, sent), "ratio", sent);
  sheet.put(
    group,
    name("loss_down"),
    ratio(
      total((stream) => stream.lostDown),
      reached,
    ),
    "ratio",
    reached,
  );
  const count = (quantity: string, value: number, of: number): void =>
    sheet.put(group, name(quantity), of > 0 ? value : null, "packets", of);
  count(
    "duplicates",
    total((stream) => stream.duplicates),
    sent,
  );
  count(
    "reordered",
    total((stream) => stream.order.reordered),
    received,
  );
  count(
    "reordered_3",
    total((stream) => stream.order.threeReordered),
    received,
  );
  count("reorder_extent", largest(members.map((m) => m.now.order.extent)), received);
  const due = sent + total((stream) => stream.notSent);
  count(
    "late",
    total((stream) => stream.late),
    due,
  );
}

/** How losses lie together; of several streams the worst one's run and burst, and what all of them lost in bursts. */
function putLossRuns(sheet: Sheet, group: Group, name: Namer, members: readonly Pair[]): void {
  const runs = members.map((m) => m.now.losses);
  const sent = sum(members.map((m) => m.now.sent));
  const lost = sum(members.map((m) => m.now.lost));
  const inBursts = sum(runs.map((run) => run.lostInBursts));
  const put = (quantity: string, value: number, unit: "packets" | "count" | "ratio"): void =>
    sheet.put(group, name(quantity), sent > 0 ? value : null, unit, sent);
  put("loss_run_max", largest(runs.map((run) => run.longest)), "packets");
  put("loss_bursts", sum(runs.map((run) => run.bursts)), "count");
  put("loss_burst_max", largest(runs.map((run) => run.longestBurst)), "packets");
  put("loss_in_bursts", inBursts / sent, "ratio");
  put("loss_in_gaps", (lost - inBursts) / sent, "ratio");
}

/** What a kind of traffic that is measured as a probe has beyond it. */
function putKind(
  sheet: Sheet,
  group: Group,
  name: Namer,
  members: readonly Pair[],
  traffic: Traffic | undefined,
  isNotIdle: boolean,
): void {
  if (traffic?.kind === "voip") {
    putCalls(
      sheet,
      group,
      name,
      members.map((m) => m.now),
    );
  }
  if (traffic?.kind === "game" && isNotIdle) putLatePackets(sheet, group, name, members, traffic.deadline / 1e9);
}

/**
 * Induced latency: RTT beyond the client's own idle median, so that clients at different distances can be pooled. Of
 * several clients it is over all packets that came back: who lost more has less weight, and never another's baseline. A
 * client without idle samples has none. The grade is that of the increase in mean RTT.
 */
function putInduced(sheet: Sheet, group: Group, name: Namer, members: readonly Pair[]): void {
  const known = members.filter((m) => m.idle !== null && m.idle.rtt.length > 0 && m.now.rtt.length > 0);
  const induced = known.map((m) => {
    const baseline = percentileOfSorted((m.idle as ProbeStream).rtt, 50) as number;
    return m.now.rtt.map((rtt) => rtt - baseline);
  });
  sheet.distribution(group, name("induced"), pool(induced), "s");
  const uplift = mean(known.map(upliftOf));
  const packets = sum(known.map((m) => m.now.rtt.length));
  sheet.put(group, name("grade"), uplift === null ? null : gradeOf(uplift), "grade", packets);
}

/**
 * Increase of one client's mean RTT. Of several it is the mean of theirs: means over pooled packets would move with who
 * loses packets, and call a loss at a distant client a rise or fall of latency.
 */
function upliftOf({ now, idle }: Pair): number {
  return (mean(now.rtt) as number) - (mean((idle as ProbeStream).rtt) as number);
}
