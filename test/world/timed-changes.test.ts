import test from "ava";
import type { ChangeBlueprint } from "../../harness/blueprint/types.js";
import { clockMonotonic } from "../../harness/ffi/spool.js";
import { TimedChanges } from "../../harness/world/timed-changes.js";

const MS = 1e6;
const change = (at: number, text: string): ChangeBlueprint => ({ at: at * MS, text, set: [] });

/** A middle that notes when it is told what, and refuses `bad`. */
function listening() {
  const told: { text: string; at: number }[] = [];
  const events: Record<string, unknown>[] = [];
  const middle = {
    change: async (_: number, one: Pick<ChangeBlueprint, "set">) => {
      const { text } = one as ChangeBlueprint;
      told.push({ text, at: clockMonotonic() });
      if (text === "bad") throw new Error("dataplane: change $.set[0]: no such client (EINVAL)");
    },
  };
  const log = { write: (event: string, fields: object = {}) => void events.push({ event, ...fields }) };
  return { told, events, middle, log };
}

test("each change is told when its time has come, never before, in order, and how late is noted", async (t) => {
  const { told, events, middle, log } = listening();
  const t0 = clockMonotonic() + 5 * MS;
  const shown: string[] = [];
  const planned = [change(10, "one"), change(10, "two"), change(40, "bad")];
  const changes = new TimedChanges(planned, middle, log, (text) => void shown.push(text));
  const error = await changes.failure(t0);
  t.deepEqual(
    told.map(({ text }) => text),
    ["one", "two", "bad"],
  );
  for (const [index, at] of [10, 10, 40].entries()) t.true((told[index]?.at ?? 0) >= t0 + at * MS);
  t.deepEqual(
    events.map(({ event, set, at }) => [event, set, at]),
    [
      ["change", "one", 0.01],
      ["change", "two", 0.01],
      ["change", "bad", 0.04],
    ],
  );
  t.deepEqual(shown, ["at 0.01 s: one", "at 0.01 s: two"]);
  for (const { late_ms } of events) t.true((late_ms as number) >= 0);
  t.regex(error.message, /^the change at 0\.04 s \(bad\) failed: dataplane: change .*no such client/u);
  t.is(events[2]?.error, "dataplane: change $.set[0]: no such client (EINVAL)");
});

test("after the end of the run nothing is told, and that is no failure", async (t) => {
  const { told, middle, log } = listening();
  const changes = new TimedChanges([change(30, "late")], middle, log);
  const failure = changes.failure(clockMonotonic()).then(() => "failed");
  changes.stop();
  const waited = new Promise((resolve) => setTimeout(resolve, 60, "nothing"));
  t.is(await Promise.race([failure, waited]), "nothing");
  t.deepEqual(told, []);
});
