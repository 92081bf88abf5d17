import test from "ava";
import { makeBlueprint } from "../../harness/blueprint/index.js";
import type { Blueprint } from "../../harness/blueprint/types.js";
import type { LabOp } from "../../harness/ffi/lab-ops.js";
import { buildStages, namespacesOf } from "../../harness/lab/plan.js";
import { GOOD, lines, load } from "../scenario/helpers.js";

const FAR = `${GOOD.replace("count = 2", 'path = "far"').replace("home-*", "home")}[path.far]\nrtt = "6ms"\n`;

function made(kind: string): Blueprint {
  const loaded = load(`${FAR}[dataplane]\nkind = "${kind}"\n`, { allowExec: true });
  const [first] = loaded.cases;
  if (!first) throw new Error(lines(loaded).join("\n"));
  return makeBlueprint(first, { lab: "l", seed: 1, cores: 2 });
}

const opsOf = (kind: string): LabOp[] => buildStages(made(kind).lab).flatMap(({ ops }) => ops);
const short = (netns: string) => netns.replace("/run/netns/l-", "");

/** Both ends of every link of the middle, `access/trunk0 – path-access/outer0`. */
function middleLinks(kind: string): string[] {
  return opsOf(kind).flatMap((op) => {
    if (op.op !== "veth_add" || op.b.name === "eth0") return [];
    return `${short(op.a.netns)}/${op.a.name} – ${short(op.b.netns)}/${op.b.name}`;
  });
}

/** Interfaces brought up as ends of the middle, with or without the stub. */
function peers(kind: string): string[] {
  return opsOf(kind).flatMap((op) =>
    op.op === "trunk_peer" ? `${short(op.netns)}/${op.ifname}${op.stub ? " stub" : ""}` : [],
  );
}

function withoutIpv6(kind: string): string[] {
  return opsOf(kind).flatMap((op) => (op.op === "sysctl" ? short(op.netns) : []));
}

test("afxdp: trunks end at the dataplane, which brings its own program and routes nothing", (t) => {
  t.deepEqual(middleLinks("afxdp"), ["access/trunk0 – dataplane/access0", "core/trunk0 – dataplane/core0"]);
  t.deepEqual(peers("afxdp"), ["dataplane/access0", "dataplane/core0"]);
  t.deepEqual(withoutIpv6("afxdp"), ["dataplane", "access", "core"]);
});

test("kernel: path stages take the place of access and core; stubs and IPv6 where the kernel routes", (t) => {
  t.deepEqual(middleLinks("kernel"), [
    "access/trunk0 – path-access/outer0",
    "core/trunk0 – path-core/outer0",
    "path-core/inner0 – dataplane/core0",
    "path-access/inner0 – dataplane/access0",
  ]);
  t.deepEqual(peers("kernel"), [
    "dataplane/access0 stub",
    "dataplane/core0 stub",
    "path-core/outer0",
    "path-core/inner0",
    "path-access/outer0",
    "path-access/inner0",
  ]);
  t.deepEqual(withoutIpv6("kernel"), ["access", "core", "path-core", "path-access"]);
});

test("stages are part of the lab: created before the endpoints, with one MAC, and removed with it", (t) => {
  const { lab } = made("none");
  t.deepEqual(namespacesOf(lab).slice(0, 5).map(short), ["dataplane", "access", "core", "path-core", "path-access"]);
  const macs = opsOf("none").flatMap((op) => (op.op === "trunk_peer" ? op.mac : []));
  t.deepEqual([...new Set(macs)], [lab.mac]);
});
