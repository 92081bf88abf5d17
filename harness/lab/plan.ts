import type { EndpointBlueprint, LabBlueprint, StageBlueprint, TrunkBlueprint } from "../blueprint/types.js";
import type { LabOp } from "../ffi/lab-ops.js";

/** One stage of building a lab; stages are timed apart, because their kernel costs grow differently. */
export interface LabStage {
  name: "namespaces" | "links" | "endpoints" | "ports";
  ops: LabOp[];
}

/** Namespaces that a lab will create, in order of creation. */
export function namespacesOf(lab: LabBlueprint): string[] {
  return [...innerNamespaces(lab), ...lab.endpoints.map((endpoint) => endpoint.netns)];
}

function innerNamespaces(lab: LabBlueprint): string[] {
  return [lab.dataplane, lab.access, lab.core, ...lab.stages.map((stage) => stage.netns)];
}

/**
 * Everything that turns an empty kernel into the lab of DESIGN §3, as operations for the lab engine. Pure. IPv6 is off
 * in the inner namespaces that route nothing: it makes link-up and XDP attach superlinear in the number of ports.
 */
export function buildStages(lab: LabBlueprint): LabStage[] {
  return [
    { name: "namespaces", ops: namespaceOps(lab) },
    {
      name: "links",
      ops: [
        ...lab.trunks.flatMap((trunk) => trunkLinks(lab, trunk)),
        ...lab.stages.map((stage) => stageLink(lab, stage)),
        ...lab.endpoints.map((e) => endpointLink(lab, e)),
      ],
    },
    { name: "endpoints", ops: lab.endpoints.map((endpoint) => endpointOp(lab, endpoint)) },
    { name: "ports", ops: portOps(lab) },
  ];
}

export function teardownOps(paths: string[]): LabOp[] {
  return paths.map((path) => ({ op: "netns_del", path, missing_ok: true }));
}

function namespaceOps(lab: LabBlueprint): LabOp[] {
  const quiet = { "net/ipv6/conf/all/disable_ipv6": "1", "net/ipv6/conf/default/disable_ipv6": "1" };
  return [
    ...namespacesOf(lab).map((path): LabOp => ({ op: "netns_add", path })),
    ...innerNamespaces(lab)
      .filter((netns) => netns !== lab.dataplane || !lab.stub)
      .map((netns): LabOp => ({ op: "sysctl", netns, values: quiet })),
    { op: "xdp_open", access: lab.access, core: lab.core, ports: lab.endpoints.length, shards: lab.trunks.length },
  ];
}

interface Interface {
  netns: string;
  name: string;
}

/** The dataplane's own ends of a trunk. */
function dataplaneEnds(lab: LabBlueprint, trunk: TrunkBlueprint): { access: Interface; core: Interface } {
  return {
    access: { netns: lab.dataplane, name: trunk.dataplaneAccess },
    core: { netns: lab.dataplane, name: trunk.dataplaneCore },
  };
}

/** The other end of a trunk of `access` or `core`: the path stage of that side, or the dataplane itself. */
function trunkEnd(lab: LabBlueprint, trunk: TrunkBlueprint, side: "access" | "core"): Interface {
  const stage = lab.stages.find((one) => one.side === side);
  return stage ? { netns: stage.netns, name: stage.outer } : dataplaneEnds(lab, trunk)[side];
}

function trunkLinks(lab: LabBlueprint, trunk: TrunkBlueprint): LabOp[] {
  const link = (a: Interface, side: "access" | "core"): LabOp => {
    return { op: "veth_add", mtu: lab.mtu, a, b: { ...trunkEnd(lab, trunk, side), mac: lab.mac } };
  };
  return [
    link({ netns: lab.access, name: trunk.accessPort }, "access"),
    link({ netns: lab.core, name: trunk.corePort }, "core"),
  ];
}

/** Between a path stage and the dataplane. Only dataplanes with one trunk have stages. */
function stageLink(lab: LabBlueprint, stage: StageBlueprint): LabOp {
  const a = { netns: stage.netns, name: stage.inner, mac: lab.mac };
  const b = dataplaneEnds(lab, lab.trunks[0] as TrunkBlueprint)[stage.side];
  return { op: "veth_add", mtu: lab.mtu, a, b: { ...b, mac: lab.mac } };
}

function endpointLink(lab: LabBlueprint, endpoint: EndpointBlueprint): LabOp {
  return {
    op: "veth_add",
    mtu: lab.mtu,
    a: { netns: innerNamespace(lab, endpoint), name: endpoint.port },
    b: { netns: endpoint.netns, name: "eth0", mac: lab.mac },
  };
}

function endpointOp(lab: LabBlueprint, endpoint: EndpointBlueprint): LabOp {
  return {
    op: "endpoint",
    netns: endpoint.netns,
    ifname: "eth0",
    mac: lab.mac,
    mtu: lab.mtu,
    ipv4: endpoint.ipv4,
    ipv6: endpoint.ipv6,
    gateway4: lab.gateway.ipv4,
    gateway6: lab.gateway.ipv6,
    sysctl: endpoint.sysctl,
    ...(endpoint.initialWindow === undefined ? {} : { initcwnd: endpoint.initialWindow }),
  };
}

function portOps(lab: LabBlueprint): LabOp[] {
  return [
    ...lab.trunks.flatMap((trunk): LabOp[] => [
      { op: "trunk", side: "access", netns: lab.access, ifname: trunk.accessPort, shard: trunk.shard },
      { op: "trunk", side: "core", netns: lab.core, ifname: trunk.corePort, shard: trunk.shard },
      ...Object.values(dataplaneEnds(lab, trunk)).map((end) => peerOp(lab, end, lab.stub)),
    ]),
    ...lab.stages.flatMap(({ netns, outer, inner }) =>
      [outer, inner].map((name) => peerOp(lab, { netns, name }, false)),
    ),
    ...lab.endpoints.map((endpoint) => portOp(lab, endpoint)),
    ...lab.trunks.map((trunk) => routeOp(lab, trunk.shard)),
  ];
}

/** An interface of the middle; without `stub` its owner attaches a program of its own. */
function peerOp(lab: LabBlueprint, { netns, name }: Interface, stub: boolean): LabOp {
  return { op: "trunk_peer", netns, ifname: name, mac: lab.mac, ...(stub ? { stub } : {}) };
}

function portOp(lab: LabBlueprint, endpoint: EndpointBlueprint): LabOp {
  return {
    op: "port",
    side: endpoint.role === "client" ? "access" : "core",
    netns: innerNamespace(lab, endpoint),
    ifname: endpoint.port,
    shard: endpoint.shard,
    ipv4: endpoint.ipv4,
    ipv6: endpoint.ipv6,
  };
}

/** Downstream, a server's frames find the shard of the client they are for. */
function routeOp(lab: LabBlueprint, shard: number): LabOp {
  const clients = lab.endpoints.filter((endpoint) => endpoint.role === "client" && endpoint.shard === shard);
  return {
    op: "route",
    side: "core",
    shard,
    ipv4: clients.flatMap((client) => client.ipv4),
    ipv6: clients.flatMap((client) => client.ipv6),
  };
}

function innerNamespace(lab: LabBlueprint, endpoint: EndpointBlueprint): string {
  return endpoint.role === "client" ? lab.access : lab.core;
}
