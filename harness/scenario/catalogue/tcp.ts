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
  quantity("fct", "s", "With `size`: time of a transfer that came completely, from its SYN to its last byte.", {
    ...BY_FLOW,
    distribution: true,
  }),
  quantity("fct_connect", "s", "With `size`: from the SYN until the connection was established.", {
    ...BY_FLOW,
    distribution: true,
  }),
  quantity(
    "slowdown",
    "ratio",
    "With `size`: `fct`, of two round trips of the emulated path (handshake, request) and the bytes at the goodput of the client's plan.",
    { ...BY_FLOW, distribution: true },
  ),
  quantity("completed", "count", "With `size`: transfers begun in the phase that came completely.", BY_FLOW),
  quantity("failed", "count", "With `size`: transfers begun in the phase whose connection broke or was refused.", {
    ...BY_FLOW,
    ...COUNTED,
  }),
  quantity("unfinished", "count", "With `size`: transfers begun in the phase that were under way at the end.", BY_FLOW),
  quantity("starvation", "s", "Longest time in which a flow got less than a tenth of its fair share.", BY_FLOW),
  quantity("connect_failures", "count", "Connections that were never established, in the whole run.", {
    ...BY_FLOW,
    ...WHOLE_RUN,
    ...COUNTED,
  }),
];
