import { selectClients } from "./clients.js";
import type { Draft, Section } from "./draft.js";
import { DEFAULT_PHASES } from "./phases.js";
import type { Problems } from "./problem.js";
import type { CaptureSpec } from "./schema-capture.js";
import { didYouMean, oneOf } from "./suggest.js";
import { nodeAt, positionAt } from "./tree.js";
import type { Capture, Client } from "./types.js";

/** Packet sockets that one run may have. */
const MAX_SOCKETS = 256;
const MAX_CAPTURES = 16;

export function checkCaptures(draft: Draft, clients: readonly Client[], problems: Problems): void {
  const captures = [...draft.captures.values()];
  for (const section of captures) {
    checkFrom(section, draft, clients, problems);
    checkSide(section, problems);
    checkPhases(section, draft, problems);
  }
  checkNumbers(captures, draft, clients, problems);
}

function checkFrom(
  { name: own, node, value }: Section<CaptureSpec>,
  draft: Draft,
  clients: readonly Client[],
  problems: Problems,
): void {
  for (const [index, pattern] of (value?.from ?? []).entries()) {
    const { messages } = selectClients([pattern], clients, draft);
    for (const message of messages)
      problems.error(positionAt(node, ["from", index]), `capture.${own}.from: ${message}`);
  }
}

function checkSide({ name: own, node, value }: Section<CaptureSpec>, problems: Problems): void {
  if (value?.at !== "client" || value.side === undefined) return;
  const message = 'a client has one interface; side belongs to at = "dataplane"';
  problems.error(positionAt(node, ["side"]), `capture.${own}.side: ${message}`, "leave it out");
}

/** A phase that the run does not have, or that has no length, would make an empty file. */
function checkPhases({ name: own, node, value }: Section<CaptureSpec>, draft: Draft, problems: Problems): void {
  const { phases } = draft;
  if (value?.phases === undefined || phases === undefined) return;
  const lasting = DEFAULT_PHASES.filter((phase) => phase === "loaded" || phases[phase] > 0);
  const known = [...lasting, ...draft.changes.flatMap((change) => change.value?.phase ?? [])];
  for (const [index, phase] of value.phases.entries()) {
    if (known.includes(phase)) continue;
    const message = `this run has no phase "${phase}"; ${didYouMean(phase, known)}phases: ${oneOf(known)}`;
    problems.error(positionAt(node, ["phases", index]), `capture.${own}.phases: ${message}`);
  }
}

function checkNumbers(
  captures: Section<CaptureSpec>[],
  draft: Draft,
  clients: readonly Client[],
  problems: Problems,
): void {
  const excess = captures[MAX_CAPTURES];
  if (excess) {
    const message = `${captures.length} captures; at most ${MAX_CAPTURES} are allowed`;
    problems.error(excess.at, `capture.${excess.name}: ${message}`, "one capture can have several clients");
  }
  let sockets = 0;
  for (const { name: own, at, node, value } of captures) {
    if (value?.at !== "client") continue;
    sockets += selected(value, draft, clients).length;
    if (sockets <= MAX_SOCKETS) continue;
    const message = `${sockets} clients are captured one by one; at most ${MAX_SOCKETS} are allowed`;
    const hint = 'name fewer in from, or capture at = "dataplane", where all of them pass';
    problems.error(nodeAt(node, ["from"])?.at ?? at, `capture.${own}: ${message}`, hint);
    return;
  }
}

function selected({ from }: CaptureSpec, draft: Draft, clients: readonly Client[]): string[] {
  return from === undefined ? clients.map((client) => client.name) : selectClients(from, clients, draft).names;
}

export function resolveCapture(own: string, spec: CaptureSpec, draft: Draft, clients: readonly Client[]): Capture {
  const { at, from, side = "both", snaplen, limit, phases = null, keep } = spec;
  return {
    name: own,
    at,
    from: from === undefined ? null : selected(spec, draft, clients),
    side,
    snaplen,
    limit,
    phases,
    keep,
  };
}
