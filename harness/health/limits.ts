/**
 * When the machine was the limit rather than the product: one table, because whoever doubts an `invalid` asks for the
 * number and its reason first. Above `invalid` a run is no evidence; above `warn` the reader is told.
 */
export interface Limit {
  name: string;
  unit: string;
  warn: number | null;
  invalid: number | null;
  /** Why this number; part of the sentence that a report prints. */
  why: string;
}

/**
 * Loss outside the bottleneck that TCP does not notice: by its rate law 1.2/(RTT·√p) packets/s (RFC 5166 §2.1), p = 10⁻⁵
 * alone would limit a flow at 20 ms RTT to 230 Mbit/s, well above what a flow of a judged client gets.
 */
const HARMLESS_LOSS = 1e-5;

export const LIMITS = {
  ended: {
    name: "run-ended",
    unit: "count",
    warn: null,
    invalid: 0,
    why: "a run that did not end by itself did not measure its scenario",
  },
  damage: {
    name: "recording-complete",
    unit: "files",
    warn: null,
    invalid: 0,
    why: "what was not recorded cannot be judged, nor the machine that should have recorded it",
  },
  lostRecords: {
    name: "recording-lost",
    unit: "records",
    warn: null,
    invalid: 0,
    why: "percentiles of a recording with holes are not those of the run",
  },
  reactorCpu: {
    name: "cpu-headroom",
    unit: "ratio",
    warn: 0.75,
    invalid: 0.9,
    why: "a busier reactor delays frames by itself, and its queue is not the product's",
  },
  trafficCpu: {
    name: "generator-cpu",
    unit: "ratio",
    warn: 0.75,
    invalid: 0.9,
    why: "a busier generator sends and receives when it can, not when it should",
  },
  machineCpu: {
    name: "machine-cpu",
    unit: "ratio",
    warn: 0.9,
    invalid: 0.97,
    why: "without idle CPU every latency contains the scheduler's",
  },
  steal: {
    name: "steal",
    unit: "ratio",
    // What stolen time does to a run shows, and is judged, as lateness of generator and timers; only so much of it that
    // those could not be trusted either is invalid by itself.
    warn: 0.02,
    invalid: 0.25,
    why: "time that the hypervisor takes stops shaper and generator alike",
  },
  lateness: {
    name: "generator-late",
    unit: "s",
    // The limit is the probes' own interval; see the check.
    warn: 0,
    invalid: null,
    why: "a probe later than its interval samples another moment than planned",
  },
  lateProbes: {
    name: "probes-late",
    unit: "ratio",
    warn: null,
    invalid: 0.001,
    why: "p99.9 stands on one slot in a thousand",
  },
  probeLateness: {
    name: "probe-lateness",
    unit: "s",
    warn: null,
    invalid: 0.001,
    why: "a generator that is late for one packet in a hundred does not keep the scenario's time",
  },
  streamsSkipped: {
    name: "streams-skipped",
    unit: "ratio",
    warn: 0,
    invalid: 0.001,
    why: "a stream with holes where the generator stood still is another load than the scenario's",
  },
  streamsRefused: {
    name: "streams-refused",
    unit: "ratio",
    warn: 0,
    invalid: 0.001,
    why: "a stream that is not sent as planned is another load than the scenario's",
  },
  streamsLate: {
    name: "streams-late",
    unit: "s",
    // What is late is caught up with for 20 ms (native/traffic/stream.c); the queue then meets a burst.
    warn: 0.005,
    invalid: null,
    why: "packets that are caught up with come as a burst, not on the clock",
  },
  streamsOverrun: {
    name: "streams-overrun",
    unit: "ratio",
    warn: 0,
    invalid: HARMLESS_LOSS,
    why: "a packet that a full socket drops looks like one that the bottleneck dropped",
  },
  kernelDrops: {
    name: "kernel-drops",
    unit: "ratio",
    warn: 0,
    invalid: HARMLESS_LOSS,
    why: "a frame lost outside the bottleneck looks to TCP like one that the AQM dropped",
  },
  rigDrops: {
    name: "rig-drops",
    unit: "ratio",
    warn: 0,
    invalid: HARMLESS_LOSS,
    why: "a frame lost for lack of memory or ring space looks to TCP like one that the AQM dropped",
  },
  softnetDrops: {
    name: "softnet-drops",
    unit: "ratio",
    warn: 0,
    invalid: HARMLESS_LOSS,
    why: "the kernel throws packets away when a CPU's backlog is full, whosever they are",
  },
  unaccounted: {
    name: "unaccounted",
    unit: "packets",
    warn: null,
    invalid: 0,
    why: "a frame neither delivered, dropped nor held disproves the accounting, and with it every count",
  },
  clockStep: {
    name: "clock-step",
    unit: "s",
    warn: 0.0001,
    invalid: 0.001,
    why: "receive timestamps are wall-clock time: a step is a latency that never was",
  },
  timerLate: {
    name: "timer-lateness",
    unit: "s",
    warn: 0.002,
    invalid: null,
    why: "a dataplane that wakes later adds that to every sojourn and sends in bursts",
  },
  stalls: {
    name: "stalls",
    unit: "ratio",
    warn: 0.002,
    invalid: 0.01,
    why: "a p99 stands on one hundredth of the time, and the machine stood still for as much",
  },
  detours: {
    name: "detours",
    unit: "ratio",
    warn: 0.001,
    invalid: 0.01,
    why: "they waited somewhere in the machine, outside of the network under test, and a p99 stands on one in a hundred",
  },
} as const satisfies Record<string, Limit>;
