import type {
  Blueprint,
  DataplaneClientBlueprint,
  Direction,
  FlowBlueprint,
  ProbeBlueprint,
  ShaperBlueprint,
  StreamBlueprint,
} from "../blueprint/types.js";
import { framedBytes, goodputFraction, tcpAckBytes, tcpPayloadBytes, udpPacketBytes } from "./layers.js";
import { groupBy } from "./sheet.js";

/** Acknowledgements per full segment: one for every second (RFC 5681 §4.2). */
const ACKS_PER_SEGMENT = 1 / 2;
const SECOND = 1e9;

/** Who may have how much: a client's plan and fair share, and the TCP goodput that they leave room for. */
export class Shares {
  private readonly clients: Map<string, DataplaneClientBlueprint>;
  private readonly shares: Map<string, { down: number; up: number }>;
  private readonly names: Map<number, string>;
  private readonly flows: Map<string, FlowBlueprint[]>;
  private readonly streams: Map<string, StreamBlueprint[]>;
  private readonly probes: Map<string, ProbeBlueprint[]>;
  private readonly mtu: number;

  constructor(blueprint: Blueprint) {
    this.clients = new Map(blueprint.dataplane.clients.map((client) => [client.name, client]));
    this.shares = new Map(blueprint.timeline.shares.map((share) => [share.client, share]));
    this.names = new Map(blueprint.traffic.clients.map((client) => [client.id, client.name]));
    this.flows = groupBy(blueprint.traffic.flows, (flow) => [`${flow.direction} ${this.clientName(flow.client)}`]);
    // Absent from recordings of older versions.
    const streams = blueprint.traffic.streams ?? [];
    this.streams = groupBy(streams, (stream) => [`${stream.direction} ${this.clientName(stream.client)}`]);
    this.probes = groupBy(blueprint.traffic.probes, (probe) => [this.clientName(probe.client)]);
    this.mtu = blueprint.lab.mtu;
  }

  /** The name of a client by its id in the traffic part. */
  clientName(id: number): string {
    return this.names.get(id) ?? `#${id}`;
  }

  /** All TCP flows of a client in one direction, whatever traffic they belong to. */
  flowsOf(client: string, direction: Direction): FlowBlueprint[] {
    return this.flows.get(`${direction} ${client}`) ?? [];
  }

  /** All UDP streams of a client in one direction. */
  streamsOf(client: string, direction: Direction): StreamBlueprint[] {
    return this.streams.get(`${direction} ${client}`) ?? [];
  }

  shaper(client: string, direction: Direction): ShaperBlueprint | undefined {
    return this.clients.get(client)?.[direction];
  }

  /** A client's max–min fair rate, bit/s at its plan's layer; null when it is unlimited or unknown. */
  share(client: string, direction: Direction): number | null {
    const share = this.shares.get(client)?.[direction];
    return share !== undefined && share > 0 ? share : null;
  }

  /** What a client bought, bit/s at its plan's layer; null when it is unlimited or unknown. */
  plan(client: string, direction: Direction): number | null {
    // Below a site the leaf's class has the rate.
    const rate = this.clients.get(client)?.node?.[direction].ceil ?? this.shaper(client, direction)?.rate;
    return rate !== undefined && rate > 0 ? rate : null;
  }

  /**
   * The TCP goodput (bit/s) that all of a client's flows of one direction can have together when its line gives `rate`
   * bit/s at the plan's layer. What its probes, its UDP streams (their max–min fair part) and the acknowledgements of
   * its flows the other way take is off; of the rest, every full segment's headers and framing. A perfect link reaches it, so "95% of share" asks 95 % of what
   * is possible.
   */
  goodputCeiling(client: string, direction: Direction, rate: number): number {
    const shaper = this.shaper(client, direction);
    const family = this.flowsOf(client, direction)[0]?.family;
    if (shaper === undefined || family === undefined) return 0;
    const streams = [...this.streamRates(client, direction, rate).values()].reduce((a, b) => a + b, 0);
    const left = this.leftOf(rate, client, direction, shaper) - streams;
    return Math.max(0, left) * goodputFraction(shaper.framing, family, this.mtu);
  }

  /**
   * What a stream can deliver (bit/s of payload, or of IP packets) when its client's line gives `rate` bit/s at the
   * plan's layer: what it sends, or its max–min fair part among the client's flows and streams of that direction.
   */
  streamCeiling(stream: StreamBlueprint, rate: number | null, layer: "goodput" | "ip"): number | null {
    const client = this.clientName(stream.client);
    const shaper = this.shaper(client, stream.direction);
    if (rate === null || shaper === undefined) return null;
    const packet = udpPacketBytes(stream.size, stream.family);
    const accounted = this.streamRates(client, stream.direction, rate).get(stream.id) ?? 0;
    return (accounted * (layer === "ip" ? packet : stream.size)) / framedBytes(packet, shaper.framing);
  }

  /** The max–min fair rate of each stream by its id, bit/s at the plan's layer; TCP flows take whatever they get. */
  private streamRates(client: string, direction: Direction, rate: number): Map<number, number> {
    const shaper = this.shaper(client, direction);
    const streams = this.streamsOf(client, direction);
    const rates = new Map<number, number>();
    if (shaper === undefined || streams.length === 0) return rates;
    const demands = streams.map(({ id, size, family, interval }) => {
      return { id, demand: (framedBytes(udpPacketBytes(size, family), shaper.framing) * 8 * SECOND) / interval };
    });
    let left = Math.max(0, this.leftOf(rate, client, direction, shaper));
    let sharing = streams.length + this.flowsOf(client, direction).length;
    for (const { id, demand } of demands.sort((a, b) => a.demand - b.demand)) {
      const given = Math.min(demand, left / sharing);
      rates.set(id, given);
      left -= given;
      sharing -= 1;
    }
    return rates;
  }

  /** What probes and acknowledgements leave of `rate`; bit/s at the plan's layer. */
  private leftOf(rate: number, client: string, direction: Direction, shaper: ShaperBlueprint): number {
    return rate - this.probeRate(client, shaper) - this.ackRate(client, direction, shaper);
  }

  /** A flow's part of its client's ceiling: flows of one direction share alike. Null when `rate` is. */
  flowCeiling(flow: FlowBlueprint, rate: number | null): number | null {
    if (rate === null) return null;
    const client = this.clientName(flow.client);
    return this.goodputCeiling(client, flow.direction, rate) / this.flowsOf(client, flow.direction).length;
  }

  /** bit/s that a client's probes take, one way, as `shaper` accounts them. */
  private probeRate(client: string, shaper: ShaperBlueprint): number {
    const rates = (this.probes.get(client) ?? []).map((probe) => {
      const bytes = framedBytes(udpPacketBytes(probe.size, probe.family), shaper.framing);
      return (bytes * 8 * SECOND) / probe.interval;
    });
    return rates.reduce((a, b) => a + b, 0);
  }

  /** bit/s of acknowledgements in `direction` while the client's flows the other way run at their share. */
  private ackRate(client: string, direction: Direction, shaper: ShaperBlueprint): number {
    const other: Direction = direction === "down" ? "up" : "down";
    const family = this.flowsOf(client, other)[0]?.family;
    const opposite = this.shaper(client, other);
    const share = this.share(client, other);
    if (family === undefined || opposite === undefined || share === null) return 0;
    const goodput = share * goodputFraction(opposite.framing, family, this.mtu);
    const segments = goodput / (tcpPayloadBytes(this.mtu, family) * 8);
    return segments * ACKS_PER_SEGMENT * framedBytes(tcpAckBytes(family), shaper.framing) * 8;
  }
}
