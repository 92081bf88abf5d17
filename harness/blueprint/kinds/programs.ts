import { execTimes, fillIn } from "../../scenario/kinds/exec.js";
import type { Case, ExecTraffic } from "../../scenario/types.js";
import type { EndpointBlueprint, ProgramBlueprint, ProgramsBlueprint, UserBlueprint } from "../types.js";
import { countPerClient } from "./common.js";
import { withLives } from "./segments.js";

/** Beyond all other ports of servers; below 32768, where Linux takes its own from. */
const FIRST_PORT = 30001;

/** Who runs programs where no user is known: `nobody`. */
export const NOBODY: UserBlueprint = { uid: 65534, gid: 65534 };

type Endpoints = ReadonlyMap<string, EndpointBlueprint>;

interface Context {
  phases: Case["phases"];
  seed: number;
  endpoints: Endpoints;
}

/** All programs of a case, each traffic's servers before its clients; undefined when it has none. */
export function programsOf(
  scenario: Case,
  endpoints: readonly EndpointBlueprint[],
  seed: number,
  user: UserBlueprint = NOBODY,
): ProgramsBlueprint | undefined {
  const { traffic, phases } = scenario;
  const context = { phases, seed, endpoints: new Map(endpoints.map((endpoint) => [endpoint.name, endpoint])) };
  const living = withLives(scenario, seed).traffic.filter((one) => one.kind === "exec");
  let port = FIRST_PORT;
  const programs = traffic.flatMap((one) => {
    if (one.kind !== "exec") return [];
    const first = port;
    port += one.serverPer === "client" ? one.from.length : 1;
    const lives = living.filter(({ name }) => name === one.name);
    return lives.length > 0 ? programsOfTraffic(one, lives, first, context) : [];
  });
  return programs.length > 0 ? { user, programs } : undefined;
}

/** `lives`: the same traffic in the parts of the run in which it is there; its servers are there all the time. */
function programsOfTraffic(
  traffic: ExecTraffic,
  lives: readonly ExecTraffic[],
  first: number,
  context: Context,
): ProgramBlueprint[] {
  const { from, serverPer, serverCommand } = traffic;
  const isEach = serverPer === "client";
  const portOf = (client: string | null) => first + (isEach && client !== null ? from.indexOf(client) : 0);
  const served = serverCommand === null ? [] : isEach ? from : [null];
  const servers = served.map((client) => serverOf(traffic, serverCommand ?? [], client, portOf(client), context));
  const countOf = countPerClient(1);
  const clients = lives.flatMap((life) => {
    const { start, stop } = execTimes(life, context.phases);
    const present = start < stop ? life.from : [];
    return present.map((client) => clientOf(life, client, countOf(client), portOf(client), context));
  });
  return [...servers, ...clients];
}

/** `nth`: from 1; a client that comes and goes runs its program every time. */
function clientOf(traffic: ExecTraffic, client: string, nth: number, port: number, run: Context): ProgramBlueprint {
  const { command } = traffic;
  const { start, stop } = execTimes(traffic, run.phases);
  const values = valuesOf(traffic, client, port, run);
  return {
    name: nth === 1 ? `${traffic.name}.${client}` : `${traffic.name}.${client}.${nth}`,
    traffic: traffic.name,
    role: "client",
    endpoint: client,
    netns: netnsOf(run.endpoints, client),
    command: command.map((word) => fillIn(word, values)),
    environment: environmentOf(values),
    port: null,
    start,
    stop,
  };
}

function serverOf(
  traffic: ExecTraffic,
  command: readonly string[],
  client: string | null,
  port: number,
  run: Context,
): ProgramBlueprint {
  const values = valuesOf(traffic, client, port, run);
  const isTold = command.some((word) => fillIn(word, { port: "" }) !== word);
  return {
    name: `${traffic.name}.${client ?? traffic.to}.server`,
    traffic: traffic.name,
    role: "server",
    endpoint: traffic.to,
    netns: netnsOf(run.endpoints, traffic.to),
    command: command.map((word) => fillIn(word, values)),
    environment: environmentOf(values),
    port: isTold ? port : null,
    start: null,
    stop: null,
  };
}

/** What placeholders stand for; those about a client only where there is one. */
function valuesOf(traffic: ExecTraffic, client: string | null, port: number, run: Context): Record<string, string> {
  const { seconds } = execTimes(traffic, run.phases);
  const { family, dscp } = traffic;
  const of = (name: string, role: "client" | "server", host: number) => {
    const { ipv4, ipv6 } = endpointOf(run.endpoints, name);
    const addresses = { ipv4: ipv4[host] ?? "", ipv6: ipv6[host] ?? "" };
    const each = { [`${role}_ipv4`]: addresses.ipv4, [`${role}_ipv6`]: addresses.ipv6, [`${role}_name`]: name };
    return { [role]: addresses[family], ...each };
  };
  return {
    ...of(traffic.to, "server", 0),
    ...(client === null ? {} : of(client, "client", (traffic.host ?? 1) - 1)),
    port: String(port),
    duration: String(Math.max(seconds, 0)),
    seed: String(run.seed),
    dscp: String(dscp),
    tos: String(dscp * 4),
  };
}

/** `server_ipv4` as MQOE_SERVER_IPV4, and so on. */
function environmentOf(values: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [`MQOE_${name.toUpperCase()}`, value]));
}

function netnsOf(endpoints: Endpoints, name: string): string {
  return endpointOf(endpoints, name).netns;
}

function endpointOf(endpoints: Endpoints, name: string): EndpointBlueprint {
  const endpoint = endpoints.get(name);
  if (endpoint === undefined) throw new Error(`mqoe: the case names an endpoint "${name}" that it does not have`);
  return endpoint;
}
