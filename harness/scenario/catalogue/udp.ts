import { BY_FLOW, COUNTED, LOADED, type Quantity, quantity } from "./quantity.js";

export const UDP: readonly Quantity[] = [
  quantity("goodput", "bit/s", "Payload that arrived, without duplicates.", BY_FLOW),
  quantity("goodput_down", "bit/s", "Towards the client, where a traffic has both directions.", LOADED),
  quantity("goodput_up", "bit/s", "From the client, where a traffic has both directions.", LOADED),
  quantity("throughput", "bit/s", "IP packets that arrived, without duplicates.", BY_FLOW),
  quantity("throughput_down", "bit/s", "Towards the client, where a traffic has both directions.", LOADED),
  quantity("throughput_up", "bit/s", "From the client, where a traffic has both directions.", LOADED),
  quantity("sent", "bit/s", "IP packets that were sent.", BY_FLOW),
  quantity("loss", "ratio", "Packets that never arrived, of those sent in the phase (RFC 7680).", BY_FLOW),
  quantity("reordered", "packets", "Packets that arrived after a later one (RFC 4737).", { ...BY_FLOW, ...COUNTED }),
  quantity("duplicates", "packets", "Copies that arrived beyond the first (RFC 5560).", { ...BY_FLOW, ...COUNTED }),
  quantity("unsent", "packets", "Packets that were due and not sent: the machine, not the product.", {
    ...BY_FLOW,
    ...COUNTED,
  }),
];
