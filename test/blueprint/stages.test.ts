import test from "ava";
import { makeBlueprint } from "../../harness/blueprint/index.js";
import { lineFramesFor } from "../../harness/blueprint/shaping.js";
import type { PathBlueprint } from "../../harness/blueprint/types.js";
import type { Case } from "../../harness/scenario/types.js";
import { GOOD, lines, load } from "../scenario/helpers.js";
import { linesWith } from "./line.js";

function caseOf(text: string): Case {
  const loaded = load(text, { allowExec: true });
  const [first] = loaded.cases;
  if (!first) throw new Error(lines(loaded).join("\n"));
  return first;
}

const made = (text: string, cores = 2) => makeBlueprint(caseOf(text), { lab: "mq-1a2b", seed: 1, cores });
const on = (kind: string, more = "") => `${GOOD}\n[dataplane]\nkind = "${kind}"\n${more}`;
/** Clients far away behind the access network, and a second server next door. */
const FAR = `${GOOD.replace("count = 2", 'count = 2\npath = "far"')}[path.far]\nrtt = "31ms"\n[server.near]\n`;

test("afxdp: paths are fused, there are no stages", (t) => {
  const { lab, dataplane, pathStages } = made(FAR);
  t.deepEqual([lab.stages, lab.stub, pathStages], [[], false, []]);
  t.deepEqual([dataplane.kind, dataplane.link, dataplane.external], ["afxdp", null, null]);
  t.is(dataplane.reactors.length, 1);
  t.deepEqual(
    dataplane.clients.map(({ path }) => path),
    [1, 1],
  );
});

test("kernel: no reactors and no paths of its own, two interfaces and the plans", (t) => {
  const { lab, dataplane, pathStages } = made(on("kernel"));
  t.is(dataplane.kind, "kernel");
  t.deepEqual([dataplane.reactors, dataplane.paths], [[], []]);
  t.true([...dataplane.servers, ...dataplane.clients].every(({ path }) => path === -1));
  t.deepEqual(dataplane.link, { access: "access0", core: "core0", mac: lab.mac, mtu: 1500 });
  t.is(dataplane.clients[0]?.down.rate, 20e6);
  t.is(dataplane.clients[0]?.down.sqm.discipline, "fq_codel");
  t.true(lab.stub);
  t.deepEqual(lab.stages, [{ side: "core", netns: "/run/netns/mq-1a2b-path-core", outer: "outer0", inner: "inner0" }]);
  t.deepEqual(
    pathStages.map(({ side }) => side),
    ["core"],
  );
});

test("a stage is there for the side that has a path that does something, and only then", (t) => {
  const sides = (text: string) => made(text).lab.stages.map(({ side }) => side);
  const kernel = '[dataplane]\nkind = "none"\n';
  t.deepEqual(sides(FAR + kernel), ["core", "access"]);
  t.deepEqual(sides(FAR.replace('rtt = "20ms"', 'rtt = "0ms"') + kernel), ["access"]);
  t.deepEqual(sides(GOOD.replace('rtt = "20ms"', "") + kernel), []);
  t.deepEqual(
    made(FAR + kernel).lab.stages.map(({ netns }) => netns),
    ["/run/netns/mq-1a2b-path-core", "/run/netns/mq-1a2b-path-access"],
  );
});

test("a stage's process: its side's paths, everybody's addresses, the trunk ends by direction, and no shaping", (t) => {
  const { dataplane, pathStages } = made(`${FAR}[dataplane]\nkind = "kernel"\n`);
  const [core, access] = pathStages.map(({ process }) => process);
  t.deepEqual([core?.kind, core?.netns], ["path", "/run/netns/mq-1a2b-path-core"]);
  t.like(core?.reactors[0], { id: 0, core: 1, access: "inner0", coreTrunk: "outer0" });
  t.like(access?.reactors[0], { id: 0, core: 1, access: "outer0", coreTrunk: "inner0" });
  t.deepEqual(core?.paths, [{ id: 0, name: "metro", ...linesWith(10e6, 10e6) }]);
  t.deepEqual(access?.paths, [{ id: 0, name: "far", ...linesWith(15.5e6, 15.5e6) }]);
  const pathsIn = (process: typeof core) => [
    process?.servers.map(({ path }) => path),
    process?.clients.map(({ path }) => path),
  ];
  t.deepEqual(pathsIn(core), [
    [0, -1],
    [-1, -1],
  ]);
  t.deepEqual(pathsIn(access), [
    [-1, -1],
    [0, 0],
  ]);
  for (const process of [core, access]) {
    t.deepEqual(
      process?.clients.map(({ addresses }) => addresses),
      dataplane.clients.map(({ addresses }) => addresses),
    );
    const shapers = process?.clients.flatMap(({ down, up }) => [down, up]) ?? [];
    t.true(shapers.every(({ rate, sqm }) => rate === 0 && sqm.discipline === "none"));
    t.deepEqual([process?.link, process?.external], [null, null]);
  }
});

test("on one CPU nothing is pinned", (t) => {
  t.is(made(on("kernel"), 1).pathStages[0]?.process.reactors[0]?.core, -1);
});

test("external: the command is handed over, XDP stubs unless it brings its own", (t) => {
  const own = made(on("external", 'command = ["mine", "-v"]\nready = "line"\nxdp = "own"\n'));
  t.deepEqual(own.dataplane.external, { command: ["mine", "-v"], ready: "line", xdp: "own" });
  t.false(own.lab.stub);
  t.truthy(own.dataplane.link);
  const stub = made(on("external", 'command = ["mine"]\n'));
  t.deepEqual(stub.dataplane.external, { command: ["mine"], ready: 1e9, xdp: "stub" });
  t.true(stub.lab.stub);
});

test("Linux's disciplines reach the blueprint in its words", (t) => {
  const sqmOf = (sqm: string) => {
    const text = on("kernel").replace('discipline = "fq_codel", target = "7ms"', sqm);
    return made(text).dataplane.clients[0]?.up;
  };
  t.like(sqmOf('discipline = "cake", tins = "besteffort"')?.sqm, { tins: "besteffort", rtt: 100e6, memoryLimit: 0 });
  t.like(sqmOf('discipline = "codel"')?.sqm, { discipline: "codel", ceThreshold: -1 });
  t.deepEqual(sqmOf('discipline = "tc", args = "sfq"')?.sqm, { discipline: "tc", args: "sfq", rate: 0 });
});

test("frames of a stage: unshaped by what a machine moves, bounded by plans behind a kernel, by a path's own rate", (t) => {
  const line = (rate: number): PathBlueprint => ({ id: 0, name: "p", ...linesWith(50e6, 50e6, rate) });
  const scenario = caseOf(GOOD);
  t.is(lineFramesFor([line(0)], scenario, false), 37_888); // 4 Gbit/s × 100 ms / 1514 B + 4096
  t.is(lineFramesFor([line(0), line(0)], scenario, false), 37_888, "together no more than the machine moves");
  t.is(lineFramesFor([line(0)], scenario, true), 6144); // 2 × 25 Mbit/s × 100 ms / 512 B + 4096
  t.is(lineFramesFor([line(100e6)], scenario, false), 7168); // 100 Mbit/s × 100 ms / 512 B + 4096
  t.is(lineFramesFor([line(0)], caseOf(GOOD.replace('"fq_codel", target = "7ms"', '"none"')), true), 37_888);
  t.is(lineFramesFor([], scenario, false), 4096);
});
