import type { Direction, FlowBlueprint } from "../blueprint/types.js";
import { jain, largest, sum } from "../stats/index.js";
import { type Context, overlaps } from "./context.js";
import { DEFAULT_PHASE, metricName } from "./names.js";
import type { Shares } from "./shares.js";
import { type Group, groupBy, pool, type Sheet } from "./sheet.js";
import { type FlowPhase, FlowRecording } from "./tcp-flow.js";
import { transferFlows } from "./transfer.js";

/**
 * Metrics of all TCP traffic: goodput (per flow, client, site, total; `goodput_down` / `goodput_up` too where a traffic
 * has both), Jain's index over flows and over clients, retransmitted bytes, smoothed RTT and congestion window of the
 * senders, CE marks, starvation, failed connections.
 */
export function tcpMetrics(context: Context, sheet: Sheet): void {
  const recording = new FlowRecording(context);
  const { shares } = context;
  const endless = new Set(context.blueprint.traffic.flows);
  for (const [traffic, flows] of groupBy([...endless, ...transferFlows(context.blueprint)], (f) => [f.traffic])) {
    for (const phase of context.phases) {
      const { shares: rates } = context.during(phase);
      const active = flows
        .filter((flow) => overlaps(phase, flow.start, flow.stop))
        .map((flow) => {
          const client = shares.clientName(flow.client);
          // What makes transfers takes no more than they are; a share of theirs is nobody's.
          const fair = endless.has(flow) ? rates.flowCeiling(flow, rates.share(client, flow.direction)) : null;
          return recording.measure(flow, client, phase, fair);
        });
      const name = (quantity: string): string => metricName(traffic, phase.name, quantity);
      for (const [group, members] of groupBy(active, (f) => groupsOfFlow(context, f))) {
        putGoodput(sheet, group, name, members);
        putSender(sheet, group, name, members);
        if (!group.startsWith("flow/")) putFairness(rates, sheet, group, name, members);
      }
    }
    const tried = flows.filter((flow) => endless.has(flow));
    putConnectFailures(context, sheet, traffic, tried, recording);
    putRetransmissions(context, sheet, traffic, flows, recording);
  }
}

type Namer = (quantity: string) => string;

function groupsOfFlow(context: Context, { flow, client }: Pick<FlowPhase, "flow" | "client">): Group[] {
  return [...context.groupsOf(client), `flow/${flow.id}`];
}

function putGoodput(sheet: Sheet, group: Group, name: Namer, members: readonly FlowPhase[]): void {
  const put = (quantity: string, flows: readonly FlowPhase[]): void => {
    const bins = sum(flows.map((f) => f.bins));
    sheet.put(group, name(quantity), totalGoodput(flows), "bit/s", bins, "goodput");
  };
  put("goodput", members);
  const directions = groupBy(members, (f) => [f.flow.direction]);
  if (directions.size > 1) for (const [direction, flows] of directions) put(`goodput_${direction}`, flows);
}

/** Null as soon as one flow was not recorded: a sum over the rest would understate. */
function totalGoodput(flows: readonly FlowPhase[]): number | null {
  const values = known(flows.map((f) => f.goodput));
  return values.length === flows.length ? sum(values) : null;
}

function known(values: readonly (number | null)[]): number[] {
  return values.filter((value) => value !== null);
}

/** What the sending ends say (TCP_INFO). Starvation of several flows is that of the worst. */
function putSender(sheet: Sheet, group: Group, name: Namer, members: readonly FlowPhase[]): void {
  const samples = sum(members.map((f) => f.infoSamples));
  const sent = sum(members.map((f) => f.bytesSent));
  const retransmitted = sum(members.map((f) => f.bytesRetransmitted));
  sheet.put(group, name("retransmits"), sent > 0 ? retransmitted / sent : null, "ratio", samples);
  sheet.put(group, name("ce_marks"), samples > 0 ? sum(members.map((f) => f.ceMarks)) : null, "packets", samples);
  sheet.distribution(group, name("rtt"), pool(members.map((f) => f.rtt)), "s");
  sheet.distribution(group, name("cwnd"), pool(members.map((f) => f.cwnd)), "packets");
  const starved = known(members.map((f) => f.starved));
  const worst = starved.length === members.length ? largest(starved) : null;
  sheet.put(group, name("starvation"), worst, "s", sum(members.map((f) => f.bins)));
}

