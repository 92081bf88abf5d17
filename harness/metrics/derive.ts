import type { Run } from "../recording/index.js";
import { accountingOf } from "./accounting.js";
import { makeContext } from "./context.js";
import { dataplaneMetrics } from "./dataplane.js";
import { execMetrics } from "./exec.js";
import { probeMetrics } from "./probe.js";
import { recoveryMetrics } from "./recovery.js";
import { rpmMetrics } from "./rpm.js";
import { Sheet } from "./sheet.js";
import { tcpMetrics } from "./tcp.js";
import { tinMetrics } from "./tins.js";
import { transferMetrics } from "./transfer.js";
import type { Accounting, RunMetrics } from "./types.js";
import { udpMetrics } from "./udp.js";
import { videoMetrics } from "./video.js";
import { webMetrics } from "./web.js";

export interface DerivedMetrics extends RunMetrics {
  /** Null when nothing of the dataplane was recorded. */
  accounting: Accounting | null;
}

/**
 * All metrics of a run, a pure function of what its folder holds. Total: over all clients' raw samples (percentiles
 * pooled, rates added up); `by`: the same of each client, site and flow. A metric that nothing was recorded for is
 * null or absent, never 0. Without a blueprint nothing can be attributed, and only the accounting is left.
 */
export function deriveMetrics(run: Run): DerivedMetrics {
  const accounting = accountingOf(run);
  const sheet = new Sheet();
  if (run.blueprint !== null) {
    const context = makeContext(run, run.blueprint);
    probeMetrics(context, sheet);
    recoveryMetrics(context, sheet);
    tcpMetrics(context, sheet);
    transferMetrics(context, sheet);
    udpMetrics(context, sheet);
    webMetrics(context, sheet);
    videoMetrics(context, sheet);
    rpmMetrics(context, sheet);
    execMetrics(context, sheet);
    dataplaneMetrics(context, sheet, accounting);
    tinMetrics(context, sheet);
  }
  return { ...sheet.metricsOfRun(), accounting };
}
