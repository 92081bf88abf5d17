import { sitesFrom } from "../scenario/ancestry.js";
import type { Case, Client, Traffic } from "../scenario/types.js";
import { bufferFrames, slowestRate } from "./paths.js";
import { sharesOf } from "./shares.js";
import type { Direction } from "./types.js";

/**
 * What TCP may have under way on a line that never drops: the receiver's window, half of the smallest limit that
 * endpoints get (sysctls.ts), in full-size frames.
 */
const TCP_WINDOW = Math.ceil((8 * 2 ** 20) / 1514);
/** As many as a program is reckoned to open, each way; what it really does is its own affair. */
const FLOWS_OF_PROGRAM = 16;
const DIRECTIONS: readonly Direction[] = ["down", "up"];

/** Of a traffic that sends in some direction: what one of its clients has of it there. */
interface Load {
  kind: "tcp" | "udp" | "rpm" | "exec";
  server: string;
  flows: number;
  /** UDP: bit/s of IP, packets/s. */
  rate: number;
  packets: number;
}

/** How much traffic there is on whose line, beyond what queues and delays are counted for anyway. */
export class Backlog {
  readonly #scenario: Case;
  /** Plan of each client, bit/s; infinite where it does not shape, or as its own arguments say. */
  readonly #plans: Map<string, Record<Direction, number>>;
  /** Max–min fair rate of each client below a site, bit/s: what it has when all send. */
  readonly #shares: Map<string, Record<Direction, number>>;
  /** `down home-1` → what goes there. */
  readonly #loads = new Map<string, Load[]>();

  constructor(scenario: Case) {
    this.#scenario = scenario;
    this.#plans = new Map(scenario.clients.map(({ name, plan }) => [name, planRates(scenario, plan)]));
    const below = new Set(scenario.clients.flatMap(({ name, site }) => (site === null ? [] : [name])));
    const shares = below.size > 0 ? sharesOf(scenario) : [];
    this.#shares = new Map(shares.flatMap((share) => (below.has(share.client) ? [[share.client, share]] : [])));
    for (const one of scenario.traffic) {
      for (const direction of DIRECTIONS) this.#add(one, direction);
    }
  }

  #add(one: Traffic, direction: Direction): void {
    const load = loadOf(one, direction);
    if (load === null) return;
    for (const client of one.from) {
      const key = `${direction} ${client}`;
      const list = this.#loads.get(key);
      if (list === undefined) this.#loads.set(key, [load]);
      else list.push(load);
    }
  }

  /**
   * The directions in which a client's UDP streams ask for more than a fair part of its plan or share, or programs might: nothing that a queue does
   * makes them send less, so they fill it to its limit.
   */
  floodedDirections(client: string): Direction[] {
    return DIRECTIONS.filter((direction) => {
      const loads = this.#loadsOf(client, direction);
      const flows = loads.reduce((sum, load) => sum + load.flows, 0);
      const fair = (this.#shares.get(client)?.[direction] ?? this.#planOf(client, direction)) / flows;
      return loads.some(({ kind, rate }) => kind === "exec" || rate > fair);
    });
  }

  /**
   * Frames that traffic may leave on the lines of paths beyond what their delay holds: a FIFO, without a limit unless the
   * path has one, before a rate that is lower than what comes in. UDP streams leave what is too much, for as long as they run; TCP, where nothing
   * slower is on its way, a window for each flow.
   */
  frames(): number {
    const { servers, sites, clients } = this.#scenario;
    const names = clients.map(({ name }) => name);
    const below = (site: string) => {
      const isBelow = ({ site: own }: Client) =>
        sitesFrom(own ?? undefined, (name) => sites[name]?.parent).includes(site);
      return clients.filter(isBelow).map(({ name }) => name);
    };
    let frames = 0;
    for (const direction of DIRECTIONS) {
      for (const [server, { path }] of Object.entries(servers)) {
        // Towards the internet, frames have passed their shapers when they come to the server's path.
        frames += this.#before(path, direction, names, server, direction === "up");
      }
      for (const [site, { path = null }] of Object.entries(sites)) {
        if (path !== null) frames += this.#before(path, direction, below(site), null, direction === "down");
      }
      for (const { name, path } of clients) frames += this.#before(path, direction, [name], null, direction === "down");
    }
    return frames;
  }

  /** Before one owner's line of a path. */
  #before(
    path: string | null,
    direction: Direction,
    clients: readonly string[],
    server: string | null,
    shaped: boolean,
  ): number {
    const line = path === null ? undefined : this.#scenario.paths[path]?.[direction];
    const rate = line ? slowestRate(line) : null;
    if (!line || rate === null) return 0;
    return Math.min(this.#onLine(rate, direction, clients, server, shaped), Math.ceil(bufferFrames(line)));
  }

  /** On a line of `rate` bit/s that `clients` use, all of them or towards `server`; `shaped`: behind their plans. */
  #onLine(
    rate: number,
    direction: Direction,
    clients: readonly string[],
    server: string | null,
    shaped: boolean,
  ): number {
    let [packets, offered, flows, plans] = [0, 0, 0, 0];
    for (const client of clients) {
      const plan = this.#planOf(client, direction);
      for (const load of this.#loadsOf(client, direction)) {
        if (server !== null && load.server !== server) continue;
        const admitted = shaped ? Math.min(1, plan / Math.max(load.rate, 1)) : 1;
        offered += load.rate * admitted;
        packets += load.packets * admitted;
        if (load.kind === "udp") continue;
        flows += load.flows;
        plans += plan;
      }
    }
    const { ramp, loaded } = this.#scenario.phases;
    const ofStreams = offered > rate ? (packets * (1 - rate / offered) * (ramp + loaded)) / 1e9 : 0;
    return Math.ceil(ofStreams) + (plans > rate ? flows * TCP_WINDOW : 0);
  }

  #loadsOf(client: string, direction: Direction): readonly Load[] {
    return this.#loads.get(`${direction} ${client}`) ?? [];
  }

  #planOf(client: string, direction: Direction): number {
    return this.#plans.get(client)?.[direction] ?? Number.POSITIVE_INFINITY;
  }
}

function loadOf(one: Traffic, direction: Direction): Load | null {
  if (one.kind === "exec") return { kind: "exec", server: one.to, flows: FLOWS_OF_PROGRAM, rate: 0, packets: 0 };
  if (!("direction" in one) || (one.direction !== direction && one.direction !== "both")) return null;
  const [rate, packets] = one.kind === "udp" ? [one.rate, one.rate / (8 * one.size)] : [0, 0];
  return { kind: one.kind, server: one.to, flows: connectionsOf(one), rate, packets };
}

function connectionsOf(one: Traffic): number {
  if (one.kind === "rpm") return one.maxConnections;
  return one.kind === "tcp" ? one.flows : 1;
}

function planRates({ plans }: Case, name: string): Record<Direction, number> {
  const plan = plans[name];
  const rate = (direction: Direction, discipline: string | undefined): number =>
    plan === undefined || discipline === "none" || discipline === "tc" ? Number.POSITIVE_INFINITY : plan[direction];
  return { down: rate("down", plan?.sqmDown.discipline), up: rate("up", plan?.sqmUp.discipline) };
}
