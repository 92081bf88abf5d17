import type { SessionBlueprint } from "../blueprint/types.js";
import { column } from "../recording/index.js";
import { largest, mean, sum } from "../stats/index.js";
import { type Context, lastTime, overlaps, type Phase, rowsBy } from "./context.js";
import { DEFAULT_PHASE, metricName } from "./names.js";
import { putSessionGoodput } from "./session-goodput.js";
import { type Group, groupBy, type Sheet } from "./sheet.js";

const SECOND = 1e9;
/** video.event */
const EVENT = { started: 1, segment: 2, plays: 3, stalls: 4, failed: 5, ended: 6 } as const;

type Playback = "waiting" | "playing" | "stalled" | "over";

/** One thing that happened in a player, and how things stand from then on; times in ns. */
interface Moment {
  time: number;
  event: number;
  rung: number;
  value: number;
  buffered: number;
  playback: Playback;
}

/** What one player did in one phase; times in seconds. */
interface Watching {
  client: string;
  /** Whether anything of it was recorded by the end of the phase. */
  known: boolean;
  segments: { bitrate: number; switched: boolean }[];
  stalls: number;
  stalled: number;
  played: number;
  failed: number;
  /** Content that was buffered at each full second. */
  buffered: number[];
}

/**
 * Metrics of video: stalls and their time, bitrates of the segments that arrived and how often they changed, what was
 * buffered, and how long the first picture took. A stall counts where it began, its time where it passed, a segment
 * where it arrived.
 */
export function videoMetrics(context: Context, sheet: Sheet): void {
  const sessions = (context.blueprint.traffic.sessions ?? []).filter(({ script }) => script.kind === "video");
  if (sessions.length === 0) return;
  putSessionGoodput(context, sheet, sessions);
  const players = new PlayerRecording(context);
  for (const [traffic, own] of groupBy(sessions, (session) => [session.traffic])) {
    for (const phase of context.phases) {
      const viewers = own
        .filter((session) => overlaps(phase, session.start, session.stop))
        .map((session) => players.measure(session, phase));
      const name = (quantity: string): string => metricName(traffic, phase.name, quantity);
      for (const [group, members] of groupBy(viewers, ({ client }) => context.groupsOf(client))) {
        putPlayback(sheet, group, name, members);
        putSegments(sheet, group, name, members);
      }
    }
    putStartup(context, sheet, metricName(traffic, DEFAULT_PHASE, "startup"), own, players);
  }
}

type Namer = (quantity: string) => string;

function putPlayback(sheet: Sheet, group: Group, name: Namer, members: readonly Watching[]): void {
  const recorded = members.filter(({ known }) => known);
  const total = (pick: (member: Watching) => number): number => sum(recorded.map(pick));
  const isWhole = recorded.length === members.length;
  const stalled = total((member) => member.stalled);
  const shown = stalled + total((member) => member.played);
  sheet.put(group, name("stalls"), isWhole ? total((member) => member.stalls) : null, "count", recorded.length);
  sheet.put(group, name("stall_time"), isWhole ? stalled : null, "s", recorded.length);
  sheet.put(group, name("stall_ratio"), isWhole && shown > 0 ? stalled / shown : null, "ratio", recorded.length);
  const buffered = recorded.flatMap((member) => member.buffered);
  sheet.distribution(group, name("buffer"), buffered, "s");
}

function putSegments(sheet: Sheet, group: Group, name: Namer, members: readonly Watching[]): void {
  const segments = members.flatMap((member) => member.segments);
  const isWhole = members.every(({ known }) => known);
  const bitrate = mean(segments.map((segment) => segment.bitrate));
  sheet.put(group, name("bitrate"), bitrate, "bit/s", segments.length);
  const switches = segments.filter(({ switched }) => switched).length;
  sheet.put(group, name("switches"), segments.length > 0 ? switches : null, "count", segments.length);
  const failed = sum(members.map((member) => member.failed));
  sheet.put(group, name("failed"), isWhole ? failed : null, "count", segments.length + failed);
}

