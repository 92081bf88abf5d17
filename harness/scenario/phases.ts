import type { Case, Change, Plan } from "./types.js";

/** The phases that every run has, unless they have no length; changes may cut others out of them. */
export const DEFAULT_PHASES = ["idle", "ramp", "loaded", "cooldown"] as const;

export type DefaultPhase = (typeof DEFAULT_PHASES)[number];

interface Span {
  name: string;
  of: DefaultPhase;
  start: number;
  end: number;
}

/** The phases of a run in order, those without length left out: the default ones, cut where changes open others. */
export function spansOf({ phases, changes }: Pick<Case, "phases" | "changes">): Span[] {
  let start = 0;
  let spans = DEFAULT_PHASES.flatMap((name): Span[] => {
    const span = { name, of: name, start, end: start + phases[name] };
    start = span.end;
    return span.end > span.start ? [span] : [];
  });
  // Recordings of older versions have no changes.
  for (const { at, phase } of changes ?? []) {
    if (phase === null) continue;
    spans = spans.flatMap((span) => {
      const opened = { name: phase, of: span.of, start: at, end: span.end };
      return at > span.start && at < span.end ? [{ ...span, end: at }, opened] : [span];
    });
  }
  return spans;
}

/** What decides what a client may expect: rates, what they count, and whether they are enforced. */
function entitlementOf({ down, up, framing, sqmDown, sqmUp }: Plan): string {
  const enforced = [sqmDown, sqmUp].map(({ discipline }) => (discipline === "none" ? "none" : "shaped"));
  return JSON.stringify([down, up, framing, enforced]);
}

/** Phases within which what some client may expect changes: its plan, or what is above it. Also of a case that is complete. */
export function mixedPhases({ phases, plans, changes }: Pick<Case, "phases" | "plans" | "changes">): Set<string> {
  const spans = spansOf({ phases, changes });
  const mixed = new Set<string>();
  const inForce = { ...plans };
  for (const { at, plans: changed } of changes) {
    for (const [name, plan] of Object.entries(changed)) {
      const before = inForce[name];
      inForce[name] = plan;
      if (before !== undefined && entitlementOf(before) === entitlementOf(plan)) continue;
      for (const phase of within(spans, at)) mixed.add(phase);
    }
  }
  return mixed;
}

/** Phases within which a change of some kind happens. */
export function phasesWith(
  { phases, changes }: Pick<Case, "phases" | "changes">,
  concerns: (change: Change) => boolean,
): Set<string> {
  const spans = spansOf({ phases, changes });
  return new Set(changes.filter(concerns).flatMap(({ at }) => within(spans, at)));
}

function within(spans: readonly Span[], at: number): string[] {
  return spans.flatMap(({ name, start, end }) => (at > start && at < end ? [name] : []));
}
