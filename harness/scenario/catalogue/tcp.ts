import { BY_FLOW, COUNTED, LOADED, type Quantity, quantity, UNDER_LOAD, WHOLE_RUN } from "./quantity.js";

export const TCP: readonly Quantity[] = [
  quantity("goodput", "bit/s", "Payload delivered to the receiving application.", BY_FLOW),
  quantity("goodput_down", "bit/s", "Of the flows towards the client, where a traffic has both directions.", LOADED),
  quantity("goodput_up", "bit/s", "Of the flows from the client, where a traffic has both directions.", LOADED),
  quantity("jain", "ratio", "Jain's fairness index over the flows: 1 is equal shares.", LOADED),
  quantity("jain_clients", "ratio", "Jain's fairness index over what each client got of its share.", {
    phases: UNDER_LOAD,
    scopes: ["site", "total"],
  }),
  quantity("retransmits", "ratio", "Bytes sent again, of all bytes sent.", BY_FLOW),
  quantity("retransmitted_packets", "packets", "Packets sent again, in the whole run.", { ...BY_FLOW, ...WHOLE_RUN }),
  quantity("ce_marks", "packets", "CE marks that the receivers reported.", BY_FLOW),
  quantity("rtt", "s", "Smoothed RTT as TCP sees it (TCP_INFO).", { ...BY_FLOW, distribution: true }),
  quantity("cwnd", "packets", "Congestion window (TCP_INFO).", { ...BY_FLOW, distribution: true }),
  quantity("starvation", "s", "Longest time in which a flow got less than a tenth of its fair share.", BY_FLOW),
  quantity("connect_failures", "count", "Connections that were never established, in the whole run.", {
    ...BY_FLOW,
    ...WHOLE_RUN,
    ...COUNTED,
  }),
];
