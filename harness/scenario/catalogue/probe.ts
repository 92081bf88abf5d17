import { COUNTED, DISTRIBUTION, LOADED, NOT_IDLE, type Quantity, quantity } from "./quantity.js";

export const PROBE: readonly Quantity[] = [
  quantity("rtt", "s", "Round-trip time.", DISTRIBUTION),
  quantity("owd_down", "s", "One-way delay, server → client.", DISTRIBUTION),
  quantity("owd_up", "s", "One-way delay, client → server.", DISTRIBUTION),
  quantity("induced", "s", "RTT beyond the client's idle median: what the load adds.", {
    distribution: true,
    phases: NOT_IDLE,
  }),
  quantity("pdv", "s", "RTT beyond the smallest of the phase (RFC 5481 §4.2).", DISTRIBUTION),
  quantity("ipdv", "s", "Mean absolute difference of consecutive delays (RFC 5481 §4.1)."),
  quantity("jitter", "s", "Interarrival jitter (RFC 3550 §6.4.1) of the round trip."),
  quantity("jitter_down", "s", "Interarrival jitter, server → client."),
  quantity("jitter_up", "s", "Interarrival jitter, client → server."),
  quantity("loss", "ratio", "Packets whose echo never came, of those sent."),
  quantity("loss_down", "ratio", "Echoes lost on the way down."),
  quantity("loss_up", "ratio", "Packets lost on the way up."),
  quantity("duplicates", "packets", "Packets that arrived more than once.", COUNTED),
  quantity("reordered", "packets", "Packets that arrived after a later one (RFC 4737).", COUNTED),
  quantity("late", "packets", "Packets the generator sent late: the machine, not the product.", COUNTED),
  quantity(
    "recovery_time",
    "s",
    "From the start of the phase (of loaded: of the ramp) until p95 of the latency over each second is and stays within `recovered_below`; a phase that ends before counts with its whole length.",
    LOADED,
  ),
  quantity("grade", "grade", "Letter grade of the mean increase in RTT: A+ (< 5 ms) … F (≥ 400 ms).", {
    phases: NOT_IDLE,
  }),
];