/**
 * Jain's index over flows, and over clients by what each got of its fair share. Where a traffic has both directions,
 * the less fair of the two: flows of different directions were never meant to be equal.
 */
function putFairness(shares: Shares, sheet: Sheet, group: Group, name: Namer, members: readonly FlowPhase[]): void {
  const directions = groupBy(members, (f) => [f.flow.direction]);
  const worst = (index: (flows: readonly FlowPhase[], direction: Direction) => number | null): number | null => {
    const values = known([...directions].map(([direction, flows]) => index(flows, direction)));
    return values.length === directions.size ? Math.min(...values) : null;
  };
  const overFlows = worst((flows) => jainOf(flows.map((f) => f.goodput)));
  sheet.put(group, name("jain"), overFlows, "ratio", members.length);
  if (group.startsWith("client/")) return;
  const clients = groupBy(members, (f) => [f.client]).size;
  const overClients = worst((flows, direction) => jainOf(portions(shares, flows, direction)));
  sheet.put(group, name("jain_clients"), overClients, "ratio", clients);
}

function jainOf(values: readonly (number | null)[]): number | null {
  const numbers = known(values);
  return numbers.length === values.length ? jain(numbers) : null;
}

/** Each client's goodput over its share (RFC 5166 §2.3.1 on normalised rates); the goodput itself without shares. */
function portions(shares: Shares, flows: readonly FlowPhase[], direction: Direction): (number | null)[] {
  const clients = [...groupBy(flows, (f) => [f.client])];
  const own = clients.map(([client]) => shares.share(client, direction));
  const comparable = own.every((share) => share !== null);
  return clients.map(([, phases], i) => {
    const goodput = totalGoodput(phases);
    return goodput === null ? null : goodput / (comparable ? (own[i] as number) : 1);
  });
}

/** Packets sent again over the whole run, slow start and all. */
function putRetransmissions(
  context: Context,
  sheet: Sheet,
  traffic: string,
  flows: readonly FlowBlueprint[],
  recording: FlowRecording,
): void {
  const counted = flows.map((flow) => {
    const client = context.shares.clientName(flow.client);
    return { flow, client, ...recording.retransmittedPackets(flow.id) };
  });
  for (const [group, members] of groupBy(counted, (f) => groupsOfFlow(context, f))) {
    const packets = known(members.map((f) => f.packets));
    const value = packets.length === members.length ? sum(packets) : null;
    const name = metricName(traffic, DEFAULT_PHASE, "retransmitted_packets");
    sheet.put(group, name, value, "packets", sum(members.map((f) => f.samples)));
  }
}

/** Flows that tried and were never established, over the whole run. */
function putConnectFailures(
  context: Context,
  sheet: Sheet,
  traffic: string,
  flows: readonly FlowBlueprint[],
  recording: FlowRecording,
): void {
  const tried = flows.map((flow) => {
    const client = context.shares.clientName(flow.client);
    return { flow, client, failed: recording.failedToConnect(flow.id) };
  });
  for (const [group, members] of groupBy(tried, (f) => groupsOfFlow(context, f))) {
    const recorded = members.filter((f) => f.failed !== null);
    const failures = recorded.filter((f) => f.failed).length;
    const complete = recorded.length === members.length;
    sheet.put(
      group,
      metricName(traffic, DEFAULT_PHASE, "connect_failures"),
      complete ? failures : null,
      "count",
      recorded.length,
    );
  }
}
