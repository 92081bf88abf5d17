import type { Case, Client, Life, Traffic } from "../../scenario/types.js";
import { type Rng, seededRng } from "../../stats/index.js";
import { after } from "../versions.js";

/**
 * Traffic that is not the same all the time, cut into lives: parts in which it is. A [[change]] may enable it or give it
 * other settings, clients join and leave, and which of them are active may be drawn anew. Whatever a cut leaves as it is
 * – a client that stays active, the first four flows when there are eight now – goes on in one life, over the cut.
 */

interface Window {
  start: number;
  stop: number;
}

/** Part of a traffic's window in which nothing of it changes. */
interface Epoch extends Window {
  traffic: Traffic;
  /** Who is active, in the order of `from`. */
  clients: string[];
}

/** Probes, and what is measured as they are, run all the time (web where it says so); everything else is load. */
const ALL_THE_TIME = ["probe", "voip", "game"];

/** The case with each traffic in its lives; what is the same all the time, for all its clients, as it was. */
export function withLives(scenario: Case, seed: number): Case {
  return { ...scenario, traffic: scenario.traffic.flatMap((one) => livesOf(scenario, one, seed)) };
}

/** What of a window a traffic is there for; null: nothing. */
export function during({ life }: Traffic, window: Window): Window | null {
  if (life === undefined) return window;
  const start = Math.max(window.start, life.start);
  const stop = Math.min(window.stop, life.stop);
  return start < stop ? { start, stop } : null;
}

/** A seeded offset within an interval, which leaves something of the window. */
export function offsetIn({ start, stop }: Window, interval: number, random: Rng): number {
  return Math.min(Math.floor(random.next() * interval), stop - start - 1);
}

function livesOf(scenario: Case, traffic: Traffic, seed: number): Traffic[] {
  const epochs = epochsOf(scenario, traffic, seed);
  const [only, ...others] = epochs;
  if (only !== undefined && others.length === 0 && only.clients.length === traffic.from.length) return [only.traffic];
  const lanes = new Lanes(traffic);
  for (const epoch of epochs) lanes.follow(epoch);
  return lanes.end(epochs.at(-1)?.stop ?? 0);
}

// ---- who is active when ----------------------------------------------------------------------------------------------

/** When a traffic is there at all, whatever changes. */
export function windowOf({ duration, phases }: Case, traffic: Traffic): Window {
  const { idle, ramp, loaded } = phases;
  const isAlways = ALL_THE_TIME.includes(traffic.kind) || (traffic.kind === "web" && traffic.idle);
  return isAlways ? { start: 0, stop: duration } : { start: idle, stop: idle + ramp + loaded };
}

/** The clients of a traffic that are active at a time, of the case as it is then. */
export function activeAt(now: Case, traffic: Traffic, at: number, seed: number): string[] {
  const online = new Set(now.clients.flatMap((client) => (client.online === false ? [] : [client.name])));
  return activeOf(traffic, online, drawAt(now, traffic, at), seed);
}

/** Moments at which another subset of a traffic's clients is drawn, without the first. */
export function drawsOf(scenario: Case, traffic: Traffic): number[] {
  const { start, stop } = windowOf(scenario, traffic);
  const { active, reshuffle } = traffic;
  if (active === undefined || reshuffle === undefined) return [];
  return Array.from({ length: Math.ceil((stop - start) / reshuffle) - 1 }, (_, n) => start + (n + 1) * reshuffle);
}

/** Which draw is in force, counted from the beginning of the traffic's window. */
function drawAt(scenario: Case, traffic: Traffic, at: number): number {
  const { start } = windowOf(scenario, traffic);
  return traffic.reshuffle === undefined ? 0 : Math.max(0, Math.floor((at - start) / traffic.reshuffle));
}

/**
 * A client's place in a draw is its own, whoever else is there: when somebody leaves, the next one comes in and all
 * others stay, and 10 % are those of 5 % and as many more.
 */
function activeOf(traffic: Traffic, online: ReadonlySet<string>, draw: number, seed: number): string[] {
  if (traffic.enabled === false) return [];
  const present = traffic.from.filter((client) => online.has(client));
  const count = countOf(traffic.active, present.length);
  if (count >= present.length) return present;
  const places = new Map(present.map((client) => [client, placeOf(`${seed} ${traffic.name} ${draw} ${client}`)]));
  const byPlace = [...present].sort((a, b) => (places.get(a) ?? 0) - (places.get(b) ?? 0));
  const chosen = new Set(byPlace.slice(0, count));
  return present.filter((client) => chosen.has(client));
}

/** How many of `present` clients are active. */
export function countOf(active: Traffic["active"], present: number): number {
  if (active === undefined) return present;
  return "count" in active ? active.count : Math.max(1, Math.round(active.fraction * present));
}

/** FNV-1a of the text, mixed once more: neighbours in name are none in place. */
function placeOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return seededRng(hash).next();
}