/** Of several players the slowest; null as soon as one has never played. */
function putStartup(
  context: Context,
  sheet: Sheet,
  name: string,
  sessions: readonly SessionBlueprint[],
  players: PlayerRecording,
): void {
  const all = sessions.map((session) => {
    return { client: context.shares.clientName(session.client), startup: players.startup(session.id) };
  });
  for (const [group, members] of groupBy(all, ({ client }) => context.groupsOf(client))) {
    const waited = members.map(({ startup }) => startup).filter((startup) => startup !== null);
    sheet.put(group, name, waited.length === members.length ? largest(waited) : null, "s", waited.length);
  }
}

/** Finds what happened in each player. */
class PlayerRecording {
  private readonly rows: Map<number, number[]>;
  /** Last moment at which the traffic process is known to have lived, ns. */
  private readonly aliveUntil: number;

  constructor(private readonly context: Context) {
    this.rows = rowsBy(context.run.tables.video, "session", "time");
    this.aliveUntil = lastTime(context.run);
  }

  /** Seconds until the first picture; null when there was none. */
  startup(session: number): number | null {
    const first = this.moments(session).find(({ event }) => event === EVENT.plays);
    return first === undefined ? null : first.value / SECOND;
  }

  measure({ id, client, stop }: SessionBlueprint, { start, end: last }: Phase): Watching {
    const moments = this.moments(id);
    const end = Math.min(last, stop, this.aliveUntil);
    const inside = moments.filter(({ time }) => time >= start && time < last);
    const count = (event: number): number => inside.filter((moment) => moment.event === event).length;
    return {
      client: this.context.shares.clientName(client),
      known: moments.some(({ time }) => time < last),
      segments: segmentsOf(moments).filter(({ time }) => time >= start && time < last),
      stalls: count(EVENT.stalls),
      stalled: timeIn("stalled", moments, start, end),
      played: timeIn("playing", moments, start, end),
      failed: count(EVENT.failed),
      buffered: buffersAt(moments, start, end),
    };
  }

  private moments(session: number): Moment[] {
    const { video } = this.context.run.tables;
    const at = (name: string, row: number): number => column(video, name)[row] as number;
    let playback: Playback = "waiting";
    return (this.rows.get(session) ?? []).map((row) => {
      const event = at("event", row);
      playback = playbackAfter(event, playback);
      const [time, rung, value, buffered] = ["time", "rung", "value", "buffered"].map((name) => at(name, row));
      return { time, event, rung, value, buffered, playback } as Moment;
    });
  }
}

function playbackAfter(event: number, before: Playback): Playback {
  if (event === EVENT.plays) return "playing";
  if (event === EVENT.stalls) return "stalled";
  return event === EVENT.ended ? "over" : before;
}

/** The segments that arrived, each with whether its rung is another than that of the one before. */
function segmentsOf(moments: readonly Moment[]): { time: number; bitrate: number; switched: boolean }[] {
  const arrived = moments.filter(({ event }) => event === EVENT.segment);
  return arrived.map(({ time, value, rung }, n) => {
    return { time, bitrate: value, switched: n > 0 && arrived[n - 1]?.rung !== rung };
  });
}

/** Seconds of [start, end) in which playback was so. */
function timeIn(playback: Playback, moments: readonly Moment[], start: number, end: number): number {
  const parts = moments.map((moment, n) => {
    const until = moments[n + 1]?.time ?? end;
    return moment.playback === playback ? Math.max(0, Math.min(until, end) - Math.max(moment.time, start)) : 0;
  });
  return sum(parts) / SECOND;
}

/** Seconds of content at each full second of [start, end), from the player's start to its end. */
function buffersAt(moments: readonly Moment[], start: number, end: number): number[] {
  const levels: number[] = [];
  let next = 0;
  for (let at = Math.ceil(start / SECOND) * SECOND; at < end; at += SECOND) {
    while (next < moments.length && (moments[next]?.time ?? 0) <= at) next++;
    const moment = moments[next - 1];
    if (moment === undefined || moment.playback === "over") continue;
    const played = moment.playback === "playing" ? at - moment.time : 0;
    levels.push(Math.max(0, moment.buffered - played) / SECOND);
  }
  return levels;
}
