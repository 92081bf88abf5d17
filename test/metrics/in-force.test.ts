import test from "ava";
import type { ChangeSetting, NodeBlueprint } from "../../harness/blueprint/types.js";
import { inForce, Shares } from "../../harness/metrics/index.js";
import { MS, type Synthetic, synthetic } from "../recording/fixture.js";

const node = (ceil: number): NodeBlueprint => ({ rate: 0, ceil, quantum: 0, priority: 0, burst: 0 });
const LOADED = { name: "loaded", start: 1200 * MS, end: 3200 * MS };

/** One client below a site, whose class says what it bought while its own shaper is off; and a change of it. */
function below(at: number, set: (s: Synthetic) => ChangeSetting[]): Synthetic {
  const s = synthetic({ clients: 1 });
  for (const client of s.blueprint.dataplane.clients) {
    Object.assign(client, { site: 0, node: { down: node(20e6), up: node(5e6) } });
    client.down.rate = client.up.rate = 0;
  }
  s.blueprint.timeline.changes = [{ at, text: "plan.home.down = 5mbit", set: set(s) }];
  return s;
}

const narrower = (): ChangeSetting[] => [{ client: 0, direction: "down", node: node(5e6) }];
const planOf = ({ blueprint }: Synthetic, direction: "down" | "up") =>
  new Shares(inForce(blueprint, LOADED)).plan("home-1", direction);

test("below a site, a change of the class is a change of the plan, from the phase on that begins after it", (t) => {
  t.is(planOf(below(1000 * MS, narrower), "down"), 5e6);
  t.is(planOf(below(1000 * MS, narrower), "up"), 5e6, "the other direction stays as it was");
  t.is(planOf(below(3200 * MS, narrower), "down"), 20e6, "the phase is over by then");
});

test("a plan that changes within a phase is none of both, unless only something else of it changes", (t) => {
  t.is(planOf(below(2000 * MS, narrower), "down"), null);
  t.is(
    planOf(
      below(2000 * MS, () => [{ client: 0, direction: "down", node: node(20e6) }]),
      "down",
    ),
    20e6,
  );
  const shaper = ({ blueprint }: Synthetic): ChangeSetting[] =>
    blueprint.dataplane.clients.map(({ id, down }) => ({
      client: id,
      direction: "down",
      shaper: { ...down, sqm: { discipline: "pfifo", limit: 10 } },
    }));
  t.is(planOf(below(2000 * MS, shaper), "down"), 20e6);
});

test("a site has the capacity in force; one that changes within the phase is unknown", (t) => {
  const capacity = (at: number) => {
    const s = below(at, () => [{ site: 0, direction: "down", node: node(10e6) }]);
    s.blueprint.dataplane.sites = [{ id: 0, name: "tower", parent: -1, reactor: 0, down: node(30e6), up: node(15e6) }];
    const [site] = inForce(s.blueprint, LOADED).dataplane.sites;
    return [site?.down.ceil, site?.up.ceil];
  };
  t.deepEqual(capacity(1000 * MS), [10e6, 15e6]);
  t.deepEqual(capacity(2000 * MS), [0, 15e6]);
  t.deepEqual(capacity(3200 * MS), [30e6, 15e6]);
});

test("flows that are over when the phase begins, or begin after it, take no part of what there is", (t) => {
  const s = synthetic({ clients: 1, flows: 3 });
  const [early, , late] = s.blueprint.traffic.flows;
  Object.assign(early as object, { stop: 1200 * MS });
  Object.assign(late as object, { start: 3200 * MS, stop: 3300 * MS });
  t.deepEqual(
    inForce(s.blueprint, LOADED).traffic.flows.map(({ id }) => id),
    [1],
  );
});