function epochsOf(scenario: Case, traffic: Traffic, seed: number): Epoch[] {
  const window = windowOf(scenario, traffic);
  const versions = versionsOf(scenario, traffic.name);
  const epochs: Epoch[] = [];
  for (const [index, { at, now, online }] of versions.entries()) {
    const stop = Math.min(versions[index + 1]?.at ?? window.stop, window.stop);
    const cuts = [Math.max(at, window.start), ...drawsOf(scenario, now).filter((draw) => draw > at && draw < stop)];
    for (const [n, start] of cuts.entries()) {
      const end = cuts[n + 1] ?? stop;
      if (start >= end) continue;
      const clients = activeOf(now, online, drawAt(scenario, now, start), seed);
      epochs.push({ start, stop: end, traffic: now, clients });
    }
  }
  return epochs;
}

interface Version {
  at: number;
  now: Traffic;
  online: ReadonlySet<string>;
}

/** The traffic as it is from each time on at which a change alters it or who is online; of one time, after all of them. */
function versionsOf(scenario: Case, name: string): Version[] {
  const versionOf = (at: number, now: Case): Version => {
    const online = now.clients.flatMap((client: Client) => (client.online === false ? [] : [client.name]));
    return { at, now: now.traffic.find((one) => one.name === name) as Traffic, online: new Set(online) };
  };
  const versions = [versionOf(0, scenario)];
  let now = scenario;
  for (const change of scenario.changes ?? []) {
    if (change.traffic?.[name] === undefined && change.online === undefined) continue;
    now = after(now, change);
    if (versions.at(-1)?.at === change.at) versions.pop();
    versions.push(versionOf(change.at, now));
  }
  return versions;
}

// ---- lives -----------------------------------------------------------------------------------------------------------

interface Run {
  start: number;
  version: number;
}

/** What of a traffic each client has under way: its flows one by one, so that each lives as long as nothing of it changes. */
class Lanes {
  readonly #traffic: Traffic;
  /** Settings of an item, as text → the traffic that has them, in the order of their numbers. */
  readonly #versions = new Map<string, { number: number; traffic: Traffic }>();
  readonly #open = new Map<string, Run[]>();
  readonly #closed = new Map<string, { life: Life; clients: string[] }>();

  constructor(traffic: Traffic) {
    this.#traffic = traffic;
  }

  follow({ start, traffic, clients }: Epoch): void {
    const version = this.#versionOf(traffic);
    const flows = "flows" in traffic ? traffic.flows : 1;
    const active = new Set(clients);
    for (const client of this.#traffic.from) {
      const runs = this.#open.get(client) ?? [];
      const wanted = active.has(client) ? flows : 0;
      const staying = runs.map((run, lane) => lane < wanted && run.version === version);
      for (const [lane, run] of runs.entries()) if (!staying[lane]) this.#close(client, lane, run, start);
      const fresh = (lane: number): Run => (staying[lane] ? (runs[lane] as Run) : { start, version });
      this.#open.set(
        client,
        Array.from({ length: wanted }, (_, lane) => fresh(lane)),
      );
    }
  }

  /** All lives, in order of time; clients and flows that have the same one together. */
  end(stop: number): Traffic[] {
    for (const [client, runs] of this.#open)
      for (const [lane, run] of runs.entries()) this.#close(client, lane, run, stop);
    const order = new Map(this.#traffic.from.map((client, index) => [client, index]));
    const lives = [...this.#closed.values()].sort((a, b) => byTime(a.life, b.life));
    for (const { clients } of lives) clients.sort((a, b) => (order.get(a) ?? 0) - (order.get(b) ?? 0));
    return joinFlows(lives).map(({ life, clients, flows }) => this.#made(life, clients, flows));
  }

  #versionOf(traffic: Traffic): number {
    const settings = settingsOf(traffic);
    const known = this.#versions.get(settings) ?? { number: this.#versions.size, traffic };
    this.#versions.set(settings, known);
    return known.number;
  }

  #close(client: string, lane: number, { start, version }: Run, stop: number): void {
    const key = `${start} ${stop} ${version} ${lane}`;
    const known = this.#closed.get(key) ?? { life: { start, stop, version, first: lane }, clients: [] };
    known.clients.push(client);
    this.#closed.set(key, known);
  }

  #made(life: Life, from: string[], flows: number): Traffic {
    const { traffic } = [...this.#versions.values()][life.version] as { traffic: Traffic };
    return { ...traffic, ...("flows" in traffic ? { flows } : {}), from, life } as Traffic;
  }
}

/** What one item of it is like, apart from whose it is and when: those that agree are one. */
function settingsOf(traffic: Traffic): string {
  const { from: _from, enabled: _enabled, active: _active, reshuffle: _reshuffle, ...own } = traffic;
  return JSON.stringify({ ...own, flows: 0 });
}

function byTime(a: Life, b: Life): number {
  return a.start - b.start || a.stop - b.stop || a.version - b.version || a.first - b.first;
}

/** Neighbouring flows of the same clients with the same life are one entry. */
function joinFlows(lives: readonly { life: Life; clients: string[] }[]) {
  const joined: { life: Life; clients: string[]; flows: number }[] = [];
  for (const { life, clients } of lives) {
    const last = joined.at(-1);
    const isNext = last !== undefined && byTime({ ...last.life, first: life.first }, life) === 0;
    if (isNext && last.life.first + last.flows === life.first && last.clients.join() === clients.join())
      last.flows += 1;
    else joined.push({ life, clients, flows: 1 });
  }
  return joined;
}
