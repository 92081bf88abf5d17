import { COUNTED, DISTRIBUTION, eachWay, LOADED, type Quantity, quantity, WHOLE_RUN } from "./quantity.js";

const WHEN_ASKED = { ...LOADED, ...DISTRIBUTION };

export const RPM: readonly Quantity[] = [
  quantity(
    "rpm",
    "score",
    "Round trips per minute under load: the mean of `rpm_foreign` and `rpm_loaded`. Of the last `mad` intervals, without the slowest 5 % of each kind of probe (draft-ietf-ippm-responsiveness-09, TCP only).",
    WHOLE_RUN,
  ),
  ...eachWay("rpm", "score", "That of the test whose load goes one way").map((each) => ({ ...each, ...WHOLE_RUN })),
  quantity("rpm_foreign", "score", "Its part of new connections: of the mean of `tcp_f` and `http_f`.", WHOLE_RUN),
  quantity("rpm_loaded", "score", "Its part of connections that generate load: of `http_l`.", WHOLE_RUN),
  quantity(
    "rpm_confidence",
    "count",
    "0 low: fewer than `mad` intervals; 1 medium: not stable at the end; 2 high: goodput and responsiveness are. Of several tests the lowest.",
    WHOLE_RUN,
  ),
  quantity(
    "stable_after",
    "s",
    "From the start until goodput and responsiveness were both stable for the first time; of several tests the longest.",
    WHOLE_RUN,
  ),
  quantity("connections", "count", "That generated load at the end; of several tests the sum.", WHOLE_RUN),
  quantity("goodput", "bit/s", "Of all connections; of both directions the sum.", LOADED),
  quantity("tcp_f", "s", "Handshake of a new connection.", WHEN_ASKED),
  quantity("http_f", "s", "Request and answer of one byte over it.", WHEN_ASKED),
  quantity("http_l", "s", "Request and answer of one byte over a connection that generates load.", WHEN_ASKED),
  quantity("failed", "count", "Probes whose connection broke or was refused.", { ...LOADED, ...COUNTED }),
];
