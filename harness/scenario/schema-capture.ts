import { z } from "zod";
import { name, oneOrMore, size } from "./quantities.js";

/** [capture.NAME]: packets of a run as a pcapng file (docs/capture.md). */
export const capture = z
  .strictObject({
    at: z
      .enum(["client", "dataplane"])
      .default("client")
      .describe(
        "Where: `client`, eth0 in each client's namespace; `dataplane`, what comes in and goes out there and, where it is ours, what it drops and why.",
      ),
    from: oneOrMore("a client group, a client, `site/*` or a glob")
      .optional()
      .describe("Whose packets, written as in [traffic.NAME]; left out, everybody's."),
    side: z
      .enum(["access", "core", "both"])
      .optional()
      .describe(
        "At the dataplane: its interface towards the clients, towards the servers, or both, which is the default.",
      ),
    snaplen: size({ min: [64, "64B"], max: [2048, "2KiB"] })
      .prefault("128B")
      .describe("Bytes of each packet that are kept, from the Ethernet header on."),
    limit: size({ min: [64 * 1024, "64KiB"], max: [256 * 1024 * 1024, "256MiB"] })
      .prefault("16MiB")
      .describe("What the file may hold; beyond it the oldest packets fall out, and the file says how many."),
    phases: z
      .array(name())
      .min(1)
      .optional()
      .describe("Only during these phases; left out, from the start of the run to its end."),
    keep: z
      .enum(["on-fail", "always"])
      .default("on-fail")
      .describe("`on-fail`: the file is removed when the case has passed."),
  })
  .describe("Packets of a run as a pcapng file. `mqoe run --pcap on-fail` captures without a change of the scenario.");

export type CaptureSpec = z.output<typeof capture>;
