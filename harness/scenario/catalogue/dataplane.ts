import { bothWays, DISTRIBUTION, eachWay, type Quantity, quantity, TOTAL, WHOLE_RUN } from "./quantity.js";

export const DATAPLANE: readonly Quantity[] = [
  ...bothWays("drops", "packets", "Packets that the queues dropped"),
  quantity("drops_aqm", "packets", "Packets that the AQM decided to drop, without ack_drops."),
  quantity("drops_overflow", "packets", "Packets for which there was no room."),
  ...bothWays("marks", "packets", "Packets marked CE instead of dropped"),
  quantity("drops_run", "packets", "Packets that the queues dropped, in the whole run.", WHOLE_RUN),
  quantity("marks_run", "packets", "Packets marked CE instead of dropped, in the whole run.", WHOLE_RUN),
  ...bothWays("ack_drops", "packets", "Acknowledgements that cake's ACK filter dropped, as newer ones say the same"),
  ...bothWays("sojourn", "s", "Time that packets waited in the queue", DISTRIBUTION),
  quantity("backlog_max", "packets", "Most packets that waited at once."),
  quantity("rate_down", "bit/s", "Shaped rate towards the client, at the plan's own layer."),
  quantity("rate_up", "bit/s", "Shaped rate from the client, at the plan's own layer."),
  quantity("throughput_down", "bit/s", "IP packets that left towards the client."),
  quantity("throughput_up", "bit/s", "IP packets that left from the client."),
  quantity("utilization", "ratio", "Shaped rate of the plan's, in the busier direction; of a site: of its capacity."),
  quantity("utilization_down", "ratio", "Shaped rate towards the client, of the plan's or the site's."),
  quantity("utilization_up", "ratio", "Shaped rate from the client, of the plan's or the site's."),
  quantity("unaccounted", "packets", "Frames that went in and neither came out nor were counted as dropped.", TOTAL),
  quantity("drops_rig", "packets", "Frames that the machine lost, not the product.", TOTAL),
  quantity("drops_path", "packets", "Frames that the emulated path lost.", TOTAL),
  quantity("duplicated", "packets", "Frames that the emulated path made of others.", TOTAL),
];

/** Names of cake's tins: of diffserv3 and diffserv4, and of all other modes, where tin 0 has the lowest priority. */
export const TINS = [
  "bulk",
  "besteffort",
  "video",
  "voice",
  ...[0, 1, 2, 3, 4, 5, 6, 7].map((n) => `tin${n}`),
] as const;

/** What there is of each tin, as `dataplane.tin.<tin>.<quantity>`; only of tins that have seen traffic. */
export const TIN: readonly Quantity[] = [
  ...bothWays("drops", "packets", "Packets that the tin dropped, without ack_drops"),
  ...bothWays("marks", "packets", "Packets marked CE instead of dropped"),
  ...bothWays("ack_drops", "packets", "Acknowledgements that the ACK filter dropped"),
  ...eachWay("share", "ratio", "Bytes of the tin, of those of all tins"),
  ...eachWay("throughput", "bit/s", "IP packets of the tin that left"),
  ...eachWay("delay_average", "s", "cake's own moving average of the sojourn time, mean of its values each second"),
  ...eachWay("delay_peak", "s", "cake's own moving average that follows rises, largest of its values each second"),
];
