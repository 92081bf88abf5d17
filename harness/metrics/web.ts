import type { SessionBlueprint } from "../blueprint/types.js";
import { column, type Table } from "../recording/index.js";
import { median } from "../stats/index.js";
import { type Context, overlaps, type Phase, rowsBy } from "./context.js";
import { BASELINE_PHASE, metricName } from "./names.js";
import { putSessionGoodput } from "./session-goodput.js";
import { type Group, groupBy, type Sheet } from "./sheet.js";

const SECOND = 1e9;
/** page.result and transfer.result */
const COMPLETE = 0;
const FAILED = 1;
/** transfer.label: what script_web.c asks for. */
const DOCUMENT = 1;

/** A page that a client began to load; times in ns. */
interface PageLoad {
  started: number;
  ended: number;
  result: number;
}

/** What one client's browser did in one phase; times in seconds. */
interface Browsing {
  client: string;
  pages: PageLoad[];
  /** Median load time of its idle pages; null = there is none. */
  baseline: number | null;
  /** Of documents and of other objects that were asked for in the phase, from the asking on. */
  firstBytes: number[];
  objectTimes: number[];
}

/**
 * Metrics of web traffic: page load times, also as a multiple of the client's idle median, times to the first byte of
 * documents and to the last of other objects, pages that came, failed or were not over at the end. A page belongs to the
 * phase in which it began, an object to that in which it was asked for; of the idle phase only pages that ended in it
 * count, since the others met the load.
 */
export function webMetrics(context: Context, sheet: Sheet): void {
  const sessions = (context.blueprint.traffic.sessions ?? []).filter(({ script }) => script.kind === "web");
  if (sessions.length === 0) return;
  putSessionGoodput(context, sheet, sessions);
  const recording = new PageRecording(context);
  for (const [traffic, own] of groupBy(sessions, (session) => [session.traffic])) {
    const baselines = recording.baselines(own);
    for (const phase of context.phases) {
      const browsers = own
        .filter((session) => overlaps(phase, session.start, session.stop))
        .map((session) => recording.measure(session, phase, baselines));
      const name = (quantity: string): string => metricName(traffic, phase.name, quantity);
      for (const [group, members] of groupBy(browsers, ({ client }) => context.groupsOf(client))) {
        putTimes(sheet, group, name, members);
        putCounts(sheet, group, name, members);
        if (phase.name !== BASELINE_PHASE) putRatio(sheet, group, name, members);
      }
    }
  }
}

type Namer = (quantity: string) => string;

function putTimes(sheet: Sheet, group: Group, name: Namer, members: readonly Browsing[]): void {
  const times = members.flatMap(({ pages }) => complete(pages).map(loadTime));
  sheet.distribution(group, name("plt"), times, "s");
  const firstBytes = members.flatMap((member) => member.firstBytes);
  sheet.distribution(group, name("ttfb"), firstBytes, "s");
  const objectTimes = members.flatMap((member) => member.objectTimes);
  sheet.distribution(group, name("object_time"), objectTimes, "s");
}

/** Each page against its own client's baseline, so that near and far clients may be pooled. */
function putRatio(sheet: Sheet, group: Group, name: Namer, members: readonly Browsing[]): void {
  const ratios = members.flatMap(({ pages, baseline }) =>
    baseline === null ? [] : complete(pages).map((page) => loadTime(page) / baseline),
  );
  sheet.distribution(group, name("plt_ratio"), ratios, "ratio");
}

function putCounts(sheet: Sheet, group: Group, name: Namer, members: readonly Browsing[]): void {
  const pages = members.flatMap((member) => member.pages);
  const count = (quantity: string, found: readonly PageLoad[]): void =>
    sheet.put(group, name(quantity), pages.length > 0 ? found.length : null, "count", pages.length);
  const failed = pages.filter(({ result }) => result === FAILED);
  count("pages", complete(pages));
  count("failed", failed);
  count(
    "unfinished",
    pages.filter(({ result }) => result !== COMPLETE && result !== FAILED),
  );
}

function complete(pages: readonly PageLoad[]): PageLoad[] {
  return pages.filter(({ result }) => result === COMPLETE);
}

function loadTime({ started, ended }: PageLoad): number {
  return (ended - started) / SECOND;
}

/** Finds the pages and objects of each session. */
class PageRecording {
  private readonly pages: Map<number, number[]>;
  private readonly objects: Map<number, number[]>;

  constructor(private readonly context: Context) {
    const { tables } = context.run;
    this.pages = rowsBy(tables.page, "session", "started");
    this.objects = rowsBy(tables.transfer, "session", "asked");
  }

  /** Client → median load time of its idle pages, over all its sessions of the traffic. */
  baselines(sessions: readonly SessionBlueprint[]): Map<number, number | null> {
    const idle = this.context.phases.find((phase) => phase.name === BASELINE_PHASE);
    const found = [...groupBy(sessions, (session) => [session.client])].map(
      ([client, own]): [number, number | null] => {
        const pages = idle === undefined ? [] : own.flatMap(({ id }) => this.pagesIn(id, idle));
        return [client, median(complete(pages).map(loadTime))];
      },
    );
    return new Map(found);
  }

  measure(session: SessionBlueprint, phase: Phase, baselines: ReadonlyMap<number, number | null>): Browsing {
    const { transfer } = this.context.run.tables;
    const at = (name: string, row: number): number => column(transfer, name)[row] as number;
    const asked = within(transfer, "asked", this.objects.get(session.id) ?? [], phase);
    const documents = asked.filter((row) => at("label", row) === DOCUMENT && at("first_byte", row) > 0);
    const objects = asked.filter((row) => at("label", row) !== DOCUMENT && at("result", row) === COMPLETE);
    return {
      client: this.context.shares.clientName(session.client),
      pages: this.pagesIn(session.id, phase),
      baseline: baselines.get(session.client) ?? null,
      firstBytes: documents.map((row) => (at("first_byte", row) - at("asked", row)) / SECOND),
      objectTimes: objects.map((row) => (at("time", row) - at("asked", row)) / SECOND),
    };
  }

  private pagesIn(session: number, phase: Phase): PageLoad[] {
    const { page } = this.context.run.tables;
    const at = (name: string, row: number): number => column(page, name)[row] as number;
    const found = within(page, "started", this.pages.get(session) ?? [], phase).map((row) => {
      return { started: at("started", row), ended: at("time", row), result: at("result", row) };
    });
    return phase.name === BASELINE_PHASE ? found.filter(({ ended }) => ended <= phase.end) : found;
  }
}

/** The rows whose `key` lies in the phase. */
function within(table: Table, key: string, rows: readonly number[], { start, end }: Phase): number[] {
  const values = column(table, key);
  return rows.filter((row) => (values[row] as number) >= start && (values[row] as number) < end);
}
