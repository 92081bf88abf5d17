import type { Case, Traffic } from "../scenario/types.js";
import type { Direction } from "./types.js";

/**
 * What TCP may have under way on a line that never drops: the receiver's window, half of the smallest limit that
 * endpoints get (sysctls.ts), in full-size frames.
 */
const TCP_WINDOW = Math.ceil((8 * 2 ** 20) / 1514);
const DIRECTIONS: readonly Direction[] = ["down", "up"];

/**
 * Frames that traffic may leave on the lines of paths beyond what their delay holds: an unlimited FIFO before a rate
 * that is lower than what comes in. UDP streams leave what is too much, for as long as they run; TCP, where nothing
 * slower is on its way, a window for each flow.
 */
export function backlogFrames(scenario: Case): number {
  const { servers, clients, paths } = scenario;
  const rateOf = (path: string | null): number | null => (path === null ? null : (paths[path]?.rate ?? null));
  let frames = 0;
  for (const direction of DIRECTIONS) {
    for (const [server, { path }] of Object.entries(servers)) {
      const rate = rateOf(path);
      // Towards the internet, frames have passed their shapers when they come to the server's path.
      const users = (one: Traffic) => (one.to === server ? one.from : []);
      if (rate !== null) frames += backlogOf(scenario, rate, direction, users, direction === "up");
    }
    for (const client of clients) {
      const rate = rateOf(client.path);
      const users = (one: Traffic) => (one.from.includes(client.name) ? [client.name] : []);
      if (rate !== null) frames += backlogOf(scenario, rate, direction, users, direction === "down");
    }
  }
  return frames;
}

/** On one line of `rate` bit/s. `usersOf`: the clients whose part of a traffic takes it, `shaped`: behind their plans. */
function backlogOf(
  scenario: Case,
  rate: number,
  direction: Direction,
  usersOf: (traffic: Traffic) => readonly string[],
  shaped: boolean,
): number {
  const { phases, traffic } = scenario;
  const goesThere = (one: Traffic) => "direction" in one && (one.direction === direction || one.direction === "both");
  const users = traffic.filter(goesThere).map((one) => ({ one, clients: usersOf(one) }));
  let [packets, offered, flows, plans] = [0, 0, 0, 0];
  for (const { one, clients } of users) {
    for (const client of clients) {
      const limit = planRate(scenario, client, direction);
      if (one.kind === "udp") {
        const admitted = shaped ? Math.min(one.rate, limit) : one.rate;
        offered += admitted;
        packets += admitted / (8 * one.size);
      } else if (one.kind === "tcp") {
        flows += one.flows;
        plans += limit;
      }
    }
  }
  const seconds = (phases.ramp + phases.loaded) / 1e9;
  const ofStreams = offered > rate ? packets * (1 - rate / offered) * seconds : 0;
  return Math.ceil(ofStreams) + (plans > rate ? flows * TCP_WINDOW : 0);
}

/** What a client's plan lets through, bit/s; infinite where it does not shape, or as its own arguments say. */
function planRate({ clients, plans }: Case, client: string, direction: Direction): number {
  const plan = plans[clients.find(({ name }) => name === client)?.plan ?? ""];
  const sqm = direction === "down" ? plan?.sqmDown : plan?.sqmUp;
  if (plan === undefined || sqm?.discipline === "none" || sqm?.discipline === "tc") return Number.POSITIVE_INFINITY;
  return plan[direction];
}
