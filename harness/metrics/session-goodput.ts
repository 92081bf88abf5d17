import type { FlowBlueprint, SessionBlueprint } from "../blueprint/types.js";
import { sum } from "../stats/index.js";
import { type Context, overlaps } from "./context.js";
import { metricName } from "./names.js";
import { groupBy, type Sheet } from "./sheet.js";
import { FlowRecording } from "./tcp-flow.js";

/**
 * Goodput of sessions that download what they ask for, by traffic: what their clients read, over the whole phase, with
 * the time in which nothing was asked for.
 */
export function putSessionGoodput(context: Context, sheet: Sheet, sessions: readonly SessionBlueprint[]): void {
  const recording = new FlowRecording(context);
  for (const [traffic, own] of groupBy(sessions, (session) => [session.traffic])) {
    for (const phase of context.phases) {
      const measured = own
        .filter((session) => overlaps(phase, session.start, session.stop))
        .map((session) => recording.measure(asFlow(session), context.shares.clientName(session.client), phase, null));
      for (const [group, members] of groupBy(measured, ({ client }) => context.groupsOf(client))) {
        const known = members.flatMap(({ goodput }) => goodput ?? []);
        // Null as soon as one was not recorded: a sum over the rest would understate.
        const goodput = known.length === members.length ? sum(known) : null;
        const bins = sum(members.map((member) => member.bins));
        sheet.put(group, metricName(traffic, phase.name, "goodput"), goodput, "bit/s", bins, "goodput");
      }
    }
  }
}

/** Its bytes are recorded as those of a flow with its id. */
function asFlow({ script: _script, rtt: _rtt, ...session }: SessionBlueprint): FlowBlueprint {
  return { ...session, direction: "down", clientPort: 0 };
}
