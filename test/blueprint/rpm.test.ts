import test from "ava";
import { makeBlueprint } from "../../harness/blueprint/index.js";
import type { RpmScript } from "../../harness/blueprint/types.js";
import { GOOD, lines, load } from "../scenario/helpers.js";

function scenario(keys: string) {
  return load(`${GOOD}\n[traffic.x]\nkind = "rpm"\nfrom = "home"\nto = "web"\n${keys}\n`);
}

function sessions(keys: string) {
  const loaded = scenario(keys);
  const [first] = loaded.cases;
  if (!first) throw new Error(lines(loaded).join("\n"));
  return makeBlueprint(first, { lab: "mq-1a2b", seed: 1, cores: 2 }).traffic.sessions ?? [];
}

test("an RPM test runs as load does, with the draft's parameters", (t) => {
  const [first, second, ...more] = sessions("");
  t.is(more.length, 0);
  t.is(second?.client, 1);
  t.true((first?.start ?? 0) >= 3e9 && (first?.start ?? 0) < 3.2e9);
  t.is(first?.stop, 13e9);
  const script: RpmScript = {
    kind: "rpm",
    direction: "down",
    interval: 5e9,
    mad: 4,
    connections: 16,
    probes: 100,
    frame: 4096,
  };
  t.deepEqual(first?.script, script);
});

test("both directions are two tests at once, each with a port of its own; what is written is in them", (t) => {
  const found = sessions(
    'direction = "both"\ninterval = "1s"\nmad = 3\nmax_connections = 4\nprobes_per_second = 20\ndscp = "EF"',
  );
  t.deepEqual(
    found.map(({ client, script }) => [client, (script as RpmScript).direction]),
    [
      [0, "down"],
      [0, "up"],
      [1, "down"],
      [1, "up"],
    ],
  );
  t.is(new Set(found.map(({ port }) => port)).size, 2);
  const { interval, mad, connections, probes } = { ...found[0]?.script } as RpmScript;
  t.deepEqual([interval, mad, connections, probes], [1e9, 3, 4, 20]);
  t.true(found.every(({ dscp }) => dscp === 46));
});

test("settings and expectations that cannot be are refused with what is allowed", (t) => {
  const problem = (keys: string) => lines(scenario(keys)).join("\n");
  t.regex(problem('interval = "50ms"'), /50ms.*100ms/u);
  t.regex(problem("mad = 1"), /mad/u);
  t.regex(problem("max_connections = 65"), /max_connections/u);
  t.regex(problem("probes_per_second = 0"), /probes_per_second/u);
  t.regex(problem("flows = 4"), /flows/u);
  const expecting = (metric: string) => problem(`[[expect]]\nmetric = "${metric}"\nat_least = 1000`);
  t.is(expecting("x.rpm"), "");
  t.is(expecting("x.rpm_up"), "");
  t.regex(expecting("x.rpm.p50"), /x\.rpm/u);
  t.regex(expecting("x.idle.rpm"), /idle/u);
});
